#include "mm/zones.h"

#include <gtest/gtest.h>

#include <string>

#include "mm/layout.h"
#include "tests/support/laid_out.h"

namespace {

using mm::Pfn;
using mm::PfnRange;
using mm::ZoneType;
using test::LaidOut;

// `node 0 DMA: 0x1-0x1000 present 3999` for each zone that spans anything.
std::string table(const std::vector<mm::NodeLayout>& nodes) {
  test::Log log;
  for (const mm::NodeLayout& node : nodes) {
    for (const mm::ZoneType z : mm::kAllZones) {
      const mm::ZoneLayout& zone = node.zones[z];
      if (zone.spanned.empty()) continue;
      log.printer().line("node {} {}: {}-{} present {}", node.id, mm::zone_name(z),
                         zone.spanned.start, zone.spanned.end, zone.present);
    }
  }
  return log.take();
}

// A machine as QEMU makes them, with Linux 6.1's own account of it below.
constexpr const char* kTwoNodes = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x00000000007fffff] usable
BIOS-e820: [mem 0x0000000000800000-0x0000000000807fff] ACPI NVS
BIOS-e820: [mem 0x0000000000808000-0x000000007e9ecfff] usable
BIOS-e820: [mem 0x000000007e9ed000-0x000000007fffffff] reserved
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x0009ffff]
SRAT: Node 0 PXM 0 [mem 0x00100000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
)";

TEST(Zones, PrintsWhatLinuxPrints) {
  EXPECT_EQ(LaidOut(kTwoNodes).zone_log(), R"(Zone ranges:
  DMA      [mem 0x0000000000001000-0x0000000000ffffff]
  DMA32    [mem 0x0000000001000000-0x00000000ffffffff]
  Normal   [mem 0x0000000100000000-0x000000017fffffff]
  Device   empty
Movable zone start for each node
Early memory node ranges
  node   0: [mem 0x0000000000001000-0x000000000009ffff]
  node   0: [mem 0x0000000000100000-0x00000000007fffff]
  node   0: [mem 0x0000000000808000-0x000000007e9ecfff]
  node   1: [mem 0x0000000100000000-0x000000017fffffff]
Initmem setup node 0 [mem 0x0000000000001000-0x000000007e9ecfff]
Initmem setup node 1 [mem 0x0000000100000000-0x000000017fffffff]
On node 0, zone DMA: 1 pages in unavailable ranges
On node 0, zone DMA: 96 pages in unavailable ranges
On node 0, zone DMA: 8 pages in unavailable ranges
On node 1, zone Normal: 5651 pages in unavailable ranges
)");
}

TEST(Zones, SpannedCountsHolesPresentDoesNot) {
  EXPECT_EQ(table(LaidOut(kTwoNodes).nodes), R"(node 0 DMA: 0x1-0x1000 present 3991
node 0 DMA32: 0x1000-0x7e9ed present 514541
node 1 Normal: 0x100000-0x180000 present 524288
)");
}

TEST(Zones, BelowFourGiBNormalIsEmpty) {
  LaidOut small(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable
)");
  EXPECT_EQ(small.zone_log(), R"(Zone ranges:
  DMA      [mem 0x0000000000001000-0x0000000000ffffff]
  DMA32    [mem 0x0000000001000000-0x0000000003ffffff]
  Normal   empty
  Device   empty
Movable zone start for each node
Early memory node ranges
  node   0: [mem 0x0000000000001000-0x000000000009ffff]
  node   0: [mem 0x0000000000100000-0x0000000003ffffff]
Initmem setup node 0 [mem 0x0000000000001000-0x0000000003ffffff]
On node 0, zone DMA: 1 pages in unavailable ranges
On node 0, zone DMA: 96 pages in unavailable ranges
On node 0, zone DMA32: 16384 pages in unavailable ranges
)");
}

TEST(Zones, AZoneOfAHoleSpansButHasNothing) {
  // Node 1 begins below 4 GiB and goes on above; node 0's DMA32 ends with it.
  EXPECT_EQ(table(LaidOut(R"(
BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x80000000-0x13fffffff]
)")
                      .nodes),
            R"(node 0 DMA: 0x100-0x1000 present 3840
node 0 DMA32: 0x1000-0x80000 present 520192
node 1 DMA32: 0x80000-0x100000 present 262144
node 1 Normal: 0x100000-0x140000 present 262144
)");
}

TEST(Zones, NodesWithoutRamAreSaidToBe) {
  LaidOut machine(R"(
BIOS-e820: [mem 0x0000000000100000-0x0000000007ffffff] usable
SRAT: PXM 1 -> APIC 0x01 -> Node 1
SRAT: Node 0 PXM 0 [mem 0x00000000-0x07ffffff]
)");
  EXPECT_NE(machine.zone_log().find("Initmem setup node 0 [mem "
                                    "0x0000000000100000-0x0000000007ffffff]\n"
                                    "Initializing node 1 as memoryless\n"
                                    "Initmem setup node 1 as memoryless\n"),
            std::string::npos);
}

