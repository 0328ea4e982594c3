#include "loader/acpi/srat.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "loader/acpi/slit.h"
#include "tests/unit/acpi_bytes.h"

namespace kernel {
namespace {

using acpi_test::Bytes;
using acpi_test::Log;

struct Reading {
  std::vector<mm::MemoryAffinity> memory = std::vector<mm::MemoryAffinity>(16);
  std::vector<loader::CpuAffinity> cpus = std::vector<loader::CpuAffinity>(16);
  loader::ProximityMap domains;
  Log log;

  loader::SratStorage storage() { return {memory, cpus}; }
  mm::Result<loader::Srat> read(const std::vector<uint8_t>& table, bool x2apic = false) {
    return loader::parse_srat(table, storage(), domains, x2apic, log.printer());
  }
};

Bytes cpu(uint32_t domain, uint8_t apic, bool enabled = true) {
  return Bytes()
      .u8(0)
      .u8(16)
      .u8(domain & 0xff)
      .u8(apic)
      .u32(enabled ? 1 : 0)
      .u8(0)
      .u8(domain >> 8 & 0xff)
      .u8(domain >> 16 & 0xff)
      .u8(domain >> 24)
      .u32(0);
}

Bytes x2apic(uint32_t domain, uint32_t apic, bool enabled = true) {
  return Bytes().u8(2).u8(24).u16(0).u32(domain).u32(apic).u32(enabled ? 1 : 0).u32(0).u32(0);
}

Bytes memory(uint32_t domain, uint64_t start, uint64_t size, uint32_t flags = 1) {
  return Bytes().u8(1).u8(40).u32(domain).u16(0).u64(start).u64(size).u32(0).u32(flags).u64(0);
}

Bytes initiator(uint32_t domain, bool enabled = true) {
  return Bytes().u8(5).u8(32).u8(0).u8(1).u32(domain).zeros(16).u32(enabled ? 1 : 0).u32(0);
}

std::vector<uint8_t> srat(std::vector<Bytes> entries, uint8_t revision = 3) {
  Bytes body;
  body.u32(1).u64(0);
  for (const Bytes& e : entries) body.put(e.bytes());
  return acpi_test::table("SRAT", revision, body);
}

// QEMU with two nodes of 2 GiB: Linux 6.1's lines for the same table.
TEST(Srat, TwoNodesInLinuxWords) {
  Reading r;
  const auto srat_table = srat({cpu(0, 0), cpu(0, 1), cpu(1, 2), cpu(1, 3), memory(0, 0, 0xa0000),
                                memory(0, 0x100000, 0x7ff00000), memory(1, 0x100000000, 0x80000000),
                                memory(0, 0, 0, 0)});
  const auto result = r.read(srat_table);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(r.log.text(),
            "SRAT: PXM 0 -> APIC 0x00 -> Node 0\n"
            "SRAT: PXM 0 -> APIC 0x01 -> Node 0\n"
            "SRAT: PXM 1 -> APIC 0x02 -> Node 1\n"
            "SRAT: PXM 1 -> APIC 0x03 -> Node 1\n"
            "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x0009ffff]\n"
            "ACPI: SRAT: Node 0 PXM 0 [mem 0x00100000-0x7fffffff]\n"
            "ACPI: SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]\n");
  EXPECT_TRUE(result.value().used);
  EXPECT_EQ(result.value().memory.size(), 3U);
  EXPECT_EQ(result.value().cpus.size(), 4U);
  EXPECT_EQ(result.value().named.count(), 2U);
}

TEST(Srat, FlagsAreNamed) {
  Reading r;
  ASSERT_TRUE(r.read(srat({memory(0, 0, 0x80000000), memory(1, 0x100000000, 0x40000000, 3),
                           memory(1, 0x200000000, 0x40000000, 7)}))
                  .ok());
  EXPECT_EQ(r.log.text(),
            "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]\n"
            "ACPI: SRAT: Node 1 PXM 1 [mem 0x100000000-0x13fffffff] hotplug\n"
            "ACPI: SRAT: Node 1 PXM 1 [mem 0x200000000-0x23fffffff] hotplug non-volatile\n");
}

// Nodes are numbered as domains are first seen, CPUs before memory though the table has them after.
TEST(Srat, NodesAreNumberedAsFirstSeen) {
  Reading r;
  const auto result = r.read(srat({memory(7, 0, 0x1000), cpu(4, 9), initiator(2), x2apic(9, 8),
                                   cpu(3, 1, false), memory(4, 0x1000, 0x1000)}));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(r.domains.find(4), mm::NodeId{0});
  EXPECT_EQ(r.domains.find(2), mm::NodeId{1});
  EXPECT_EQ(r.domains.find(9), mm::NodeId{2});
  EXPECT_EQ(r.domains.find(7), mm::NodeId{3});
  EXPECT_EQ(r.domains.find(3), std::nullopt) << "a disabled CPU names no domain";
  EXPECT_EQ(result.value().named.count(), 4U);
  EXPECT_EQ(r.domains.next_unused(), 10U);
}

// Revision 1 has 8 bits of domain; what stands in the others is not to be believed.
TEST(Srat, OldRevisionsHaveSmallDomains) {
  Reading old;
  ASSERT_TRUE(old.read(srat({cpu(0x0101, 0), memory(0xffffff01, 0, 0x1000)}, 1)).ok());
  EXPECT_EQ(old.domains.count(), 1);
  EXPECT_EQ(old.domains.find(1), mm::NodeId{0});
  Reading current;
  ASSERT_TRUE(current.read(srat({cpu(0x0101, 0), memory(0x0101, 0, 0x1000)}, 2)).ok());
  EXPECT_EQ(current.domains.count(), 1);
  EXPECT_EQ(current.domains.find(0x0101), mm::NodeId{0});
}

TEST(Srat, X2apicIdsNeedX2apicMode) {
  const auto t = srat({x2apic(0, 254), x2apic(1, 300), memory(0, 0, 0x1000)});
  Reading off;
  ASSERT_TRUE(off.read(t, false).ok());
  EXPECT_EQ(off.log.text(),
            "SRAT: PXM 0 -> APIC 0x00fe -> Node 0\n"
            "SRAT: PXM 1 -> X2APIC 0x012c ignored\n"
            "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x00000fff]\n");
  EXPECT_EQ(off.domains.find(1), std::nullopt);
  Reading on;
  ASSERT_TRUE(on.read(t, true).ok());
  EXPECT_EQ(on.domains.find(1), mm::NodeId{1});
}

TEST(Srat, TooManyDomainsDiscreditIt) {
  std::vector<Bytes> entries;
  for (uint32_t d = 0; d <= mm::kMaxNodes; ++d) entries.push_back(initiator(d));
  entries.push_back(memory(mm::kMaxNodes + 5, 0, 0x1000));
  Reading r;
  const auto result = r.read(srat(entries));
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result.value().used);
  EXPECT_EQ(r.log.text(),
            "ACPI: SRAT: Too many proximity domains.\n"
            "ACPI: SRAT: Too many proximity domains.\n"
            "ACPI: SRAT: SRAT not used.\n");
}

TEST(Srat, BadLengthsDiscreditIt) {
  Reading shorter;
  const auto a = shorter.read(srat({Bytes().u8(1).u8(16).zeros(14)}));
  ASSERT_TRUE(a.ok());
  EXPECT_FALSE(a.value().used);
  EXPECT_EQ(shorter.log.text(),
            "ACPI: SRAT: Unexpected header length: 16\nACPI: SRAT: SRAT not used.\n");

  Reading zero;
  const auto b = zero.read(srat({memory(0, 0, 0x1000), Bytes().u8(1).u8(0)}));
  ASSERT_TRUE(b.ok());
  EXPECT_FALSE(b.value().used);
  EXPECT_EQ(zero.log.text(),
            "ACPI: SRAT: entry of bad length (offset 88, length 0)\nACPI: SRAT: SRAT not used.\n");

  Reading beyond;
  const auto c = beyond.read(srat({Bytes().u8(1).u8(40).zeros(20)}));
  ASSERT_TRUE(c.ok());
  EXPECT_FALSE(c.value().used);

  Reading headless;
  EXPECT_FALSE(headless.read(acpi_test::table("SRAT", 3, Bytes().u32(1))).ok());
}

TEST(Srat, WithoutMemoryEntriesItIsNotUsed) {
  Reading r;
  const auto result = r.read(srat({cpu(0, 0)}));
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result.value().used);
}

