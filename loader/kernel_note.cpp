#include "loader/kernel_note.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "include/baton/handoff.h"
#include "loader/handoff/handoff.h"

namespace loader {
namespace {

using mm::Error;
using mm::Result;

template <class Word>
std::optional<Word> word_at(std::span<const uint8_t> file, size_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(Word)) return std::nullopt;
  Word word;
  std::memcpy(&word, file.data() + offset, sizeof(word));
  return word;
}

// Bytes at a place, which tell what a file is.
struct Sign {
  size_t offset;
  std::string_view bytes;
  mm::ErrorText what;
};

constexpr mm::ErrorText kLinux = "is a Linux kernel: start it by a menu entry with `linux`";
constexpr mm::ErrorText kCompressed = "is compressed: unpack it first";

// The first that fits: Linux's kernels are UEFI programs, too.
constexpr std::array<Sign, 10> kSigns{{
    {0x202, "HdrS", kLinux},                                  // Documentation/arch/x86/boot.rst
    {0x38, std::string_view("ARM\x64", 4), kLinux},           // Documentation/arm64/booting.rst
    {0x24, std::string_view("\x18\x28\x6f\x01", 4), kLinux},  // arch/arm/boot/compressed/head.S
    {0, "MZ", "is a UEFI program: start it by a menu entry with `efi`"},
    {0, std::string_view("\x1f\x8b\x08", 3), kCompressed},  // gzip
    {0,
     std::string_view("\xfd"
                      "7zXZ\0",
                      6),
     kCompressed},                                              // xz
    {0, std::string_view("\x28\xb5\x2f\xfd", 4), kCompressed},  // zstd
    {0, std::string_view("\x02\x21\x4c\x18", 4), kCompressed},  // lz4, as Linux's images have it
    {0, std::string_view("\x27\x05\x19\x56", 4), "is an image for U-Boot's bootm"},
    {0, "#!", "is a script"},
}};

// Whether 32-bit words that sum to 0 begin with `magic` at a multiple of `step` of the first `most`
// bytes.
bool has_header(std::span<const uint8_t> file, uint32_t magic, size_t words, size_t step,
                size_t most) {
  file = file.first(std::min(file.size(), most));
  for (size_t at = 0; at + words * 4 <= file.size(); at += step) {
    if (*word_at<uint32_t>(file, at) != magic) continue;
    uint32_t sum = 0;
    for (size_t i = 0; i < words; ++i) sum += *word_at<uint32_t>(file, at + 4 * i);
    if (sum == 0) return true;
  }
  return false;
}

// Multiboot Specification 0.6.96, section 3.1.1, and Multiboot2 2.0, section 3.1.1.
bool is_multiboot(std::span<const uint8_t> file) {
  return has_header(file, 0x1badb002, 3, 4, 8 * mm::kKiB);
}
bool is_multiboot2(std::span<const uint8_t> file) {
  return has_header(file, 0xe85250d6, 4, 8, 32 * mm::kKiB);
}

// What every request of the Limine boot protocol begins with.
bool asks_limine(std::span<const uint8_t> file) {
  for (size_t at = 0; at + 16 <= file.size(); at += 8) {
    if (*word_at<uint64_t>(file, at) == 0xc7b1dd30df4c8b88 &&
        *word_at<uint64_t>(file, at + 8) == 0x0a82e883a194f07b) {
      return true;
    }
  }
  return false;
}

Result<KernelWishes> take_note(std::span<const uint8_t> note, const char* name) {
  baton_note wishes;
  if (note.size() < sizeof(wishes)) {
    return Error{"its Baton note is too short (bytes {}, needed {})", name, note.size(),
                 sizeof(wishes)};
  }
  std::memcpy(&wishes, note.data(), sizeof(wishes));
  if (wishes.version != kHandoffVersion) {
    return Error{"is built for another handoff (its version is {}, this loader's {})", name,
                 wishes.version, kHandoffVersion};
  }
  if (wishes.stack_size > kMostStack) {
    return Error{"asks for too large a stack (bytes {}, most {})", name, wishes.stack_size,
                 kMostStack};
  }
  return KernelWishes{
      .stack_size = std::max(kUsualStack, mm::align_up(wishes.stack_size, mm::kPageSize)),
      .kaslr = (wishes.wishes & BATON_WISH_KASLR) != 0};
}

}  // namespace

Result<std::optional<KernelWishes>> kernel_wishes(std::span<const uint8_t> notes,
                                                  const char* name) {
  constexpr size_t kHeader = 12;
  // With the NUL, as notes have it.
  constexpr std::string_view kOwner(BATON_NOTE_NAME, sizeof(BATON_NOTE_NAME));
  static constexpr char kLinuxName[] = "Linux", kXenName[] = "Xen";
  constexpr std::string_view kLinuxOwner(kLinuxName, sizeof(kLinuxName));
  constexpr std::string_view kXenOwner(kXenName, sizeof(kXenName));
  bool linux = false, xen = false;
  while (notes.size() >= kHeader) {
    const uint64_t owner = *word_at<uint32_t>(notes, 0), size = *word_at<uint32_t>(notes, 4);
    const uint32_t type = *word_at<uint32_t>(notes, 8);
    const uint64_t begin = kHeader + mm::align_up(owner, 4), end = begin + mm::align_up(size, 4);
    if (begin + size > notes.size()) {
      return Error{"a note ends behind its segment (bytes of its name {}, of the note {})", name,
                   owner, size};
    }
    const std::string_view owned(reinterpret_cast<const char*>(notes.data()) + kHeader,
                                 static_cast<size_t>(owner));
    if (owned == kOwner && type == BATON_NOTE_TYPE) {
      return std::optional(BATON_TRY(
          take_note(notes.subspan(static_cast<size_t>(begin), static_cast<size_t>(size)), name)));
    }
    linux = linux || owned == kLinuxOwner;
    xen = xen || owned == kXenOwner;
    notes = notes.subspan(static_cast<size_t>(std::min<uint64_t>(end, notes.size())));
  }
  if (linux) {
    return Error{
        "is a Linux kernel without its boot code (vmlinux): start its bzImage or Image by a menu "
        "entry with `linux`",
        name};
  }
  if (xen) return Error{"is a kernel for Xen's PVH", name};
  return std::optional<KernelWishes>{};
}

Result<> refuse_foreign(std::span<const uint8_t> file, const char* name) {
  for (const Sign& sign : kSigns) {
    if (file.size() < sign.offset + sign.bytes.size()) continue;
    if (std::memcmp(file.data() + sign.offset, sign.bytes.data(), sign.bytes.size()) == 0) {
      return Error{sign.what, name};
    }
  }
  if (is_multiboot(file)) return Error{"is a Multiboot kernel: GRUB starts it", name};
  return {};
}

Result<> refuse_foreign_elf(std::span<const uint8_t> file, const char* name) {
  if (is_multiboot2(file)) return Error{"is a Multiboot2 kernel: GRUB starts it", name};
  if (is_multiboot(file)) return Error{"is a Multiboot kernel: GRUB starts it", name};
  if (asks_limine(file)) return Error{"is a kernel for Limine", name};
  return {};
}

}  // namespace loader