TEST(Zones, KernelcoreIsSpreadEvenlyAndTheRestIsMovable) {
  mm::MovableOptions options;
  // Movable lies in the highest zone, so what node 0 has is kernel memory whatever is asked for:
  // 518,532 frames. What is missing comes from node 1, and 4 MiB blocks are not divided.
  options.kernelcore.frames = 518532 + 0x10001;
  EXPECT_EQ(table(LaidOut(kTwoNodes, options).nodes),
            R"(node 0 DMA: 0x1-0x1000 present 3991
node 0 DMA32: 0x1000-0x7e9ed present 514541
node 1 Normal: 0x100000-0x110400 present 66560
node 1 Movable: 0x110400-0x180000 present 457728
)");
  // Where node 0 is enough, node 1 is all Movable.
  options.kernelcore.frames = 0x60000;
  EXPECT_EQ(table(LaidOut(kTwoNodes, options).nodes),
            R"(node 0 DMA: 0x1-0x1000 present 3991
node 0 DMA32: 0x1000-0x7e9ed present 514541
node 1 Movable: 0x100000-0x180000 present 524288
)");
}

TEST(Zones, MovablecoreIsAtLeastThatLarge) {
  mm::MovableOptions options;
  options.movablecore.frames = 0x10001;
  LaidOut machine(kTwoNodes, options);
  const mm::ZoneLayout& movable = machine.nodes[1].zones[ZoneType::Movable];
  EXPECT_GE(movable.present, 0x10001u);
  EXPECT_NE(machine.zone_log().find("Movable zone start for each node\n  Node 1: 0x"),
            std::string::npos);
}

TEST(Zones, PercentOfAll) {
  mm::MovableOptions options;
  options.kernelcore.percent = 100;
  EXPECT_EQ(LaidOut(kTwoNodes, options).nodes[1].movable_start, Pfn{});
  options.kernelcore.percent = 75;
  EXPECT_NE(LaidOut(kTwoNodes, options).nodes[1].movable_start, Pfn{});
}

TEST(Zones, AmountsAreSizesOrPercent) {
  EXPECT_EQ(test::must(mm::parse_core_amount("2G", "kernelcore=")).frames, 0x80000u);
  EXPECT_EQ(test::must(mm::parse_core_amount("0x1000", "kernelcore=")).frames, 1u);
  EXPECT_EQ(test::must(mm::parse_core_amount("75%", "kernelcore=")).percent, 75u);
  for (const char* wrong : {"", "G", "101%", "5%%", "1Gx", "mirrored", "99999999999999999999"}) {
    EXPECT_FALSE(mm::parse_core_amount(wrong, "kernelcore=").ok()) << wrong;
  }
}

TEST(Zones, MovableNodeTakesWhatCanBeUnplugged) {
  mm::MovableOptions options;
  options.movable_node = true;
  const LaidOut machine(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff] hotplug
)",
                        options);
  EXPECT_EQ(table(machine.nodes), R"(node 0 DMA: 0x100-0x1000 present 3840
node 0 DMA32: 0x1000-0x80000 present 520192
node 1 Movable: 0x100000-0x180000 present 524288
)");
}

// A server that keeps two copies of the first GiB of each node. Below 4 GiB all is the kernel's.
constexpr const char* kMirrored = R"(
BIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x00000002ffffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x17fffffff]
SRAT: Node 1 PXM 1 [mem 0x180000000-0x2ffffffff]
mirrored [mem 0x00000000-0x7fffffff]
mirrored [mem 0x100000000-0x13fffffff]
mirrored [mem 0x180000000-0x1bfffffff]
)";

TEST(Zones, KernelcoreMirrorGivesMovableWhatIsNotMirrored) {
  mm::MovableOptions options;
  options.mirror = true;
  LaidOut machine(kMirrored, options);
  // Normal spans Movable, too; who has what is seen by what is present.
  EXPECT_EQ(table(machine.nodes), R"(node 0 DMA: 0x1-0x1000 present 3999
node 0 DMA32: 0x1000-0x100000 present 520192
node 0 Normal: 0x100000-0x180000 present 262144
node 0 Movable: 0x140000-0x180000 present 262144
node 1 Normal: 0x180000-0x300000 present 262144
node 1 Movable: 0x1c0000-0x300000 present 1310720
)");
  EXPECT_EQ(machine.zone_log(), R"(Zone ranges:
  DMA      [mem 0x0000000000001000-0x0000000000ffffff]
  DMA32    [mem 0x0000000001000000-0x00000000ffffffff]
  Normal   [mem 0x0000000100000000-0x00000002ffffffff]
  Device   empty
Movable zone start for each node
  Node 0: 0x0000000140000000
  Node 1: 0x00000001c0000000
Early memory node ranges
  node   0: [mem 0x0000000000001000-0x000000000009ffff]
  node   0: [mem 0x0000000000100000-0x000000007fffffff]
  node   0: [mem 0x0000000100000000-0x000000013fffffff]
  node   0: [mem 0x0000000140000000-0x000000017fffffff]
  node   1: [mem 0x0000000180000000-0x00000001bfffffff]
  node   1: [mem 0x00000001c0000000-0x00000002ffffffff]
Initmem setup node 0 [mem 0x0000000000001000-0x000000017fffffff]
Initmem setup node 1 [mem 0x0000000180000000-0x00000002ffffffff]
On node 0, zone DMA: 1 pages in unavailable ranges
On node 0, zone DMA: 96 pages in unavailable ranges
)");
}

