// The kernel takes a handoff only when every field it relies on is right.
#include "loader/handoff/handoff.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "include/baton/handoff.h"

namespace loader {
namespace {

// What kernels in C know and what the loader fills in are one struct.
#define SAME_PLACE(c, ours)                                              \
  static_assert(offsetof(baton_handoff, c) == offsetof(Handoff, ours) && \
                sizeof(baton_handoff::c) == sizeof(Handoff::ours))
#define SAME(field) SAME_PLACE(field, field)
SAME(magic);
SAME(version);
SAME(size);
SAME(checksum);
SAME(flags);
SAME(e820);
SAME(reservations);
SAME(acpi_tables);
SAME(results);
SAME(segments);
SAME(efi_map);
SAME(efi_map_size);
SAME(efi_descriptor_size);
SAME(firmware);
SAME(runtime_root);
SAME(page_tables);
SAME(direct_map);
SAME(paging_levels);
SAME(processor_id);
SAME(kernel_physical);
SAME(kernel_size);
SAME(initrd);
SAME(initrd_size);
SAME(framebuffer);
SAME(tsc_entry);
SAME(tsc_handoff);
SAME(ap_trampoline);
SAME(options);
SAME(options_length);
SAME(zero);
SAME(names);
SAME(serial);
SAME(device_tree);
SAME(map_changes);
SAME(kaslr);
SAME(modules);
static_assert(sizeof(baton_handoff) == sizeof(Handoff));
#undef SAME
#undef SAME_PLACE
#define SAME(c, field, Ours, ours)                            \
  static_assert(offsetof(c, field) == offsetof(Ours, ours) && \
                sizeof(c::field) == sizeof(Ours::ours))
SAME(baton_array, address, HandoffArray<char>, address);
SAME(baton_array, count, HandoffArray<char>, count);
SAME(baton_array, element_size, HandoffArray<char>, element_size);
SAME(baton_e820_entry, type, mm::E820Entry, type);
SAME(baton_reservation, name, mm::Reservation, name);
SAME(baton_acpi_table, length, HandoffTable, length);
SAME(baton_acpi_table, signature, HandoffTable, signature);
SAME(baton_result, outcome, HandoffResult, outcome);
SAME(baton_result, facts, HandoffResult, facts);
SAME(baton_segment, physical, HandoffSegment, physical);
SAME(baton_segment, virtual_address, HandoffSegment, virt);
SAME(baton_segment, size, HandoffSegment, size);
SAME(baton_segment, flags, HandoffSegment, flags);
SAME(baton_firmware, descriptor_version, HandoffFirmware, descriptor_version);
SAME(baton_firmware, revision, HandoffFirmware, revision);
SAME(baton_firmware, system_table, HandoffFirmware, system_table);
SAME(baton_firmware, efi_revision, HandoffFirmware, efi_revision);
SAME(baton_firmware, smbios_version, HandoffFirmware, smbios_version);
SAME(baton_firmware, smbios, HandoffFirmware, smbios);
SAME(baton_firmware, rsdp, HandoffFirmware, rsdp);
SAME(baton_framebuffer, address, HandoffFramebuffer, address);
SAME(baton_framebuffer, size, HandoffFramebuffer, size);
SAME(baton_framebuffer, width, HandoffFramebuffer, width);
SAME(baton_framebuffer, height, HandoffFramebuffer, height);
SAME(baton_framebuffer, pixels_per_line, HandoffFramebuffer, pixels_per_line);
SAME(baton_framebuffer, format, HandoffFramebuffer, format);
SAME(baton_framebuffer, red_mask, HandoffFramebuffer, red_mask);
SAME(baton_framebuffer, reserved_mask, HandoffFramebuffer, reserved_mask);
SAME(baton_serial, address, HandoffSerial, address);
SAME(baton_serial, kind, HandoffSerial, kind);
SAME(baton_kaslr, image_offset, HandoffKaslr, image_offset);
SAME(baton_kaslr, state, HandoffKaslr, state);
SAME(baton_kaslr, sources, HandoffKaslr, sources);
SAME(baton_kaslr, image_bits, HandoffKaslr, image_bits);
SAME(baton_kaslr, place_bits, HandoffKaslr, place_bits);
SAME(baton_kaslr, direct_map_bits, HandoffKaslr, direct_map_bits);
SAME(baton_names, loader, HandoffNames, loader);
SAME(baton_names, version, HandoffNames, version);
SAME(baton_names, build, HandoffNames, build);
SAME(baton_names, firmware, HandoffNames, firmware);
#undef SAME
static_assert(BATON_HANDOFF_MAGIC == kHandoffMagic && BATON_HANDOFF_VERSION == kHandoffVersion);
static_assert(BATON_KERNEL_BASE == kKernelBase && BATON_NARROW_KERNEL == kNarrowKernel);
static_assert(BATON_NARROW_KERNEL_SIZE == kNarrowKernelSize);
static_assert(BATON_NARROW_DIRECT_MAP == kNarrowDirectMap);
static_assert(BATON_E820_RAM == static_cast<uint32_t>(mm::E820Type::Ram));
static_assert(BATON_E820_RESERVED == static_cast<uint32_t>(mm::E820Type::Reserved));
static_assert(BATON_E820_ACPI == static_cast<uint32_t>(mm::E820Type::Acpi));
static_assert(BATON_E820_NVS == static_cast<uint32_t>(mm::E820Type::Nvs));
static_assert(BATON_E820_UNUSABLE == static_cast<uint32_t>(mm::E820Type::Unusable));
static_assert(BATON_E820_PMEM == static_cast<uint32_t>(mm::E820Type::Pmem));
static_assert(BATON_E820_UNACCEPTED == static_cast<uint32_t>(mm::E820Type::Unaccepted));
static_assert(BATON_E820_SOFT_RESERVED == static_cast<uint32_t>(mm::E820Type::SoftReserved));
static_assert(BATON_PIXEL_RGBX == kPixelRgbx && BATON_PIXEL_BGRX == kPixelBgrx);
static_assert(BATON_PIXEL_BY_MASKS == kPixelByMasks);
static_assert(BATON_SERIAL_NONE == kSerialNone && BATON_SERIAL_16550 == kSerial16550);
static_assert(BATON_SERIAL_PL011 == kSerialPl011);
static_assert(BATON_KASLR_NONE == kKaslrNone && BATON_KASLR_ON == kKaslrOn);
static_assert(BATON_KASLR_REFUSED == kKaslrRefused && BATON_RANDOM_FIRMWARE == kRandomFirmware);
static_assert(BATON_RANDOM_RDSEED == kRandomSeed && BATON_RANDOM_RDRAND == kRandomNumber);
static_assert(BATON_RANDOM_RNDR == kRandomRndr && BATON_RANDOM_COUNTER == kRandomCounter);
static_assert(BATON_FLAG_SECURE_BOOT == kHandoffFlagSecureBoot && BATON_FLAG_NX == kHandoffFlagNx);
static_assert(BATON_FLAG_1GIB_PAGES == kHandoffFlag1GPages);
static_assert(BATON_FLAG_NARROW_FIRMWARE == kHandoffFlagMixed);

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
  five.direct_map = kDirectMapEnd5Level - mm::kGiB;
  seal(five);
  EXPECT_TRUE(check(five).ok());
}

TEST(Handoff, TheDirectMapIsAnywhereInItsRoom) {
  for (const uint64_t at : {kDirectMap4Level + 77 * mm::kGiB, kDirectMapEnd4Level - mm::kGiB}) {
    Handoff h = good();
    h.direct_map = at;
    seal(h);
    EXPECT_TRUE(check(h).ok());
  }
  for (const uint64_t at :
       {kDirectMap4Level - mm::kGiB, kDirectMap4Level + 4096, kDirectMapEnd4Level}) {
    Handoff h = good();
    h.direct_map = at;
    seal(h);
    EXPECT_STREQ(check(h).error().subject, "direct_map");
  }
}

TEST(Handoff, AKernelInCTakesTheSame) {
  const auto taken = [](const Handoff& h) {
    return baton_is_good(reinterpret_cast<const baton_handoff*>(&h)) != 0;
  };
  Handoff h = good();
  EXPECT_TRUE(taken(h));
  h.flags ^= 1;
  EXPECT_FALSE(taken(h));
  h.version += 1;
  seal(h);
  EXPECT_FALSE(taken(h));
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

// With what lies behind it, which a size that is wrong may lead to.
struct Surrounded {
  Handoff handoff = good();
  uint32_t behind[1024] = {1, 2, 3};
};

TEST(Handoff, EveryFlippedBitIsNoticed) {
  for (size_t bit = 0; bit < sizeof(Handoff) * 8; ++bit) {
    Surrounded s;
    reinterpret_cast<unsigned char*>(&s)[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
    EXPECT_FALSE(check(s.handoff).ok()) << "bit " << bit;
  }
}

TEST(Handoff, ALaterLoadersIsLargerAndTakenToo) {
  Surrounded s;
  s.handoff.size = sizeof(Handoff) + 8;
  seal(s.handoff);
  EXPECT_TRUE(check(s.handoff).ok());
  s.behind[1] ^= 4;
  EXPECT_STREQ(check(s.handoff).error().subject, "checksum");
  for (const size_t size : {sizeof(Handoff) - 4, sizeof(Handoff) + 2, size_t{4100}}) {
    s.handoff.size = static_cast<uint32_t>(size);
    EXPECT_STREQ(check(s.handoff).error().subject, "size") << size;
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