Bytes window(uint64_t start, uint64_t size) {
  return Bytes().u8(1).u8(0).u16(36).u32(0).u64(start).u64(size).zeros(12);
}

//   SRAT    |--- node 0 ---|        |-- node 1 --|
//   CFMWS                       [ part of ........ ]      [ new ]
TEST(Cedt, WindowsFillUpOrBecomeNodes) {
  Reading r;
  auto result = r.read(srat({memory(0, 0, 0x1000), memory(5, 0x3000, 0x1000)}));
  ASSERT_TRUE(result.ok());
  loader::Srat& found = result.value();
  const auto cedt = acpi_test::table(
      "CEDT", 1, Bytes().put(window(0x2000, 0x3000).bytes()).put(window(0x9000, 0x1000).bytes()));
  ASSERT_TRUE(loader::add_cxl_windows(cedt, r.storage(), r.domains, found, r.log.printer()).ok());
  ASSERT_EQ(found.memory.size(), 3U);
  EXPECT_EQ(found.memory[1].range, (mm::Range{{0x2000}, {0x5000}}));
  EXPECT_EQ(found.memory[2].range, (mm::Range{{0x9000}, {0xa000}}));
  EXPECT_EQ(found.memory[2].node, 2);
  EXPECT_EQ(r.domains.find(6), mm::NodeId{2}) << "the first domain nobody uses";
  EXPECT_TRUE(found.named.has(2));
}