TEST(Zones, KernelcoreMirrorWithoutMirroredMemoryWarns) {
  mm::MovableOptions options;
  options.mirror = true;
  options.movablecore.frames = 0x100;  // ignored, as Linux does
  LaidOut machine(kTwoNodes, options);
  EXPECT_EQ(table(machine.nodes), R"(node 0 DMA: 0x1-0x1000 present 3991
node 0 DMA32: 0x1000-0x7e9ed present 514541
node 1 Movable: 0x100000-0x180000 present 524288
)");
  EXPECT_EQ(machine.zone_log().find("This configuration results in unmirrored kernel memory.\n"
                                    "Zone ranges:\n"),
            0u);
}

TEST(Zones, MirroredMemoryBehindOtherStaysTheKernels) {
  // Mirrored ranges in any order, off page borders, over a hole. Movable begins at a multiple of
  // 4 MiB; what lies in front of it is Normal's.
  mm::MovableOptions options;
  options.mirror = true;
  EXPECT_EQ(table(LaidOut(R"(
BIOS-e820: [mem 0x0000000000100000-0x0000000000ffffff] usable
BIOS-e820: [mem 0x0000000100100000-0x000000011fffffff] usable
BIOS-e820: [mem 0x0000000130000000-0x000000013fffffff] usable
mirrored [mem 0x11ffffc00-0x134000bff]
mirrored [mem 0x00000000-0x7fffffff]
mirrored [mem 0x108000000-0x10fffffff]
)",
                          options)
                      .nodes),
            R"(node 0 DMA: 0x100-0x1000 present 3840
node 0 DMA32: 0x1000-0x100000 present 0
node 0 Normal: 0x100000-0x140000 present 49920
node 0 Movable: 0x100400-0x140000 present 146432
)");
}

TEST(Zones, MirroredRangesAreOnlyForThoseWhoAsk) {
  mm::MovableOptions options;
  options.mirror = true;
  LaidOut machine(kMirrored, options);
  const auto zones = mm::free_area_init_nodes(machine.numa, mm::x86_64_platform().zones,
                                              machine.machine.e820.last_pfn(), {}, machine.nodes);
  ASSERT_FALSE(zones.ok());
  EXPECT_EQ(test::describe(zones.error()),
            "error: zones: a range is mirrored and nothing asks for that (frame 0x1, node 0)\n");
}

TEST(Zones, MovableNodeIgnoresKernelcoreMirror) {
  mm::MovableOptions options;
  options.movable_node = true;
  const std::string without = table(LaidOut(kTwoNodes, options).nodes);
  options.mirror = true;
  EXPECT_EQ(table(LaidOut(kTwoNodes, options).nodes), without);
}

TEST(PfnValid, HoldsForEveryFrameOfASectionWithRam) {
  const std::vector<mm::ActiveRange> active{{{Pfn{0x100}, Pfn{0x200}}, 0},
                                            {{Pfn{0x1ffff}, Pfn{0x20001}}, 0}};
  EXPECT_TRUE(mm::pfn_valid(active, Pfn{0}));
  EXPECT_TRUE(mm::pfn_valid(active, Pfn{0x7fff}));
  EXPECT_FALSE(mm::pfn_valid(active, Pfn{0x8000}));
  EXPECT_FALSE(mm::pfn_valid(active, Pfn{0x17fff}));
  EXPECT_TRUE(mm::pfn_valid(active, Pfn{0x18000}));
  EXPECT_TRUE(mm::pfn_valid(active, Pfn{0x27fff}));
  EXPECT_FALSE(mm::pfn_valid(active, Pfn{0x28000}));
  EXPECT_EQ(mm::valid_frames_in_hole(active, {Pfn{0x200}, Pfn{0x1ffff}}), 0x7e00u + 0x7fff);
  EXPECT_EQ(mm::valid_frames_in_hole(active, {Pfn{0x9000}, Pfn{0x9100}}), 0u);
}

}  // namespace
