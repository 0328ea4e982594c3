// The zones of a 64-bit Arm machine are Linux'.
#include <gtest/gtest.h>

#include "mm/platform.h"
#include "mm/zones.h"
#include "tests/support/laid_out.h"

namespace {

// QEMU's virt with two nodes of 3 GiB under AAVMF, and what Linux 6.1 prints of its zones.
constexpr const char* kVirt = R"(
BIOS-e820: [mem 0x0000000004000000-0x0000000007ffffff] reserved
BIOS-e820: [mem 0x0000000040000000-0x00000000ffffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x00000001bfffffff] usable
SRAT: Node 0 PXM 0 [mem 0x40000000-0xffffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x1bfffffff]
)";

TEST(AArch64Platform, ZonesAreLinux) {
  test::LaidOut machine(kVirt);
  const mm::Platform arm = mm::aarch64_platform();
  machine.zones = test::must(mm::free_area_init_nodes(
      machine.numa, arm.zones, machine.machine.e820.last_pfn(), {}, machine.nodes));
  EXPECT_EQ(machine.zone_log(), R"(Zone ranges:
  DMA      [mem 0x0000000040000000-0x00000000ffffffff]
  DMA32    empty
  Normal   [mem 0x0000000100000000-0x00000001bfffffff]
Movable zone start for each node
Early memory node ranges
  node   0: [mem 0x0000000040000000-0x00000000ffffffff]
  node   1: [mem 0x0000000100000000-0x00000001bfffffff]
Initmem setup node 0 [mem 0x0000000040000000-0x00000000ffffffff]
Initmem setup node 1 [mem 0x0000000100000000-0x00000001bfffffff]
)");
}

TEST(AArch64Platform, TakesNothingAwayThatCanBeReached) {
  const mm::Platform arm = mm::aarch64_platform();
  test::LaidOut machine(kVirt);
  const mm::TrimFacts facts{arm.max_pfn, mm::phys(arm.max_pfn), mm::Phys{mm::kMaxPhys}, {}};
  test::Log log;
  EXPECT_TRUE(test::must(arm.trim(machine.machine.e820, facts, log.printer())).all().empty());
  EXPECT_EQ(log.text(), "");
  EXPECT_FALSE(arm.keeps_dma32);
  EXPECT_EQ(mm::phys(arm.max_pfn), mm::Phys{uint64_t{1} << 46}) << "the direct map's 64 TiB";
}

}  // namespace