std::vector<uint8_t> slit(uint64_t count, std::vector<uint8_t> distances) {
  return acpi_test::table("SLIT", 1, Bytes().u64(count).put(distances));
}

TEST(Slit, DistancesGoFromDomainsToNodes) {
  loader::ProximityMap domains;
  domains.map(1);  // node 0
  domains.map(0);  // node 1
  Log log;
  const auto table = slit(3, {10, 20, 30, 40, 10, 50, 60, 70, 10});
  const auto d = loader::parse_slit(table, domains, log.printer());
  ASSERT_TRUE(d.ok());
  domains.map(2);  // node 2, which came later
  EXPECT_EQ(d.value().between(0, 2), 20U);
  EXPECT_EQ(d.value().between(0, 0), 10U);
  EXPECT_EQ(d.value().between(0, 1), 40U);
  EXPECT_EQ(d.value().between(1, 0), 20U);
  EXPECT_EQ(d.value().between(0, 7), 20U);
  EXPECT_EQ(log.text(), "NUMA: Initialized distance table, cnt=2\n");
}

TEST(Slit, WhatLinuxDoesNotBelieveIsNotUsed) {
  loader::ProximityMap domains;
  domains.map(0);
  domains.map(1);
  for (const auto& bad :
       {slit(2, {10, 10, 10, 10}), slit(2, {11, 20, 20, 10}), slit(2, {10, 20, 9, 10})}) {
    Log log;
    const auto d = loader::parse_slit(bad, domains, log.printer());
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d.value().between(0, 1), 20U);
    EXPECT_EQ(log.text(), "ACPI: SLIT table looks invalid. Not used.\n");
  }
}

TEST(Slit, TooShortForItsCountIsAnError) {
  loader::ProximityMap domains;
  Log log;
  EXPECT_FALSE(loader::parse_slit(slit(2, {10, 20, 20}), domains, log.printer()).ok());
  EXPECT_FALSE(loader::parse_slit(slit(uint64_t{1} << 32, {10}), domains, log.printer()).ok());
  EXPECT_FALSE(
      loader::parse_slit(acpi_test::table("SLIT", 1, Bytes().u32(0)), domains, log.printer()).ok());
}

// More than there is room for does not cost the rest: what fits is kept, and the log says so once.
TEST(Srat, WhatThereIsNoRoomForIsCountedAndLeftOut) {
  Reading r;
  r.memory.resize(2);
  r.cpus.resize(3);
  std::vector<Bytes> entries;
  for (uint8_t id = 0; id < 100; ++id) entries.push_back(cpu(id % 2, id));
  for (uint32_t i = 0; i < 100; ++i) entries.push_back(memory(i % 2, i << 30, 1 << 30));
  const auto found = r.read(srat(entries));
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found.value().used);
  EXPECT_EQ(found.value().cpus.size(), 3U);
  EXPECT_EQ(found.value().cpus_left_out, 97U);
  EXPECT_EQ(found.value().memory.size(), 2U);
  EXPECT_EQ(found.value().memory_left_out, 98U);
  EXPECT_EQ(r.log.text(),
            "SRAT: PXM 0 -> APIC 0x00 -> Node 0\n"
            "SRAT: PXM 1 -> APIC 0x01 -> Node 1\n"
            "SRAT: PXM 0 -> APIC 0x02 -> Node 0\n"
            "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]\n"
            "ACPI: SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]\n"
            "ACPI: SRAT: 97 CPUs behind the first 3 and 98 ranges behind the first 2 left out\n");
}

}  // namespace
}  // namespace kernel
