// What a boot menu and the system it starts tell each other.
#include "loader/menu/boot_loader_interface.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace loader {
namespace {

std::vector<uint8_t> utf16(std::u16string_view text) {
  std::vector<uint8_t> bytes;
  for (const char16_t c : text) {
    bytes.push_back(static_cast<uint8_t>(c));
    bytes.push_back(static_cast<uint8_t>(c >> 8));
  }
  return bytes;
}

std::string read(const std::vector<uint8_t>& bytes) {
  std::array<char, 8> room{};
  const auto text = parse_loader_text(bytes, "name", room);
  if (!text.ok()) return std::string("error: ") + static_cast<const char*>(text.error().what);
  EXPECT_EQ(room[text.value().size()], '\0');
  return std::string(text.value());
}

TEST(BootLoaderInterface, Texts) {
  using std::literals::operator""sv;
  EXPECT_EQ(read(utf16(u"arch\0"sv)), "arch");
  EXPECT_EQ(read(utf16(u"arch"sv)), "arch");
  EXPECT_EQ(read(utf16(u"ar\0ch"sv)), "ar");
  EXPECT_EQ(read({}), "");
  EXPECT_EQ(read({'a', 0, 'b'}), "a");
  EXPECT_EQ(read(utf16(u"1234567"sv)), "1234567");
  EXPECT_EQ(read(utf16(u"12345678"sv)), "error: is too long (most {} characters)");
  EXPECT_EQ(read(utf16(u"a\u00e4"sv)), "error: is no printable ASCII (character {:#x}, at {})");
}

TEST(BootLoaderInterface, Timeouts) {
  EXPECT_EQ(parse_loader_timeout("15"), 15u);
  EXPECT_EQ(parse_loader_timeout("0"), 0u);
  EXPECT_EQ(parse_loader_timeout("menu-hidden"), 0u);
  EXPECT_EQ(parse_loader_timeout("menu-disabled"), 0u);
  EXPECT_EQ(parse_loader_timeout("menu-force"), MenuConfig::kForEver);
  for (const char* const no : {"", "-1", "4294967296", "soon", "3 s"}) {
    EXPECT_EQ(parse_loader_timeout(no), std::nullopt) << no;
  }
}

TEST(BootLoaderInterface, WhichEntry) {
  std::vector<BootEntry> entries(4);
  entries[0].id = "arch";
  entries[1].id = "debian";
  entries[2].id = "baton";
  entries[3].id = "debian-old";
  entries[3].tries_left = 0;
  EXPECT_EQ(wanted_entry(entries, {}), 0u);
  EXPECT_EQ(wanted_entry(entries, {{}, {}, "baton"}), 2u);
  EXPECT_EQ(wanted_entry(entries, {{}, "debian.conf", "baton"}), 1u);
  EXPECT_EQ(wanted_entry(entries, {"arch.conf", "debian", "baton"}), 0u);
  EXPECT_EQ(wanted_entry(entries, {"gone", "gone", "baton"}), 2u);
  EXPECT_EQ(wanted_entry(entries, {"gone", "gone", "gone"}), 0u);
  // One that used up its tries is started when somebody asks for it, and not otherwise.
  EXPECT_EQ(wanted_entry(entries, {"debian-old", {}, {}}), 3u);
  EXPECT_EQ(wanted_entry(entries, {{}, "debian-old", "baton"}), 2u);
  EXPECT_EQ(wanted_entry(entries, {{}, {}, "debian-*"}), 0u);
  entries.erase(entries.begin(), entries.begin() + 3);
  EXPECT_EQ(wanted_entry(entries, {{}, {}, "debian-*"}), 0u);
}

std::string counted(const char* file) {
  const auto entry = parse_entry(file, "efi /x", {});
  std::array<char, 64> room{};
  const size_t length = counted_name(*entry, room);
  return {room.data(), length};
}

TEST(BootLoaderInterface, AttemptsAreCountedInTheName) {
  EXPECT_EQ(counted("x+3.conf"), "x+2-1.conf");
  EXPECT_EQ(counted("x+2-1.conf"), "x+1-2.conf");
  EXPECT_EQ(counted("x+1-2.conf"), "x+0-3.conf");
  EXPECT_EQ(counted("x+0-3.conf"), "");
  EXPECT_EQ(counted("x.conf"), "");
  EXPECT_EQ(counted("x+y+10-999999999.conf"), "x+y+9-1000000000.conf");
  // The length is told whatever the room.
  std::array<char, 3> small{};
  EXPECT_EQ(counted_name(*parse_entry("x+3.conf", "efi /x", {}), small), 10u);
  EXPECT_EQ(std::string(small.data(), 3), "x+2");
}

TEST(BootLoaderInterface, Identifiers) {
  std::array<char, 64> room{};
  const size_t length = loader_entry_id(*parse_entry("arch-6.1+2-1.conf", "efi /x", {}), room);
  EXPECT_EQ(std::string(room.data(), length), "arch-6.1.conf");
}

TEST(BootLoaderInterface, Times) {
  EXPECT_EQ(counter_microseconds(2'500'000, 1'000'000), 2500u);
  EXPECT_EQ(counter_microseconds(2'500'999, 1'000'000), 2500u);
  EXPECT_EQ(counter_microseconds(~uint64_t{0}, 1'000'000), 18446744073709551u);
  EXPECT_EQ(counter_microseconds(7, 0), 0u);
}

TEST(BootLoaderInterface, ThePartitionOfADevicePath) {
  // PCI root, a GPT partition, the end.
  std::vector<uint8_t> path{2, 1, 12, 0, 0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0, 4, 1, 42, 0};
  path.resize(path.size() + 20);
  for (uint8_t i = 0; i < 16; ++i) path.push_back(static_cast<uint8_t>(0xa0 + i));
  path.insert(path.end(), {2, 2});
  const size_t end = path.size();
  path.insert(path.end(), {0x7f, 0xff, 4, 0});
  std::array<char, kGuidText> guid{};
  ASSERT_TRUE(partition_guid(path, guid));
  EXPECT_EQ(std::string(guid.data(), guid.size()), "a3a2a1a0-a5a4-a7a6-a8a9-aaabacadaeaf");
  EXPECT_FALSE(partition_guid({}, guid));
  for (size_t length = 0; length < end; ++length) {
    EXPECT_FALSE(partition_guid(std::span(path).first(length), guid)) << length;
  }
  path[end - 1] = 1;  // a master boot record's
  EXPECT_FALSE(partition_guid(path, guid));
}

}  // namespace
}  // namespace loader
