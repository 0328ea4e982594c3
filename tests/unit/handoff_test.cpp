// The kernel takes a handoff only when every field it relies on is right.
#include "loader/handoff/handoff.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

namespace loader {
namespace {

Handoff good() {
  Handoff h{};
  h.magic = kHandoffMagic;
  h.version = kHandoffVersion;
  h.size = sizeof(Handoff);
  h.e820 = {0x1000, 3, sizeof(mm::E820Entry)};
  h.reservations = {0x2000, 2, sizeof(mm::Reservation)};
  h.efi_map = 0x3000;
  h.efi_map_size = 480;
  h.efi_descriptor_size = 48;
  h.paging_levels = 4;
  h.direct_map = kDirectMap4Level;
  seal(h);
  return h;
}

TEST(Handoff, AGoodOneIsTaken) {
  EXPECT_TRUE(check(good()).ok());
  Handoff five = good();
  five.paging_levels = 5;
  five.direct_map = kDirectMap5Level;
  seal(five);
  EXPECT_TRUE(check(five).ok());
}

TEST(Handoff, MoreThanAKernelTakesIsNamed) {
  EXPECT_TRUE(
      check_room(kMaxHandoffOptions, kMaxHandoffSegments, kMaxHandoffResults, kMaxHandoffMapChanges)
          .ok());
  const auto options = check_room(kMaxHandoffOptions + 1, 1, 1, 0);
  ASSERT_FALSE(options.ok());
  EXPECT_STREQ(options.error().subject, "options");
  EXPECT_EQ(options.error().a, 4096u);
  EXPECT_EQ(options.error().b, 4095u);
  EXPECT_STREQ(check_room(0, kMaxHandoffSegments + 1, 0, 0).error().subject, "segments");
  EXPECT_STREQ(check_room(0, 0, kMaxHandoffResults + 1, 0).error().subject, "results");
  EXPECT_STREQ(check_room(0, 0, 0, kMaxHandoffMapChanges + 1).error().subject, "map_changes");
}

TEST(Handoff, EveryFlippedBitIsNoticed) {
  for (size_t bit = 0; bit < sizeof(Handoff) * 8; ++bit) {
    Handoff h = good();
    reinterpret_cast<unsigned char*>(&h)[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
    EXPECT_FALSE(check(h).ok()) << "bit " << bit;
  }
}

TEST(Handoff, TheFieldThatIsWrongIsNamed) {
  struct Case {
    const char* field;
    std::function<void(Handoff&)> spoil;
  };
  const Case cases[] = {
      {"magic", [](Handoff& h) { h.magic = 1; }},
      {"version", [](Handoff& h) { h.version = kHandoffVersion + 1; }},
      {"size", [](Handoff& h) { h.size = 8; }},
      {"e820", [](Handoff& h) { h.e820.count = 0; }},
      {"e820", [](Handoff& h) { h.e820.element_size = 20; }},
      {"e820", [](Handoff& h) { h.e820.address = 0; }},
      {"reservations", [](Handoff& h) { h.reservations.address = 0x2001; }},
      {"acpi_tables",
       [](Handoff& h) {
         h.acpi_tables = {0x1000, 1, 1};
       }},
      {"results",
       [](Handoff& h) {
         h.results = {uint64_t{1} << 60, 1, sizeof(HandoffResult)};
       }},
      {"segments",
       [](Handoff& h) {
         h.segments = {0, 1, sizeof(HandoffSegment)};
       }},
      {"device_tree",
       [](Handoff& h) {
         h.device_tree = {0x1004, 100, 1};
       }},
      {"map_changes",
       [](Handoff& h) {
         h.map_changes = {0x1000, 100, 2};
       }},
      {"paging_levels", [](Handoff& h) { h.paging_levels = 1; }},
      {"direct_map", [](Handoff& h) { h.paging_levels = 5; }},
      {"efi_descriptor_size", [](Handoff& h) { h.efi_descriptor_size = 0; }},
      {"loader_name", [](Handoff& h) { std::memset(h.names.loader, 'x', sizeof(h.names.loader)); }},
      {"firmware_vendor",
       [](Handoff& h) { std::memset(h.names.firmware, 'x', sizeof(h.names.firmware)); }},
  };
  for (const Case& c : cases) {
    Handoff h = good();
    c.spoil(h);
    seal(h);
    const auto result = check(h);
    ASSERT_FALSE(result.ok()) << c.field;
    EXPECT_STREQ(result.error().subject, c.field);
  }
}

}  // namespace
}  // namespace loader
