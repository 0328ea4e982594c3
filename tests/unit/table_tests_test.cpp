// A sound machine passes every test of tables and registers, and for each test there is a broken
// one that trips it and no other.
#include "kernel/selftest/table_tests.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kernel/x86/selftest/arch_facts.h"
#include "loader/acpi/smbios.h"
#include "loader/acpi/tables.h"
#include "mm/e820_options.h"
#include "mm/x86_64/e820_trim.h"
#include "tests/support/own_e820.h"
#include "tests/support/pretend_memory.h"
#include "tests/unit/acpi_bytes.h"

namespace kernel {
namespace {

using acpi_test::Bytes;
using mm::E820Type;
using mm::kGiB;
using mm::kMiB;
using mm::Phys;
using Table = std::vector<uint8_t>;

// --- Tables of a machine with two nodes of 1 GiB -------------------------------------------------

Bytes madt_cpu(uint8_t apic_id) { return Bytes().u8(0).u8(8).u8(apic_id).u8(apic_id).u32(1); }
Bytes madt_x2apic(uint32_t apic_id) {
  return Bytes().u8(9).u8(16).u16(0).u32(apic_id).u32(1).u32(apic_id);
}
Bytes io_apic(uint64_t address) { return Bytes().u8(1).u8(12).u8(0).u8(0).u32(address).u32(0); }
Bytes gic_distributor(uint64_t address) {
  return Bytes().u8(12).u8(24).u16(0).u32(0).u64(address).u32(0).u8(3).zeros(3);
}
Bytes gic_redistributors(uint64_t address) {
  return Bytes().u8(14).u8(16).u16(0).u64(address).u32(0x20000);
}
Bytes srat_cpu(uint8_t domain, uint8_t apic_id, uint32_t flags = 1) {
  return Bytes().u8(0).u8(16).u8(domain).u8(apic_id).u32(flags).zeros(8);
}
Bytes srat_x2apic(uint32_t domain, uint32_t apic_id) {
  return Bytes().u8(2).u8(24).u16(0).u32(domain).u32(apic_id).u32(1).zeros(8);
}
Bytes srat_memory(uint32_t domain, uint64_t start, uint64_t size, uint32_t flags = 1) {
  return Bytes().u8(1).u8(40).u32(domain).u16(0).u64(start).u64(size).u32(0).u32(flags).u64(0);
}
Bytes hmat_proximity(uint32_t initiator, uint32_t memory) {
  return Bytes().u16(0).u16(0).u32(40).u16(1).u16(0).u32(initiator).u32(memory).zeros(20);
}
Bytes cxl_window(uint64_t start, uint64_t size) {
  return Bytes().u8(1).u8(0).u16(40).u32(0).u64(start).u64(size).zeros(16);
}
Bytes mcfg_entry(uint64_t base, uint8_t first, uint8_t last) {
  return Bytes().u64(base).u16(0).u8(first).u8(last).u32(0);
}
Bytes all(const std::vector<Bytes>& parts) {
  Bytes out;
  for (const Bytes& part : parts) out.put(part.bytes());
  return out;
}

std::vector<TableTests*> all_tests() {
  std::vector<TableTests*> files(acpi_tests().begin(), acpi_tests().end());
  files.insert(files.end(), machine_tests().begin(), machine_tests().end());
  return files;
}

struct Machine : test::OwnE820 {
  // What a breakage may change before the tables are written.
  std::vector<Bytes> madt{madt_cpu(0), madt_cpu(1)};
  uint8_t srat_revision = 3;
  std::vector<Bytes> srat{srat_cpu(0, 0), srat_cpu(1, 1), srat_memory(0, 0, 0xa0000),
                          srat_memory(0, kMiB, kGiB - kMiB), srat_memory(1, kGiB, kGiB)};
  uint64_t slit_count = 2;
  std::vector<uint8_t> slit{10, 21, 21, 10};
  std::vector<Bytes> hmat{hmat_proximity(0, 1)};
  std::vector<Bytes> cedt{cxl_window(16 * kGiB, kGiB), cxl_window(17 * kGiB, kGiB)};
  Bytes mcfg = mcfg_entry(0xb000'0000, 0, 255);
  std::vector<Table> more;     // further tables, listed in both roots
  std::vector<uint64_t> high;  // further pointers of the XSDT
  bool rsdt_lacks_one = false;
  std::vector<uint64_t> modules{1024, 1024};  // type 17, MiB
  mm::Range mapped{Phys{0}, Phys{8 * kGiB}};  // type 19
  uint64_t sockets = 2, array_mib = 16384;    // type 16
  bool smbios_ends = true;
  // And after.
  std::function<void(Machine&)> afterwards = [](Machine&) {};

  test::PretendMemory memory{Phys{16 * kMiB}};
  std::vector<mm::Mtrrs> mtrrs = std::vector<mm::Mtrrs>(2);
  std::vector<loader::AcpiTable> list = std::vector<loader::AcpiTable>(64);
  std::vector<uint64_t> scratch = std::vector<uint64_t>(8192);
  static inline std::span<const mm::Mtrrs> shown;
  ArchFacts arch{};
  TableFacts facts;
  uint64_t next = 14 * kMiB;

  static constexpr uint64_t kRsdp = 15 * kMiB, kSmbios = 15 * kMiB + 0x1000,
                            kStructures = 15 * kMiB + 0x2000;

  Machine() : OwnE820(128) {
    add(0x1000, 0x9fc00, E820Type::Ram);
    add(0x9fc00, 0xa0000, E820Type::Reserved);
    add(kMiB, 14 * kMiB, E820Type::Ram);
    add(14 * kMiB, 15 * kMiB, E820Type::Acpi);
    add(15 * kMiB, 16 * kMiB, E820Type::Reserved);
    add(16 * kMiB, 2 * kGiB, E820Type::Ram);
    add(0xb000'0000, 0xc000'0000, E820Type::Reserved);
    for (mm::Mtrrs& cpu : mtrrs) {
      cpu.supported = true;
      cpu.default_type = 0xc06;
      cpu.fixed.fill(0x0606'0606'0606'0606);
      cpu.variable_count = 1;
      cpu.variable[0] = {0xc000'0000, 0xff'c000'0800};  // 3 to 4 GiB, uncacheable
    }
  }

  template <class T>
  T& at(uint64_t address) {
    return *memory.map().at<T>(Phys{address});
  }
  uint64_t put(const Table& table) {
    const uint64_t address = next;
    std::copy(table.begin(), table.end(), &at<uint8_t>(address));
    next += mm::align_up(table.size(), 64);
    return address;
  }

  void publish() {
    std::vector<uint64_t> tables;
    const auto add = [&](const char* signature, const Bytes& body, uint8_t revision = 1) {
      tables.push_back(put(acpi_test::table(signature, revision, body)));
    };
    add("APIC", Bytes().u32(0xfee00000).u32(1).put(all(madt).bytes()));
    add("SRAT", Bytes().u32(1).u64(0).put(all(srat).bytes()), srat_revision);
    add("SLIT", Bytes().u64(slit_count).put(slit));
    add("HMAT", Bytes().u32(0).put(all(hmat).bytes()));
    add("CEDT", all(cedt));
    add("MCFG", Bytes().u64(0).put(mcfg.bytes()));
    for (const Table& table : more) tables.push_back(put(table));
    Bytes wide;
    Bytes narrow;
    for (const uint64_t table : tables) {
      wide.u64(table);
      if (!rsdt_lacks_one || table != tables.back()) narrow.u32(table);
    }
    for (const uint64_t address : high) wide.u64(address);
    const uint64_t xsdt = put(acpi_test::table("XSDT", 1, wide));
    const uint64_t rsdt = put(acpi_test::table("RSDT", 1, narrow));
    write_rsdp(static_cast<uint32_t>(rsdt), xsdt);
    write_smbios();
    at<uint16_t>(0x40e) = 0x9fc0;

    facts.map = memory.map();
    facts.readable = [](const void*, mm::Range range) { return range.end.v <= 16 * kMiB; };
    facts.rsdp = kRsdp;
    const loader::AcpiWalk walk(facts.map, facts.readable, nullptr);
    const auto root = walk.list(Phys{kRsdp}, list);
    ASSERT_TRUE(root.ok()) << root.error().what;
    facts.root = root.value();
    facts.tables = {list.data(), root.value().tables};
    facts.e820 = &e820;
    facts.smbios = kSmbios;
    facts.smbios_version = 3;
    shown = mtrrs;
    arch.cpus = static_cast<unsigned>(shown.size());
    arch.mtrrs = [](unsigned cpu) -> const mm::Mtrrs* { return &shown[cpu]; };
    facts.arch = &arch;
    facts.end = Phys{uint64_t{1} << 40};
    facts.scratch = scratch;
    afterwards(*this);
  }

  // The ids of all tests that do not pass, with what they say.
  std::map<std::string, std::string> tripped() {
    publish();
    std::map<std::string, std::string> ids;
    for (const auto tests : all_tests()) {
      for (const TableTest& test : tests()) {
        const loader::Verdict verdict = run_table_test(test, facts);
        const std::string said = verdict.facts();
        EXPECT_EQ(verdict.passed(), said.empty()) << test.row.id << said;
        if (!verdict.passed()) ids[test.row.id] = said;
      }
    }
    return ids;
  }

 private:
  void write_rsdp(uint32_t rsdt, uint64_t xsdt) {
    const Bytes rsdp = Bytes()
                           .put({'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ', 0})
                           .zeros(6)
                           .u8(2)
                           .u32(rsdt)
                           .u32(36)
                           .u64(xsdt)
                           .zeros(4);
    std::copy(rsdp.bytes().begin(), rsdp.bytes().end(), &at<uint8_t>(kRsdp));
    at<uint8_t>(kRsdp + 8) =
        static_cast<uint8_t>(0 - loader::acpi_checksum(&at<uint8_t>(kRsdp), 20));
    at<uint8_t>(kRsdp + 32) =
        static_cast<uint8_t>(0 - loader::acpi_checksum(&at<uint8_t>(kRsdp), 36));
  }
  void write_smbios() {
    Bytes table;
    table.u8(16).u8(23).u16(0x1000).u8(3).u8(3).u8(3).u32(array_mib << 10).u16(0xfffe);
    table.u16(sockets).u64(0).zeros(2);
    uint64_t handle = 0x1100;
    for (const uint64_t mib : modules) {
      table.u8(17).u8(40).u16(handle++).u16(0x1000).zeros(6).u16(mib).zeros(2).u8(1).u8(0).zeros(
          22);
      table.put({'D', 'I', 'M', 'M', ' ', '0', 0, 0});
    }
    table.u8(19).u8(31).u16(0x1300).u32(mapped.start.v >> 10).u32((mapped.end.v >> 10) - 1);
    table.zeros(19).zeros(2);
    table.u8(127).u8(4).u16(0x7f00).zeros(smbios_ends ? 2 : 0);
    std::copy(table.bytes().begin(), table.bytes().end(), &at<uint8_t>(kStructures));
    const Bytes entry = Bytes()
                            .put({'_', 'S', 'M', '3', '_', 0, 24, 3, 0, 0, 1, 0})
                            .u32(table.bytes().size())
                            .u64(kStructures);
    std::copy(entry.bytes().begin(), entry.bytes().end(), &at<uint8_t>(kSmbios));
    at<uint8_t>(kSmbios + 5) =
        static_cast<uint8_t>(0 - loader::acpi_checksum(&at<uint8_t>(kSmbios), 24));
  }
};

struct Breakage {
  const char* id;
  std::function<void(Machine&)> apply;
};

auto after(std::function<void(Machine&)> change) {
  return [change](Machine& m) { m.afterwards = change; };
}

void retype(Machine& m, uint64_t start, uint64_t end, E820Type type) {
  const mm::Range range{Phys{start}, Phys{end}};
  ASSERT_TRUE(m.e820.remove(range).ok());
  if (type == E820Type::Unusable) return;  // stands for a gap
  ASSERT_TRUE(m.e820.append(range, type).ok());
}

const Breakage kBreakages[] = {
    {"acpi.rsdp", after([](Machine& m) { ++m.at<uint8_t>(Machine::kRsdp + 33); })},
    {"acpi.roots", [](Machine& m) { m.rsdt_lacks_one = true; }},
    {"acpi.checksums",
     [](Machine& m) {
       m.more.push_back(acpi_test::table("TEST", 1, Bytes().u32(7)));
       ++m.more.back()[36];
     }},
    {"acpi.pointers", [](Machine& m) { m.high.push_back(0x1'0000'0000); }},
    {"acpi.placement", [](Machine& m) { retype(m, 14 * kMiB, 14 * kMiB + 0x1000, E820Type::Ram); }},
    {"acpi.duplicates",
     [](Machine& m) { m.more.push_back(acpi_test::table("SRAT", 1, Bytes().u32(1).u64(0))); }},
    {"acpi.madt.form",
     [](Machine& m) { m.madt.push_back(Bytes().u8(0).u8(9).u8(2).u8(2).zeros(5)); }},
    {"acpi.madt.form", [](Machine& m) { m.madt.push_back(Bytes().u8(0).u8(1)); }},
    {"acpi.madt.cpus", [](Machine& m) { m.madt.push_back(madt_cpu(1)); }},
    {"acpi.madt.cpus", after([](Machine& m) { m.facts.boot_apic_id = 7; })},
    {"acpi.madt.x2apic", [](Machine& m) { m.madt[1] = madt_x2apic(1); }},
    {"acpi.srat.form", [](Machine& m) { m.srat.push_back(Bytes().u8(1).u8(44).zeros(42)); }},
    {"acpi.srat.reserved", [](Machine& m) { m.srat[0] = srat_cpu(0, 0, 3); }},
    {"acpi.srat.overlap",
     [](Machine& m) { m.srat.push_back(srat_memory(0, kGiB + kMiB, 2 * kGiB)); }},
    {"acpi.srat.order", [](Machine& m) { std::swap(m.srat[2], m.srat[4]); }},
    {"acpi.srat.backed", [](Machine& m) { m.srat.push_back(srat_memory(1, 8 * kGiB, kGiB)); }},
    {"acpi.srat.coverage", [](Machine& m) { m.srat[4] = srat_memory(1, kGiB, kGiB - kMiB); }},
    {"acpi.srat.cpus", [](Machine& m) { m.madt.push_back(madt_cpu(5)); }},
    {"acpi.srat.apic-ids", [](Machine& m) { m.srat.push_back(srat_cpu(1, 0)); }},
    {"acpi.slit.size", [](Machine& m) { m.slit.push_back(10); }},
    {"acpi.slit.diagonal", [](Machine& m) { m.slit[3] = 11; }},
    {"acpi.slit.reserved", [](Machine& m) { m.slit[1] = m.slit[2] = 9; }},
    {"acpi.slit.symmetry", [](Machine& m) { m.slit[1] = 30; }},
    {"acpi.slit.domains",
     [](Machine& m) {
       m.slit_count = 1;
       m.slit = {10};
     }},
    {"acpi.hmat.form", [](Machine& m) { m.hmat.push_back(Bytes().u16(7).u16(0).u32(8)); }},
    {"acpi.hmat.domains", [](Machine& m) { m.hmat[0] = hmat_proximity(0, 9); }},
    {"acpi.hmat.domains", [](Machine& m) { m.hmat[0] = hmat_proximity(9, 0); }},
    {"acpi.cedt.form", [](Machine& m) { m.cedt[1] = cxl_window(17 * kGiB + kMiB, kGiB); }},
    {"acpi.cedt.windows", [](Machine& m) { m.cedt[1] = m.cedt[0]; }},
    {"acpi.cedt.windows",
     [](Machine& m) {
       m.cedt = {cxl_window(18 * kGiB, kGiB), cxl_window(16 * kGiB, 3 * kGiB)};
     }},
    {"acpi.madt.addresses", [](Machine& m) { m.madt.push_back(io_apic(0x100'0000)); }},
    {"acpi.madt.addresses", [](Machine& m) { m.madt.push_back(io_apic(0)); }},
    {"acpi.madt.addresses", [](Machine& m) { m.madt.push_back(gic_distributor(0x100'0000)); }},
    {"acpi.madt.addresses", [](Machine& m) { m.madt.push_back(gic_distributor(0)); }},
    {"acpi.madt.addresses", [](Machine& m) { m.madt.push_back(gic_redistributors(0x100'0000)); }},
    {"acpi.madt.addresses",
     [](Machine& m) { m.madt.push_back(Bytes().u8(5).u8(12).u16(0).u64(uint64_t{1} << 47)); }},
    {"acpi.pointers", after([](Machine& m) { m.facts.root.left_out = 7; })},
    {"acpi.duplicates", after([](Machine& m) { m.facts.root.duplicates = 3999; })},
    {"acpi.mcfg.form", [](Machine& m) { m.mcfg = mcfg_entry(0xb000'0000, 5, 4); }},
    {"acpi.mcfg.reserved", [](Machine& m) { m.mcfg = mcfg_entry(0x1000'0000, 0, 1); }},
    {"acpi.mcfg.reserved", [](Machine& m) { m.mcfg = mcfg_entry(0xe000'0000, 0, 1); }},
    {"machine.ebda", [](Machine& m) { retype(m, 0x9fc00, 0xa0000, E820Type::Ram); }},
    {"machine.bios-area",
     after([](Machine& m) { ASSERT_TRUE(m.facts.trims.add(mm::kBiosHole, 4096).ok()); })},
    {"machine.mtrr.write-back",
     [](Machine& m) {
       for (mm::Mtrrs& cpu : m.mtrrs) cpu.variable[0] = {0x4000'0000, 0xff'fff0'0800};
     }},
    {"machine.mtrr.write-back",
     [](Machine& m) {
       for (mm::Mtrrs& cpu : m.mtrrs) cpu.default_type = 6;  // switched off
     }},
    {"machine.mtrr.alike", [](Machine& m) { m.mtrrs[1].variable[0].base = 1; }},
    {"machine.mtrr.alike", [](Machine& m) { m.mtrrs.pop_back(); }},
    {"machine.holes", [](Machine& m) { retype(m, kGiB, kGiB + kMiB, E820Type::Unusable); }},
    {"machine.smbios.total", [](Machine& m) { m.modules[1] = 8192; }},
    {"machine.smbios.total",
     [](Machine& m) {
       m.modules = {1024};
       m.sockets = 1;
     }},
    {"machine.smbios.arrays", [](Machine& m) { m.sockets = 4; }},
    {"machine.smbios.arrays", [](Machine& m) { m.array_mib = 1024; }},
    {"machine.smbios.ranges", [](Machine& m) { m.mapped.end = Phys{kGiB}; }},
};

TEST(TableTests, ASoundMachinePassesAll) {
  Machine machine;
  EXPECT_EQ(machine.tripped(), (std::map<std::string, std::string>{}));
}

// Ids from 255 on stand in x2APIC entries, in the MADT as in the SRAT.
TEST(TableTests, SoDoesOneOf768Cpus) {
  Machine machine;
  for (uint32_t id = 2; id < 768; ++id) {
    const auto domain = static_cast<uint8_t>(id % 2);
    const bool fits = id < 255;
    machine.madt.push_back(fits ? madt_cpu(static_cast<uint8_t>(id)) : madt_x2apic(id));
    machine.srat.push_back(fits ? srat_cpu(domain, static_cast<uint8_t>(id))
                                : srat_x2apic(domain, id));
  }
  EXPECT_EQ(machine.tripped(), (std::map<std::string, std::string>{}));
}

// What does not fit the room for sorting is a finding, and no machine's tables fill it.
TEST(TableTests, MoreThanIsLookedAtIsSaid) {
  Machine machine;
  machine.scratch.resize(2);
  machine.madt.push_back(madt_cpu(2));
  machine.srat.push_back(srat_cpu(0, 2));
  machine.cedt.push_back(cxl_window(18 * kGiB, kGiB));
  machine.hmat[0] = hmat_proximity(0, 9);
  const auto said = machine.tripped();
  EXPECT_EQ(said.at("acpi.madt.cpus"), "1 CPUs behind the first 2 are not looked at");
  EXPECT_EQ(said.at("acpi.srat.apic-ids"), "1 CPUs behind the first 2 are not looked at");
  EXPECT_EQ(said.at("acpi.srat.cpus"), "1 CPUs behind the first 2 are not looked at");
  EXPECT_EQ(said.at("acpi.hmat.domains"), "4 domains behind the first 2 are not looked at");
  EXPECT_EQ(said.at("acpi.cedt.windows"), "1 windows behind the first 2 are not looked at");
  EXPECT_EQ(said.at("acpi.srat.overlap"), "1 ranges behind the first 2 are not looked at");
  EXPECT_EQ(said.at("acpi.srat.coverage"), "1 ranges behind the first 2 are not looked at");
}

// As QEMU has it for a persistent module inside the window that more may be plugged into.
TEST(TableTests, SoDoesOneWhoseDomainOverlapsItself) {
  Machine machine;
  machine.srat.push_back(srat_memory(1, 4 * kGiB, kGiB, 3));
  machine.srat.push_back(srat_memory(1, 4 * kGiB + 256 * kMiB, 128 * kMiB, 5));
  EXPECT_EQ(machine.tripped(), (std::map<std::string, std::string>{}));
}

// The tests take domains for what the loader takes them: of 8 bits in a table of revision 1.
TEST(TableTests, AnOldSratHasSmallDomains) {
  for (const uint8_t revision : {uint8_t{1}, uint8_t{2}}) {
    Machine machine;
    machine.srat_revision = revision;
    machine.srat[4] = srat_memory(0xffffff01, kGiB, kGiB);
    std::set<std::string> ids;
    for (const auto& [id, facts] : machine.tripped()) ids.insert(id);
    const std::set<std::string> wide{"acpi.slit.domains"};
    EXPECT_EQ(ids, revision == 1 ? std::set<std::string>{} : wide);
  }
}

TEST(TableTests, EachBreakageTripsItsTestAndNoOther) {
  for (const Breakage& breakage : kBreakages) {
    Machine machine;
    breakage.apply(machine);
    std::set<std::string> ids;
    std::string said;
    for (const auto& [id, facts] : machine.tripped()) {
      ids.insert(id);
      said += id + ": " + facts + "\n";
    }
    EXPECT_EQ(ids, std::set<std::string>{breakage.id}) << said;
  }
}

// Page tables without physical address extension lead to 4 GiB: what lies beyond is no module that the
// firmware leaves out, and no domain without memory.
TEST(TableTests, RamThatPageTablesDoNotReachIsTheFirmwaresAllTheSame) {
  Machine machine;
  machine.modules[1] = 8192;
  machine.srat.push_back(srat_memory(1, 8 * kGiB, kGiB));
  EXPECT_EQ(machine.tripped().count("machine.smbios.total"), 1U);
  EXPECT_EQ(machine.tripped().count("acpi.srat.backed"), 1U);
  ASSERT_TRUE(machine.facts.trims.add(mm::kUnreachable, 7 * kGiB).ok());
  EXPECT_EQ(machine.tripped().count("machine.smbios.total"), 0U);
  EXPECT_EQ(machine.tripped().count("acpi.srat.backed"), 0U);
}

// What comes behind the structure that does not end cannot be seen, and so is not judged.
TEST(TableTests, AnSmbiosTableThatDoesNotEnd) {
  Machine machine;
  machine.smbios_ends = false;
  EXPECT_EQ(machine.tripped().count("machine.smbios.form"), 1U);
}

// mem= and memmap= on the command line: what the map lacks or has then is not the firmware's doing.
TEST(TableTests, AMapThatAPersonChangedIsHeldAgainstNoFirmware) {
  struct Changed {
    std::vector<const char*> mem, memmap;
    std::set<std::string> skipped;
  };
  const Changed kChanged[] = {
      {{"12M"}, {}, {"acpi.srat.backed", "machine.holes", "machine.smbios.total"}},
      {{"8G"}, {}, {}},
      {{}, {"64K$16M"}, {}},
      {{},
       {"exactmap", "640K@0", "600M@1M"},
       {"acpi.mcfg.reserved", "acpi.placement", "acpi.srat.backed", "machine.ebda",
        "machine.smbios.total"}},
      {{}, {"4G@4G"}, {"acpi.srat.coverage", "machine.smbios.total"}},
  };
  for (const Changed& person : kChanged) {
    Machine machine;
    machine.srat[4] = srat_memory(1, kGiB, kGiB / 2);
    machine.srat.push_back(srat_memory(1, kGiB + kGiB / 2, kGiB / 2));
    mm::E820Changes changes;
    for (const char* word : person.mem) {
      ASSERT_TRUE(mm::apply_mem(word, machine.e820, changes, mm::Printer()).ok());
    }
    for (const char* word : person.memmap) {
      ASSERT_TRUE(mm::apply_memmap(word, machine.e820, changes, mm::Printer()).ok()) << word;
    }
    if (changes.taken_by_mem + changes.taken_by_memmap != 0) machine.facts.changes |= kRamTaken;
    if (changes.added_by_memmap != 0) machine.facts.changes |= kRamAdded;
    std::set<std::string> skipped;
    for (const auto& [id, facts] : machine.tripped()) {
      skipped.insert(id);
      EXPECT_NE(facts.find(id == "acpi.mcfg.reserved" ? "not in the map" : "mem= or memmap="),
                std::string::npos)
          << id << ": " << facts;
    }
    EXPECT_EQ(skipped, person.skipped);
    // The same map from a firmware is a fault: nothing is forgiven but what options did.
    machine.facts.changes = 0;
    EXPECT_EQ(machine.tripped().size(), person.skipped.size());
    for (const auto& [id, facts] : machine.tripped()) {
      EXPECT_EQ(facts.find("mem= or memmap="), std::string::npos) << id;
    }
  }
}

TEST(TableTests, EveryTestCanBeTripped) {
  std::set<std::string> ids{"machine.smbios.form"};
  for (const Breakage& breakage : kBreakages) ids.insert(breakage.id);
  size_t rows = 0;
  for (const auto tests : all_tests()) {
    for (const TableTest& test : tests()) EXPECT_EQ(ids.count(test.row.id), 1U) << test.row.id;
    rows += tests().size();
  }
  EXPECT_EQ(ids.size(), rows);
}

// Tables of all lengths with wrong bytes: nothing may be read outside them. Each lies in memory of
// its own size, so that the sanitizer sees it.
TEST(TableTests, DamagedTablesAreReadInsideTheirBounds) {
  uint32_t random = 12345;
  const auto next = [&] { return (random = random * 1664525 + 1013904223) >> 8; };
  for (int round = 0; round < 300; ++round) {
    Machine machine;
    std::vector<Table> copies;
    machine.afterwards = [&](Machine& m) {
      for (loader::AcpiTable& table : m.list) {
        if (table.length <= 36) continue;
        const auto* bytes = &m.at<uint8_t>(table.address.v);
        copies.emplace_back(bytes, bytes + 37 + next() % (table.length - 36));
        Table& copy = copies.back();
        for (int i = 0; i < 4; ++i) {
          copy[36 + next() % (copy.size() - 36)] = static_cast<uint8_t>(next());
        }
        table.address = Phys{reinterpret_cast<uintptr_t>(copy.data())};
        table.length = static_cast<uint32_t>(copy.size());
      }
      m.facts.map = mm::DirectMap();
      m.facts.readable = [](const void*, mm::Range) { return false; };
    };
    (void)machine.tripped();
  }
}

TEST(Mtrr, FixedRangesThenVariableOnes) {
  mm::Mtrrs mtrrs;
  mtrrs.supported = true;
  mtrrs.default_type = 0xc00;  // on, fixed on, uncacheable
  mtrrs.fixed[0] = 0x0606'0606'0606'0606;
  mtrrs.fixed[2] = 0x0101'0101'0101'0101;
  mtrrs.variable_count = 2;
  mtrrs.variable[0] = {6, 0xff'8000'0800};            // 0 to 2 GiB write-back
  mtrrs.variable[1] = {0x7000'0000, 0xff'f000'0800};  // its last 256 MiB not
  using enum mm::MemoryType;
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{0x1000}).type, WriteBack);
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{0xa0000}).type, WriteCombining);
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{0xa0000}).end, Phys{0xa4000});
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{0xf0000}).type, Uncacheable);
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{0x10'0000}).type, WriteBack);
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{0x7000'0000}).type, Uncacheable);
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{0x8000'0000}).type, Uncacheable);
  mtrrs.default_type = 6;
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{0x10'0000}).type, Uncacheable);
}

TEST(Smbios, ModulesAndAddresses) {
  const Bytes bytes = Bytes()
                          .u8(17)
                          .u8(40)
                          .u16(0x1100)
                          .zeros(8)
                          .u16(0x7fff)
                          .zeros(2)
                          .u8(1)
                          .u8(2)
                          .zeros(10)
                          .u32(32768)
                          .zeros(8)
                          .put({'A', '1', 0, 'B', 'A', 'N', 'K', 0, 0})
                          .u8(19)
                          .u8(31)
                          .u16(0x1300)
                          .u32(0xffffffff)
                          .u32(0xffffffff)
                          .zeros(3)
                          .u64(kGiB)
                          .u64(2 * kGiB - 1)
                          .zeros(2)
                          .u8(127)
                          .u8(4)
                          .u16(1)
                          .zeros(2);
  loader::SmbiosStructures structures(bytes.bytes());
  const auto module = structures.next();
  ASSERT_TRUE(module);
  const auto device = loader::memory_device(*module);
  ASSERT_TRUE(device);
  EXPECT_EQ(device->size, 32 * kGiB);
  EXPECT_EQ(device->locator, "A1");
  EXPECT_EQ(device->bank, "BANK");
  const auto mapped = structures.next();
  ASSERT_TRUE(mapped);
  const auto range = loader::mapped_range(*mapped);
  ASSERT_TRUE(range);
  EXPECT_EQ(*range, (mm::Range{Phys{kGiB}, Phys{2 * kGiB}}));
  EXPECT_TRUE(structures.next());
  EXPECT_FALSE(structures.next());
  EXPECT_TRUE(structures.well_ended());
}

}  // namespace
}  // namespace kernel
