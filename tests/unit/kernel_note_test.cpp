// What a kernel's file says of itself, and what other files are called.
#include "loader/kernel_note.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "include/baton/handoff.h"
#include "loader/handoff/handoff.h"
#include "mm/format.h"

namespace loader {
namespace {

using Bytes = std::vector<uint8_t>;

void put(Bytes& to, size_t at, std::string_view bytes) {
  if (to.size() < at + bytes.size()) to.resize(at + bytes.size());
  std::memcpy(to.data() + at, bytes.data(), bytes.size());
}
template <class Word>
void put_word(Bytes& to, size_t at, Word word) {
  put(to, at, {reinterpret_cast<const char*>(&word), sizeof(word)});
}

// A note: its owner's name with the NUL, and what it says.
Bytes note(std::string_view owner, uint32_t type, std::string_view says) {
  Bytes out;
  put_word(out, 0, static_cast<uint32_t>(owner.size()));
  put_word(out, 4, static_cast<uint32_t>(says.size()));
  put_word(out, 8, type);
  put(out, 12, owner);
  out.resize(mm::align_up(out.size(), 4));
  put(out, out.size(), says);
  out.resize(mm::align_up(out.size(), 4));
  return out;
}

Bytes ours(uint32_t version, uint64_t stack) {
  const baton_note wishes{version, 0, stack};
  return note({"Baton", 6}, BATON_NOTE_TYPE,
              {reinterpret_cast<const char*>(&wishes), sizeof(wishes)});
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

template <class T>
std::string refusal(const mm::Result<T>& result) {
  char text[200] = {};
  if (!result.ok()) mm::format(text, "{}", result.error());
  return text;
}

uint64_t stack_of(const Bytes& notes) {
  const auto wishes = kernel_wishes(notes, "kernel");
  return wishes.ok() && wishes.value() ? wishes.value()->stack_size : 0;
}

TEST(KernelNote, TheStackIsAsLargeAsAskedFor) {
  EXPECT_EQ(stack_of(ours(kHandoffVersion, 0)), kUsualStack);
  EXPECT_EQ(stack_of(ours(kHandoffVersion, 100'000)), 25u * 4096);
  EXPECT_EQ(stack_of(ours(kHandoffVersion, kMostStack)), kMostStack);
  EXPECT_EQ(refusal(kernel_wishes(ours(kHandoffVersion, kMostStack + 1), "kernel")),
            "kernel: asks for too large a stack (bytes 1048577, most 1048576)");
}

TEST(KernelNote, OneForAnotherHandoffIsRefused) {
  EXPECT_EQ(refusal(kernel_wishes(ours(kHandoffVersion + 1, 0), "kernel")),
            "kernel: is built for another handoff (its version is " +
                std::to_string(kHandoffVersion + 1) + ", this loader's " +
                std::to_string(kHandoffVersion) + ")");
}

TEST(KernelNote, ItIsFoundAmongOthers) {
  const Bytes gnu = note({"GNU", 4}, 3, "0123456789abcdefghi");
  EXPECT_EQ(stack_of(gnu + ours(kHandoffVersion, 65536) + gnu), 65536u);
  EXPECT_EQ(stack_of(note({"Baton", 6}, 2, "another") + ours(kHandoffVersion, 65536)), 65536u);
  const auto none = kernel_wishes(gnu, "kernel");
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none.value());
  EXPECT_FALSE(kernel_wishes({}, "kernel").value());
}

TEST(KernelNote, OneThatIsTornIsNamed) {
  const Bytes whole = ours(kHandoffVersion, 0);
  for (size_t size = 12; size < whole.size(); ++size) {
    EXPECT_NE(refusal(kernel_wishes(std::span(whole).first(size), "kernel")).find("ends behind"),
              std::string::npos)
        << size;
  }
  Bytes wrong = whole;
  put_word(wrong, 0, 0xffff'fff0U);
  EXPECT_NE(refusal(kernel_wishes(wrong, "kernel")).find("4294967280"), std::string::npos);
  EXPECT_EQ(refusal(kernel_wishes(note({"Baton", 6}, BATON_NOTE_TYPE, "short"), "kernel")),
            "kernel: its Baton note is too short (bytes 5, needed 16)");
}

TEST(KernelNote, LinuxWithoutItsBootCodeIsNamed) {
  EXPECT_EQ(refusal(kernel_wishes(note({"Xen", 4}, 6, "linux"), "kernel")),
            "kernel: is a kernel for Xen's PVH");
  EXPECT_EQ(stack_of(note({"Xen", 4}, 18, "pvh!") + ours(kHandoffVersion, 65536)), 65536u);
  EXPECT_NE(refusal(kernel_wishes(note({"Linux", 6}, 0x100, "x"), "kernel")).find("vmlinux"),
            std::string::npos);
}

TEST(ForeignKernel, IsCalledWhatItIs) {
  struct Case {
    size_t at;
    std::string_view bytes;
    std::string_view what;
  };
  const Case cases[] = {
      {0x202, "HdrS", "Linux"},
      {0x38, "ARM\x64", "Linux"},
      {0x24, {"\x18\x28\x6f\x01", 4}, "Linux"},
      {0, "MZ", "UEFI program"},
      {0, "\x1f\x8b\x08", "compressed"},
      {0,
       {"\xfd"
        "7zXZ\0",
        6},
       "compressed"},
      {0, "\x28\xb5\x2f\xfd", "compressed"},
      {0, "\x02\x21\x4c\x18", "compressed"},
      {0, "\x27\x05\x19\x56", "U-Boot"},
      {0, "#!/bin/sh", "script"},
  };
  for (const Case& c : cases) {
    Bytes file(4096);
    put(file, c.at, c.bytes);
    EXPECT_NE(refusal(refuse_foreign(file, "kernel")).find(c.what), std::string::npos) << c.what;
    EXPECT_TRUE(refuse_foreign(std::span(file).first(c.at + 1), "kernel").ok()) << c.what;
  }
  EXPECT_TRUE(refuse_foreign(Bytes(4096), "kernel").ok());
  EXPECT_TRUE(refuse_foreign({}, "kernel").ok());
}

TEST(ForeignKernel, LinuxIsNoMereUefiProgram) {
  Bytes file(4096);
  put(file, 0, "MZ");
  put(file, 0x202, "HdrS");
  EXPECT_NE(refusal(refuse_foreign(file, "kernel")).find("Linux"), std::string::npos);
}

// Words that sum to 0 where the specification looks for them, and nothing else.
TEST(ForeignKernel, MultibootIsKnownByItsHeader) {
  for (const auto& [magic, words, step, most] :
       {std::tuple{0x1badb002U, 3U, 4U, 8192U}, std::tuple{0xe85250d6U, 4U, 8U, 32768U}}) {
    const auto refused = [&](size_t at, uint32_t flaw) {
      Bytes file(65536);
      put_word(file, at, magic);
      put_word(file, at + 4, 24U);
      put_word(file, at + 4 * (words - 1), 0 - magic - 24 + flaw);
      return !refuse_foreign_elf(file, "kernel").ok();
    };
    EXPECT_TRUE(refused(0, 0));
    EXPECT_TRUE(refused(step, 0));
    EXPECT_FALSE(refused(step + step / 2, 0));
    EXPECT_TRUE(refused(mm::align_down(most - 4 * words, step), 0));
    EXPECT_FALSE(refused(most, 0));
    EXPECT_FALSE(refused(step, 1));
  }
}

TEST(ForeignKernel, LiminesIsKnownByItsRequests) {
  Bytes file(65536);
  put_word(file, 40'000, uint64_t{0xc7b1dd30df4c8b88});
  EXPECT_TRUE(refuse_foreign_elf(file, "kernel").ok());
  put_word(file, 40'008, uint64_t{0x0a82e883a194f07b});
  EXPECT_NE(refusal(refuse_foreign_elf(file, "kernel")).find("Limine"), std::string::npos);
}

}  // namespace
}  // namespace loader
