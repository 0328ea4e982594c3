// More CPUs than 8-bit APIC ids can name, as a large server's tables have them: eight nodes of 96
// CPUs, those below 255 in the short entries and the others in x2APIC ones. QEMU's TCG has no
// x2APIC, so that the referee's largest machine has 255; this is the rest, on the host.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "loader/acpi/madt.h"
#include "loader/acpi/srat.h"
#include "tests/unit/acpi_bytes.h"

namespace kernel {
namespace {

using acpi_test::Bytes;
using acpi_test::Log;

constexpr uint32_t kNodes = 8;
constexpr uint32_t kCpus = 768;
constexpr uint32_t kPerNode = kCpus / kNodes;
constexpr uint32_t kFirstLong = 255;  // id 255 means every CPU in the short entries
constexpr uint64_t kNodeBytes = uint64_t{256} << 30;

std::vector<uint8_t> madt() {
  Bytes body;
  body.u32(0xfee00000).u32(1);
  for (uint32_t id = 0; id < kFirstLong; ++id) body.u8(0).u8(8).u8(id & 0xff).u8(id).u32(1);
  for (uint32_t id = kFirstLong; id < kCpus; ++id) {
    body.u8(9).u8(16).u16(0).u32(id).u32(1).u32(id);
  }
  return acpi_test::table("APIC", 5, body);
}

std::vector<uint8_t> srat() {
  Bytes body;
  body.u32(1).u64(0);
  for (uint32_t id = 0; id < kCpus; ++id) {
    const uint32_t domain = id / kPerNode;
    if (id < kFirstLong) {
      body.u8(0).u8(16).u8(domain).u8(id).u32(1).zeros(8);
    } else {
      body.u8(2).u8(24).u16(0).u32(domain).u32(id).u32(1).u32(0).u32(0);
    }
  }
  for (uint32_t node = 0; node < kNodes; ++node) {
    body.u8(1).u8(40).u32(node).u16(0).u64(node * kNodeBytes).u64(kNodeBytes);
    body.u32(0).u32(1).u64(0);
  }
  return acpi_test::table("SRAT", 3, body);
}

struct Reading {
  std::vector<mm::MemoryAffinity> memory = std::vector<mm::MemoryAffinity>(kNodes);
  std::vector<loader::CpuAffinity> cpus = std::vector<loader::CpuAffinity>(kCpus);
  loader::ProximityMap domains;
  Log log;

  mm::Result<loader::Srat> read(bool x2apic_mode) {
    return loader::parse_srat(srat(), {memory, cpus}, domains, x2apic_mode, log.printer());
  }
};

TEST(ManyCpus, TheMadtNamesThemAll) {
  std::vector<loader::MadtCpu> storage(kCpus);
  Log log;
  const auto found = loader::parse_madt(madt(), storage, log.printer());
  ASSERT_TRUE(found.ok()) << found.error().what;
  EXPECT_EQ(found.value().enabled, kCpus);
  ASSERT_EQ(found.value().cpus.size(), kCpus);
  for (uint32_t i = 0; i < kCpus; ++i) {
    EXPECT_EQ(found.value().cpus[i].apic_id, i);
    EXPECT_EQ(found.value().cpus[i].x2apic, i >= kFirstLong);
  }
  EXPECT_EQ(log.text(), "smpboot: Allowing 768 CPUs, 0 hotplug CPUs\n");

  const auto too_many =
      loader::parse_madt(madt(), std::span(storage).first(kCpus - 1), log.printer());
  ASSERT_TRUE(too_many.ok());
  EXPECT_EQ(too_many.value().cpus.size(), kCpus - 1) << "those that fit are kept";
  EXPECT_EQ(too_many.value().left_out, 1U);
}

TEST(ManyCpus, TheSratGivesEachItsNode) {
  Reading r;
  const auto found = r.read(true);
  ASSERT_TRUE(found.ok()) << found.error().what;
  ASSERT_EQ(found.value().cpus.size(), kCpus);
  for (uint32_t i = 0; i < kCpus; ++i) {
    EXPECT_EQ(found.value().cpus[i].apic_id, i);
    EXPECT_EQ(found.value().cpus[i].node, i / kPerNode);
  }
  EXPECT_EQ(found.value().named.count(), kNodes);
  // Linux prints the long ids with four digits.
  for (const char* line :
       {"SRAT: PXM 2 -> APIC 0xfe -> Node 2\n", "SRAT: PXM 2 -> APIC 0x00ff -> Node 2\n",
        "SRAT: PXM 7 -> APIC 0x02ff -> Node 7\n",
        "ACPI: SRAT: Node 7 PXM 7 [mem 0x1c000000000-0x1ffffffffff]\n"}) {
    EXPECT_NE(r.log.text().find(line), std::string::npos) << line << r.log.text();
  }
}

// Without x2APIC mode Linux passes over ids it could not send an interrupt to: 0xff is every CPU's.
// Their nodes are then known by their memory alone.
TEST(ManyCpus, WithoutX2apicModeTheLongIdsCountForNothing) {
  Reading r;
  const auto found = r.read(false);
  ASSERT_TRUE(found.ok()) << found.error().what;
  EXPECT_EQ(found.value().cpus.size(), kFirstLong);
  EXPECT_EQ(found.value().named.count(), kNodes);
  EXPECT_NE(r.log.text().find("SRAT: PXM 2 -> X2APIC 0x00ff ignored\n"), std::string::npos);
  EXPECT_EQ(r.domains.find(7), mm::NodeId{7});
}

}  // namespace
}  // namespace kernel
