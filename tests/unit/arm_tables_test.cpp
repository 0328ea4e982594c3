// What an Arm machine's ACPI tables have that a PC's have not: GICs, CPUs by UID, PSCI, a PL011.
#include <gtest/gtest.h>

#include <vector>

#include "loader/acpi/fadt.h"
#include "loader/acpi/gic.h"
#include "loader/acpi/madt.h"
#include "loader/acpi/spcr.h"
#include "loader/acpi/srat.h"
#include "loader/world.h"
#include "tests/unit/acpi_bytes.h"

namespace loader {
namespace {

using acpi_test::Bytes;
using acpi_test::Log;
using mm::Phys;

Bytes gicc(uint32_t uid, uint64_t mpidr, uint32_t flags = 1, uint64_t interface = 0x801'0000,
           uint64_t redistributor = 0) {
  return Bytes()
      .u8(11)
      .u8(80)
      .u16(0)
      .u32(uid)  // the interface's number
      .u32(uid)
      .u32(flags)
      .zeros(16)
      .u64(interface)
      .zeros(20)
      .u64(redistributor)
      .u64(mpidr)
      .u32(0);
}
Bytes gicd(uint64_t address, uint8_t version) {
  return Bytes().u8(12).u8(24).u16(0).u32(0).u64(address).u32(0).u8(version).zeros(3);
}
Bytes gicr(uint64_t address, uint32_t size) {
  return Bytes().u8(14).u8(16).u16(0).u64(address).u32(size);
}

std::vector<uint8_t> madt(const std::vector<Bytes>& entries) {
  Bytes body;
  body.u32(0).u32(0);
  for (const Bytes& e : entries) body.put(e.bytes());
  return acpi_test::table("APIC", 4, body);
}

TEST(ArmMadt, AnIdIsFourFieldsOfMpidr) {
  constexpr uint64_t kMpidr = uint64_t{0x12} << 32 | 0x8034'5678 | 1u << 30;
  EXPECT_EQ(packed_mpidr(kMpidr), 0x1234'5678U);
  EXPECT_EQ(whole_mpidr(0x1234'5678), uint64_t{0x12} << 32 | 0x34'5678);
}

TEST(ArmMadt, CpusByGicc) {
  std::vector<MadtCpu> storage(8);
  Log log;
  const auto table = madt(
      {gicd(0x800'0000, 2), gicc(7, 0x100), gicc(8, 0x101), gicc(9, 0x200, 0), gicc(10, 0x201, 8)});
  const auto read = parse_madt(table, storage, log.printer());
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read.value().cpus.size(), 3U) << "what is neither there nor can come is none";
  EXPECT_TRUE(read.value().gic);
  EXPECT_EQ(read.value().enabled, 2U);
  EXPECT_EQ(read.value().cpus[1].apic_id, 0x101U);
  EXPECT_EQ(read.value().cpus[1].srat_id, 8U);
  EXPECT_TRUE(read.value().cpus[2].online_capable);
  EXPECT_EQ(read.value().local_apic, 0U) << "the fixed part's address is no address";
}

TEST(ArmMadt, OlderEntriesAreShorterAndCutOnesErrors) {
  std::vector<MadtCpu> storage(8);
  Log log;
  Bytes old;
  std::vector<uint8_t> bytes = gicc(1, 2).bytes();
  bytes.resize(76);
  bytes[1] = 76;
  old.put(bytes);
  EXPECT_TRUE(parse_madt(madt({old}), storage, log.printer()).ok());
  bytes.resize(40);
  bytes[1] = 40;
  EXPECT_FALSE(parse_madt(madt({Bytes().put(bytes)}), storage, log.printer()).ok());
}

TEST(ArmMadt, ControllersAreDevicesAsLargeAsTheyAre) {
  const auto devices_of = [](const std::vector<uint8_t>& table) {
    const AcpiTable listed{{'A', 'P', 'I', 'C'},
                           Phys{reinterpret_cast<uintptr_t>(table.data())},
                           static_cast<uint32_t>(table.size()),
                           true};
    std::vector<NamedRange> devices(8);
    const auto found = interrupt_controllers({&listed, 1}, {}, devices);
    devices.resize(found.count);
    return devices;
  };
  const auto v2 = devices_of(madt({gicd(0x800'0000, 2), gicc(0, 0), gicc(1, 1)}));
  ASSERT_EQ(v2.size(), 2U) << "one interface, which each CPU sees at the same place";
  EXPECT_EQ(v2[0].range, (mm::Range{Phys{0x800'0000}, Phys{0x800'1000}}));
  EXPECT_EQ(v2[1].range, (mm::Range{Phys{0x801'0000}, Phys{0x801'2000}}));

  const auto v3 = devices_of(
      madt({gicd(0x800'0000, 3), gicc(0, 0, 1, 0, 0x80e'0000), gicr(0x80a'0000, 0x4'0000)}));
  ASSERT_EQ(v3.size(), 3U);
  EXPECT_EQ(v3[0].range, (mm::Range{Phys{0x800'0000}, Phys{0x801'0000}}));
  EXPECT_EQ(v3[1].range, (mm::Range{Phys{0x80e'0000}, Phys{0x810'0000}}));
  EXPECT_EQ(v3[2].range, (mm::Range{Phys{0x80a'0000}, Phys{0x80e'0000}}));

  EXPECT_TRUE(devices_of(madt({gicr(~uint64_t{0} - 0xfff, 0x2'0000)})).empty()) << "it would wrap";
}

TEST(ArmMadt, ItsGicIsOneShape) {
  std::vector<mm::Range> room(2);
  const auto v2 = madt({gicd(0x800'0000, 2), gicc(0, 0), gicc(1, 1)});
  const Gic second = gic_of_madt(v2, 1, room);
  EXPECT_EQ(second.version, 2U);
  EXPECT_EQ(second.interface, (mm::Range{Phys{0x801'0000}, Phys{0x801'2000}}));
  EXPECT_TRUE(second.redistributors.empty());
  EXPECT_TRUE(gic_of_madt(v2, 7, room).interface.empty()) << "another CPU's";

  const auto v4 = madt({gicd(0x800'0000, 4), gicc(0, 0, 1, 0, 0x80e'0000),
                        gicr(0x80a'0000, 0x4'0000), gicr(0x90a'0000, 0x4'0000)});
  const Gic later = gic_of_madt(v4, 0, room);
  EXPECT_EQ(later.version, 3U);
  EXPECT_EQ(later.distributor, (mm::Range{Phys{0x800'0000}, Phys{0x801'0000}}));
  ASSERT_EQ(later.redistributors.size(), 2U);
  EXPECT_EQ(later.redistributors[0], (mm::Range{Phys{0x80e'0000}, Phys{0x810'0000}}));
  EXPECT_EQ(later.redistributors[1], (mm::Range{Phys{0x80a'0000}, Phys{0x80e'0000}}));
  EXPECT_EQ(later.left_out, 1U);

  EXPECT_EQ(timer_of_gtdt(std::vector<uint8_t>(67)), 0U);
  std::vector<uint8_t> gtdt(68);
  gtdt[64] = 27;
  EXPECT_EQ(timer_of_gtdt(gtdt), 27U);
}

TEST(ArmSrat, CpusAreNamedByTheirUid) {
  const auto cpu = [](uint32_t domain, uint32_t uid, uint32_t flags = 1) {
    return Bytes().u8(3).u8(18).u32(domain).u32(uid).u32(flags).u32(0);
  };
  Bytes body;
  body.u32(1).u64(0);
  for (const Bytes& e : {cpu(0, 7), cpu(1, 8), cpu(1, 9, 0), cpu(1, 44)}) body.put(e.bytes());
  body.put(Bytes()
               .u8(1)
               .u8(40)
               .u32(1)
               .u16(0)
               .u64(0x4000'0000)
               .u64(0x4000'0000)
               .u32(0)
               .u32(1)
               .u64(0)
               .bytes());
  const auto table = acpi_test::table("SRAT", 3, body);
  std::vector<MadtCpu> listed(2);
  listed[0] = {.apic_id = 0x100, .enabled = true, .gic = true, .srat_id = 7};
  listed[1] = {.apic_id = 0x0100'0101, .enabled = true, .gic = true, .srat_id = 8};
  std::vector<mm::MemoryAffinity> memory(4);
  std::vector<CpuAffinity> cpus(4);
  ProximityMap domains;
  Log log;
  const auto read = parse_srat(table, {memory, cpus, listed}, domains, true, log.printer());
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read.value().cpus.size(), 2U);
  EXPECT_EQ(read.value().cpus[0].apic_id, 0x100U);
  EXPECT_EQ(read.value().cpus[1].apic_id, 0x0100'0101U);
  EXPECT_EQ(read.value().cpus[1].node, mm::NodeId{1});
  EXPECT_EQ(log.text(),
            "ACPI: NUMA: SRAT: PXM 0 -> MPIDR 0x100 -> Node 0\n"
            "ACPI: NUMA: SRAT: PXM 1 -> MPIDR 0x100000101 -> Node 1\n"
            "ACPI: SRAT: PXM 1 -> processor UID 0x2c: not in the MADT\n"
            "ACPI: SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]\n");
}

TEST(ArmFadt, SaysHowPsciIsCalled) {
  const auto psci = [](uint8_t flags, size_t size = 268) {
    std::vector<uint8_t> t = acpi_test::table("FACP", 6, Bytes().zeros(size - 36));
    if (size > 129) t[129] = flags;
    return parse_fadt(t).value().psci;
  };
  EXPECT_EQ(psci(0), Psci::None);
  EXPECT_EQ(psci(2), Psci::None) << "the second bit means something with the first only";
  EXPECT_EQ(psci(1), Psci::Smc);
  EXPECT_EQ(psci(3), Psci::Hvc);
  EXPECT_EQ(psci(3, 129), Psci::None) << "an older table ends before";
}

TEST(ArmSpcr, APl011LiesInMemory) {
  const auto spcr = [](uint8_t type, uint8_t space, uint64_t address) {
    return parse_spcr(acpi_test::table(
        "SPCR", 2,
        Bytes().u8(type).zeros(3).u8(space).zeros(3).u64(address).zeros(6).u8(0).zeros(21)));
  };
  for (const int type : {3, 13, 14}) {
    const auto port = spcr(static_cast<uint8_t>(type), 0, 0x900'0000);
    ASSERT_TRUE(port.ok());
    EXPECT_EQ(port.value().pl011, 0x900'0000U);
    EXPECT_EQ(port.value().port, 0);
  }
  EXPECT_FALSE(spcr(3, 1, 0x2f8).ok()) << "at an I/O port";
  EXPECT_FALSE(spcr(3, 0, 0).ok()) << "switched off";
  EXPECT_FALSE(spcr(5, 0, 0x900'0000).ok()) << "neither kind";
}

}  // namespace
}  // namespace loader
