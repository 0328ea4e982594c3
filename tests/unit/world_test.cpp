// A kernel's first world, built on pretend memory and then walked.
#include "loader/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "loader/page_tables_impl.h"
#include "loader/x86_64/page_entry.h"

namespace loader {
namespace {

using mm::kGiB;
using mm::kMiB;
using mm::Phys;
using mm::Range;
using PageTables = TableBuilder<x86_64::PageEntry>;
using T = EfiMemoryType;

constexpr Range range(uint64_t start, uint64_t end) { return {Phys{start}, Phys{end}}; }

// A PC with 16 MiB below 4 GiB of which the loader reaches all; more RAM may be claimed above.
//   0        a0000    100000                          f00000   1000000
//   | usable |  hole  | usable                        | runtime|
struct Pc {
  static constexpr uint64_t kReach = 16 * kMiB;

  Pc() : memory(new char[kReach]) {
    std::memset(memory.get(), 0xa5, kReach);  // RAM is not zeroed
    describe(T::Conventional, 0, 0xa0);
    describe(T::Conventional, 0x100000, 0xd00);
    describe(T::AcpiReclaim, 0xe00000, 0x100);
    describe(T::RuntimeServicesCode, 0xf00000, 0x80, kEfiMemoryRuntime | 0xf);
    describe(T::RuntimeServicesData, 0xf80000, 0x80, kEfiMemoryRuntime | 0xf);
    describe(T::MemoryMappedIo, 0xffc00000, 0x400, kEfiMemoryRuntime | 1);
  }
  void describe(T type, uint64_t start, uint64_t pages, uint64_t attributes = 0xf) {
    const EfiDescriptor d{type, 0, start, 0, pages, attributes};
    const size_t at = map.size();
    map.resize(at + 48);
    std::memcpy(&map[at], &d, sizeof(d));
  }
  WorldFacts facts() {
    WorldFacts f;
    f.map = {map, 48};
    f.segments = segments;
    f.kernel = range(0x400000, 0x405000);
    f.initrd = range(0x500000, 0x510000);
    f.modules = modules;
    f.loader = range(0x600000, 0x620000);
    f.loader_text = range(0x601000, 0x605000);
    f.in_use = in_use;
    f.acpi_tables = acpi;
    f.tables = tables;
    f.devices = devices;
    f.paging = paging;
    f.reach = mm::DirectMap(reinterpret_cast<uintptr_t>(memory.get()));
    return f;
  }
  mm::Result<World> build() {
    const WorldFacts f = facts();
    const size_t slack = 32;
    const uint64_t handoff = handoff_size(f.map.count() + slack, f, 8, results.size());
    const uint64_t pool = page_table_pool_size(f.map.count() + slack, f);
    memory_for = {range(0x700000, 0x700000 + handoff), range(0x780000, 0x788000),
                  range(0x800000, 0x800000 + mm::align_up(pool, mm::kPageSize))};
    if (break_memory) break_memory(memory_for);
    const mm::Printer out(
        [](void* to, std::string_view text) { static_cast<std::string*>(to)->append(text); },
        &findings);
    return build_world(f, memory_for, facts_in, std::string_view("selftest"), results, out);
  }
  const Handoff& handoff(const World& world) { return *facts().reach.at<Handoff>(world.handoff); }
  std::vector<std::string> reservations(const World& world) {
    const auto& list = handoff(world).reservations;
    const auto* r = facts().reach.at<const mm::Reservation>(Phys{list.address});
    std::vector<std::string> lines;
    for (uint32_t i = 0; i < list.count; ++i) {
      char line[100];
      mm::format(line, "{:x}-{:x} {}", r[i].range.start, r[i].range.end, r[i].name);
      lines.emplace_back(line);
    }
    return lines;
  }
  PageTables view(uint64_t root) {  // for translate() only: a pool that is the root itself
    PageTables t(range(root, root + mm::kPageSize), facts().reach, paging);
    std::vector<char> keep(mm::kPageSize);
    char* at = facts().reach.at<char>(Phys{root});
    std::memcpy(keep.data(), at, keep.size());
    EXPECT_TRUE(t.start().ok());
    std::memcpy(at, keep.data(), keep.size());
    return t;
  }

  std::unique_ptr<char[]> memory;
  std::vector<std::byte> map;
  std::vector<HandoffSegment> segments{{0x400000, kKernelBase + 0x200000, 0x2000, 5, 0},
                                       {0x402000, kKernelBase + 0x202000, 0x1000, 4, 0},
                                       {0x403000, kKernelBase + 0x203000, 0x2000, 6, 0}};
  std::vector<NamedRange> in_use{{range(0x900000, 0x903000), "FW PGTABLE"},
                                 {range(0x6ff000, 0x701000), "FW STACK"}};
  std::vector<AcpiTable> acpi{{{'S', 'R', 'A', 'T'}, Phys{0xe00100}, 0x200, true},
                              {{'D', 'S', 'D', 'T'}, Phys{0xa00080}, 0x1000, true}};
  std::vector<NamedRange> tables{{range(0xf5a30, 0xf5a44), "SMBIOS"}};
  std::vector<NamedRange> devices{{range(0xfee00000, 0xfee01000), "local APIC"}};
  std::vector<HandoffModule> modules{{0x520000, 0x1234, "first"}, {0x530000, 1, "second"}};
  std::vector<HandoffResult> results{{7, 1, "facts"}};
  PagingFeatures paging;
  HandoffFacts facts_in{};
  WorldMemory memory_for;
  void (*break_memory)(WorldMemory&) = nullptr;
  std::string findings;
};

using Lines = std::vector<std::string>;

TEST(World, EveryByteInUseHasAName) {
  Pc pc;
  const auto world = pc.build();
  ASSERT_TRUE(world.ok()) << world.error().what;
  EXPECT_TRUE(check(pc.handoff(world.value())).ok());
  Lines lines = pc.reservations(world.value());
  // The sizes of what build_world() uses up are its own affair.
  for (std::string& line : lines) {
    if (line.find("PGTABLE") != std::string::npos && line.starts_with("800000")) line = "PGTABLE";
    if (line.find("HANDOFF") != std::string::npos) line = "HANDOFF";
  }
  EXPECT_EQ(lines, (Lines{
                       "0-1000 BIOS PAGE 0", "9f000-a0000 AP TRAMPOLINE",
                       "400000-405000 TEXT DATA BSS", "500000-510000 RAMDISK",
                       "520000-521234 MODULE", "530000-530001 MODULE", "600000-620000 LOADER",
                       "6ff000-700000 FW STACK",  // its second page is the handoff's
                       "HANDOFF", "780000-788000 EFI MEMMAP", "PGTABLE", "900000-903000 FW PGTABLE",
                       "a00080-a01080 ACPI DSDT",  // lies in usable memory; the SRAT does not
                   }));
  EXPECT_EQ(pc.findings, "");
}

TEST(World, TheHandoffCarriesTheMapTheOptionsAndTheResults) {
  Pc pc;
  const auto world = pc.build();
  ASSERT_TRUE(world.ok());
  const Handoff& h = pc.handoff(world.value());
  EXPECT_EQ(h.efi_map, 0x780000U);
  EXPECT_EQ(h.efi_map_size, pc.map.size());
  EXPECT_EQ(h.efi_descriptor_size, 48U);
  EXPECT_STREQ(pc.facts().reach.at<const char>(Phys{h.options}), "selftest");
  EXPECT_EQ(h.results.count, 1U);
  EXPECT_STREQ(pc.facts().reach.at<const HandoffResult>(Phys{h.results.address})->facts, "facts");
  ASSERT_EQ(h.modules.count, 2U);
  const auto* module = pc.facts().reach.at<const HandoffModule>(Phys{h.modules.address});
  EXPECT_EQ(module[0].address, 0x520000U);
  EXPECT_EQ(module[0].size, 0x1234U);
  EXPECT_STREQ(module[1].name, "second");
  EXPECT_EQ(h.initrd, 0x500000U);
  EXPECT_EQ(h.initrd_size, 0x10000U);
  EXPECT_EQ(h.ap_trampoline, 0x9f000U);
  EXPECT_EQ(h.segments.count, 3U);
  EXPECT_EQ(h.acpi_tables.count, 2U);
}

// Whatever only the application knew.
TEST(World, TheHandoffCarriesTheApplicationsFacts) {
  Pc pc;
  pc.facts_in = {.secure_boot = true,
                 .firmware = {1, 2, 0x3000, 4, 3, 0xf5a30, 0xe00000},
                 .processor_id = 5,
                 .framebuffer = {0xc000'0000, 0x10'0000, 1, 1, 1, 0, 0, 0, 0, 0},
                 .tsc_entry = 6,
                 .names = {"Baton", "1.2", "id", "EDK II"}};
  const auto world = pc.build();
  ASSERT_TRUE(world.ok());
  const Handoff& h = pc.handoff(world.value());
  EXPECT_TRUE(check(h).ok());
  EXPECT_NE(h.flags & kHandoffFlagSecureBoot, 0U);
  EXPECT_EQ(h.firmware.descriptor_version, 1U);
  EXPECT_EQ(h.firmware.system_table, 0x3000U);
  EXPECT_EQ(h.firmware.rsdp, 0xe00000U);
  EXPECT_EQ(h.processor_id, 5U);
  EXPECT_EQ(h.framebuffer.address, 0xc000'0000U);
  EXPECT_EQ(h.tsc_entry, 6U);
  EXPECT_STREQ(h.names.firmware, "EDK II");
}

TEST(World, NoAliasOfTextOrConstantsIsWritableAndNothingIsBoth) {
  Pc pc;
  const auto world = pc.build();
  ASSERT_TRUE(world.ok());
  const PageTables tables = pc.view(world.value().page_tables.v);
  uint64_t pages = 0;
  tables.for_each_page([&](uint64_t virt, const Translation& t) {
    ++pages;
    EXPECT_FALSE(t.access.write && t.access.execute) << std::hex << virt;
    const Range here{t.address, t.address + t.page_size};
    if (here.overlaps(range(0x400000, 0x403000))) {
      EXPECT_FALSE(t.access.write) << std::hex << virt;
    }
    if (t.access.execute) {
      const bool kernel = virt >= kKernelBase + 0x200000 && virt < kKernelBase + 0x202000;
      const bool loader = virt >= 0x601000 && virt < 0x605000;
      EXPECT_TRUE(kernel || loader) << std::hex << virt;
    }
  });
  EXPECT_GT(pages, 0U);
}

TEST(World, MapsRamAndWhatIsAskedForAndNothingElse) {
  Pc pc;
  const auto world = pc.build();
  ASSERT_TRUE(world.ok());
  const PageTables tables = pc.view(world.value().page_tables.v);
  const auto mapped = [&](uint64_t virt) { return tables.translate(virt).has_value(); };
  const uint64_t direct = kDirectMap4Level;
  EXPECT_FALSE(mapped(0)) << "a null pointer faults";
  EXPECT_TRUE(mapped(direct)) << "page 0 itself can be read in the direct map";
  EXPECT_TRUE(mapped(0x1000));
  EXPECT_TRUE(mapped(direct + 0x9ffff));
  EXPECT_FALSE(mapped(direct + 0xa0000)) << "hole";
  EXPECT_TRUE(mapped(direct + 0xf5a30)) << "SMBIOS entry point, outside RAM";
  EXPECT_FALSE(tables.translate(direct + 0xf5a30)->access.write);
  EXPECT_TRUE(mapped(direct + 0xe00100)) << "SRAT";
  EXPECT_FALSE(mapped(direct + 0xe02000)) << "ACPI memory nobody asked for";
  EXPECT_TRUE(mapped(direct + 0xf80000)) << "system table";
  EXPECT_FALSE(tables.translate(direct + 0xf80000)->access.write);
  EXPECT_EQ(tables.translate(0xfee00020)->access.cache, Cache::Uncached);
  EXPECT_FALSE(mapped(0xffc00000)) << "flash, only runtime services need it";
  EXPECT_EQ(tables.translate(kKernelBase + 0x203004)->address.v, 0x403004U);
}

TEST(World, RuntimeServicesHavePageTablesOfTheirOwn) {
  Pc pc;
  const auto world = pc.build();
  ASSERT_TRUE(world.ok());
  const PageTables tables = pc.view(pc.handoff(world.value()).runtime_root);
  EXPECT_TRUE(tables.translate(0xf00000)->access.execute);
  EXPECT_FALSE(tables.translate(0xf80000)->access.execute);
  EXPECT_TRUE(tables.translate(0xf80000)->access.write);
  EXPECT_EQ(tables.translate(0xffc00000)->access.cache, Cache::Uncached);
  EXPECT_FALSE(tables.translate(0x200000).has_value()) << "no RAM";
  EXPECT_TRUE(tables.translate(kKernelBase + 0x200000).has_value()) << "who calls them";
}

// A firmware of 32 bits under a kernel of 64: the world is the same but for its runtime services.
TEST(World, InMixedModeThereAreNoRuntimeServices) {
  Pc pc;
  const auto whole = pc.build();
  ASSERT_TRUE(whole.ok());
  const Handoff with = pc.handoff(whole.value());
  const Lines reserved = pc.reservations(whole.value());
  pc.facts_in.mixed = true;
  const auto world = pc.build();
  ASSERT_TRUE(world.ok());
  const Handoff& without = pc.handoff(world.value());
  EXPECT_TRUE(check(without).ok());
  EXPECT_EQ(without.runtime_root, 0U);
  EXPECT_EQ(without.flags, with.flags | kHandoffFlagMixed);
  EXPECT_EQ(without.firmware.system_table, with.firmware.system_table);
  EXPECT_EQ(without.page_tables, with.page_tables);
  const PageTables tables = pc.view(world.value().page_tables.v);
  EXPECT_TRUE(tables.translate(kDirectMap4Level + 0xf80000).has_value()) << "to be looked at";
  const auto pool = [](const Lines& lines) {
    return *std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
      return line.ends_with(" PGTABLE") && line.starts_with("800000");
    });
  };
  EXPECT_LT(pool(pc.reservations(world.value())), pool(reserved)) << "the rest is given back";
}

TEST(World, MemoryTheFinalMapDoesNotCallUsableIsRefused) {
  Pc pc;
  pc.break_memory = [](WorldMemory& m) { m.efi_map = range(0xe10000, 0xe18000); };
  const auto world = pc.build();
  ASSERT_FALSE(world.ok());
  EXPECT_STREQ(world.error().subject, "EFI MEMMAP");
}

TEST(World, APoolOrAHandoffThatIsTooSmallIsNamed) {
  Pc pc;
  pc.break_memory = [](WorldMemory& m) { m.page_tables.end = m.page_tables.start + 0x3000; };
  auto world = pc.build();
  ASSERT_FALSE(world.ok());
  EXPECT_STREQ(world.error().subject, "page tables");
  pc.break_memory = [](WorldMemory& m) { m.handoff.end = m.handoff.start + sizeof(Handoff); };
  world = pc.build();
  ASSERT_FALSE(world.ok());
  EXPECT_STREQ(world.error().subject, "e820");
}

// One odd range is skipped and named, and the rest is as it would be without it. What is RAM stays
// RAM in e820, so that the kernel can tell how much it does not use.
TEST(World, WhatIsOutOfReachIsNamedAndLeftAlone) {
  constexpr uint64_t k64T = uint64_t{1} << 46, k128T = uint64_t{1} << 47;
  Pc pc;
  pc.describe(T::Conventional, k64T - kMiB, 0x200);  // half of it
  pc.describe(T::RuntimeServicesData, k64T + kGiB, 1, kEfiMemoryRuntime | 0xf);
  pc.describe(T::MemoryMappedIo, k128T, 0x10, kEfiMemoryRuntime | 1);
  pc.describe(T::Reserved, 0xfffd'0000'0000, 0x30'0000);
  pc.devices.push_back({range(0x7000'0000'0000, 0x7000'0100'0000), "framebuffer"});
  pc.devices.push_back({range(0xfff'ffff'ffff'f000, 0x1000'0000'0000'0000), "local APIC"});
  pc.devices.push_back({range(~uint64_t{0xfff}, 0), "local APIC"});
  pc.acpi.push_back({{'S', 'S', 'D', 'T'}, Phys{k64T + 2 * kGiB}, 0x200, true});
  pc.tables.push_back({range(k64T + 3 * kGiB, k64T + 3 * kGiB + 0x100), "SMBIOS TABLE"});
  pc.facts_in.framebuffer.address = 0x7000'0000'0000;
  pc.facts_in.framebuffer.size = 16 * kMiB;
  const auto world = pc.build();
  ASSERT_TRUE(world.ok()) << world.error().what;
  EXPECT_EQ(pc.findings,
            "RAM: [mem 0x0000400000000000-0x00004000000fffff] is out of reach (0x400000000000 and "
            "up), not mapped\n"
            "ACPI table: [mem 0x0000400080000000-0x0000400080000fff] is out of reach "
            "(0x400000000000 and up), not mapped\n"
            "SMBIOS TABLE: [mem 0x00004000c0000000-0x00004000c0000fff] is out of reach "
            "(0x400000000000 and up), not mapped\n"
            "runtime services: [mem 0x0000400040000000-0x0000400040000fff] is out of reach "
            "(0x400000000000 and up), not mapped\n"
            "framebuffer: [mem 0x0000700000000000-0x0000700000ffffff] is out of reach, not mapped\n"
            "local APIC: [mem 0x0ffffffffffff000-0x0fffffffffffffff] is out of reach, not mapped\n"
            "local APIC: [mem 0xfffffffffffff000-0xffffffffffffffff] is out of reach, not mapped\n"
            "runtime services: [mem 0x0000800000000000-0x000080000000ffff] is out of reach "
            "(0x800000000000 and up), not mapped\n");
  const PageTables tables = pc.view(world.value().page_tables.v);
  EXPECT_TRUE(tables.translate(kDirectMap4Level + k64T - mm::kPageSize).has_value());
  EXPECT_FALSE(tables.translate(kDirectMap4Level + k64T).has_value());
  EXPECT_TRUE(tables.translate(0xfee00020).has_value());
  const Handoff& h = pc.handoff(world.value());
  EXPECT_EQ(h.framebuffer.address, 0U);
  const PageTables runtime = pc.view(h.runtime_root);
  EXPECT_TRUE(runtime.translate(0xf00000).has_value());
  EXPECT_TRUE(runtime.translate(k64T + kGiB).has_value()) << "in the lower half, though";
  const auto* e820 = pc.facts().reach.at<const mm::E820Entry>(Phys{h.e820.address});
  bool still_ram = false;
  for (uint32_t i = 0; i < h.e820.count; ++i) {
    if (e820[i].range == range(k64T - kMiB, k64T + kMiB))
      still_ram = e820[i].type == mm::E820Type::Ram;
  }
  EXPECT_TRUE(still_ram);
}

// A page-table entry with an address bit that the CPU lacks faults.
TEST(World, NothingIsMappedAboveTheCpusAddressBits) {
  Pc pc;
  pc.paging.physical_bits = 39;
  pc.describe(T::Conventional, uint64_t{1} << 39, 0x100);
  pc.describe(T::MemoryMappedIo, uint64_t{1} << 40, 0x10, kEfiMemoryRuntime | 1);
  const auto world = pc.build();
  ASSERT_TRUE(world.ok()) << world.error().what;
  for (const uint64_t root :
       {pc.handoff(world.value()).page_tables, pc.handoff(world.value()).runtime_root}) {
    pc.view(root).for_each_page([&](uint64_t virt, const Translation& t) {
      EXPECT_LE(t.address.v + t.page_size, uint64_t{1} << 39) << std::hex << virt;
    });
  }
}

// 128 MiB of tables where no RAM is, at an odd place: the pool is large enough, and page by page
// the tables for it would not fit.
TEST(World, TablesOfAnySizeAreMapped) {
  for (const uint64_t at : {uint64_t{0x8000'1000}, uint64_t{0x3fff'c123'4000}}) {
    for (const bool gigabyte_pages : {false, true}) {
      Pc pc;
      pc.paging.gigabyte_pages = gigabyte_pages;
      pc.acpi.push_back({{'S', 'S', 'D', 'T'}, Phys{at}, 128 * kMiB, true});
      pc.tables.push_back({range(at + 256 * kMiB, at + 384 * kMiB), "SMBIOS TABLE"});
      const auto world = pc.build();
      ASSERT_TRUE(world.ok()) << world.error().what;
      const PageTables tables = pc.view(world.value().page_tables.v);
      for (const uint64_t start : {at, at + 256 * kMiB}) {
        for (uint64_t v = start; v < start + 128 * kMiB; v += kMiB) {
          ASSERT_EQ(tables.translate(kDirectMap4Level + v)->address, Phys{v});
        }
        EXPECT_FALSE(tables.translate(kDirectMap4Level + start - mm::kPageSize).has_value());
        EXPECT_FALSE(tables.translate(kDirectMap4Level + start + 128 * kMiB).has_value());
      }
    }
  }
}

TEST(World, AFramebufferInRamIsNotHandedOver) {
  Pc pc;
  pc.devices.push_back({range(0x300000, 0x400000), "framebuffer"});
  pc.facts_in.framebuffer.address = 0x300000;
  pc.facts_in.framebuffer.size = kMiB;
  const auto world = pc.build();
  ASSERT_TRUE(world.ok());
  EXPECT_EQ(pc.handoff(world.value()).framebuffer.address, 0U);
  Pc sound;
  sound.facts_in.framebuffer.address = 0xe000'0000;
  sound.facts_in.framebuffer.size = kMiB;
  const auto good = sound.build();
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(sound.handoff(good.value()).framebuffer.address, 0xe000'0000U);
}

TEST(World, ADeviceThatLiesInRamIsNamedAndNotMapped) {
  Pc pc;
  pc.devices.push_back({range(0x300000, 0x301000), "framebuffer"});
  const auto world = pc.build();
  ASSERT_TRUE(world.ok());
  EXPECT_EQ(pc.findings,
            "framebuffer: [mem 0x0000000000300000-0x0000000000300fff] lies in RAM, not mapped\n");
  EXPECT_EQ(pc.view(world.value().page_tables.v).translate(0x300000)->access.cache,
            Cache::WriteBack);
}

TEST(World, WithoutNxOrGigabytePagesAndWithFiveLevels) {
  for (const PagingFeatures paging :
       {PagingFeatures{4, false, false}, PagingFeatures{5, true, true}}) {
    Pc pc;
    pc.paging = paging;
    const auto world = pc.build();
    ASSERT_TRUE(world.ok());
    const Handoff& h = pc.handoff(world.value());
    EXPECT_EQ(h.paging_levels, paging.levels);
    EXPECT_EQ((h.flags & kHandoffFlagNx) != 0, paging.nx);
    EXPECT_TRUE(pc.view(h.page_tables).translate(h.direct_map + 0x100000).has_value());
  }
}

TEST(World, FindsTheInterruptControllersInTheMadt) {
  Pc pc;
  // Header, local APIC address, flags; an IOAPIC; a local APIC override; a broken entry.
  std::vector<uint8_t> madt(44);
  const auto put = [&madt](std::initializer_list<int> bytes) {
    for (const int b : bytes) madt.push_back(static_cast<uint8_t>(b));
  };
  madt[38] = 0xe0, madt[39] = 0xfe;
  put({1, 12, 0, 0, 0x00, 0x00, 0xc0, 0xfe, 0, 0, 0, 0});
  put({5, 12, 0, 0, 0x00, 0x00, 0xe0, 0xfe, 1, 0, 0, 0});
  put({1, 0});
  std::memcpy(pc.memory.get() + 0xe01000, madt.data(), madt.size());
  const AcpiTable table{
      {'A', 'P', 'I', 'C'}, Phys{0xe01000}, static_cast<uint32_t>(madt.size()), true};
  NamedRange devices[4];
  const InterruptControllers found = interrupt_controllers({&table, 1}, pc.facts().reach, devices);
  ASSERT_EQ(found.count, 3U);
  EXPECT_EQ(found.left_out, 0U);
  EXPECT_EQ(devices[0].range, range(0xfee00000, 0xfee01000));
  EXPECT_EQ(devices[1].range, range(0xfec00000, 0xfec01000));
  EXPECT_EQ(devices[2].range, range(0x1fee00000, 0x1fee01000));
}

TEST(World, PartsOfAGicAreDevices) {
  const Range redistributors[] = {range(0x80a0000, 0x9000000), range(0x80c0000, 0x80d0000),
                                  range(0x4000000000, 0x4000020000)};
  Gic gic;
  gic.distributor = range(0x8000000, 0x8010000);
  gic.redistributors = redistributors;
  NamedRange devices[4];
  EXPECT_EQ(interrupt_controllers(gic, devices).count, 3U) << "one lies in another";
  EXPECT_EQ(devices[0].range, gic.distributor);
  EXPECT_EQ(devices[1].range, redistributors[0]);
  EXPECT_EQ(devices[2].range, redistributors[2]);
  EXPECT_EQ(interrupt_controllers(gic, std::span(devices).first(1)).left_out, 3U);
  EXPECT_EQ(interrupt_controllers(Gic{}, devices).count, 0U);
}

// 100,000 of them: the first 128 pages are listed, and of the rest none is compared with the
// others.
TEST(World, NoMoreInterruptControllersThanLinuxTakes) {
  std::vector<uint8_t> madt(44);
  constexpr uint32_t kMany = 100'000;
  for (uint32_t i = 0; i < kMany; ++i) {
    const uint32_t address = 0x1000'0000 + i * 0x1000;
    for (const uint32_t b :
         {1u, 12u, 0u, 0u, address, address >> 8, address >> 16, address >> 24, 0u, 0u, 0u, 0u}) {
      madt.push_back(static_cast<uint8_t>(b));
    }
  }
  const AcpiTable table{{'A', 'P', 'I', 'C'},
                        Phys{reinterpret_cast<uintptr_t>(madt.data())},
                        static_cast<uint32_t>(madt.size()),
                        true};
  std::vector<NamedRange> devices(kMaxInterruptControllers + 2);
  const InterruptControllers found = interrupt_controllers({&table, 1}, {}, devices);
  EXPECT_EQ(found.count, kMaxInterruptControllers);
  EXPECT_EQ(found.left_out, kMany - kMaxInterruptControllers);
  EXPECT_EQ(devices[127].range.start, Phys{0x1007'f000});
  EXPECT_TRUE(devices[128].range.empty()) << "room for others' devices";
}

}  // namespace
}  // namespace loader
