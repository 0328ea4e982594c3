#include "mm/placement.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/drawn_machine.h"
#include "tests/support/laid_out.h"
#include "tests/support/pretend_memory.h"

namespace {

using mm::Pfn;
using mm::Phys;

constexpr mm::NodeSizes kSizes{
    .node_data = 5000, .page_bytes = 16, .per_cpu = 0x8000, .per_cpu_align = 0x200000};
constexpr Pfn kDmaEnd{0x1000};

// Places every node's structures; the log, then the reservations.
std::string place(test::LaidOut& laid, const mm::NodeSizes& sizes = kSizes,
                  const mm::Window& window = {}) {
  test::Log log;
  for (mm::NodeLayout& node : laid.nodes) {
    const auto placed = mm::place_node(node, sizes, laid.numa.active, laid.machine.e820,
                                       laid.reservations, kDmaEnd, window, log.printer());
    if (!placed.ok()) return log.take() + test::describe(placed.error());
  }
  for (const mm::Reservation& r : laid.reservations.entries()) {
    log.printer().line("[{} {}) {}", r.range.start, r.range.end, r.name);
  }
  return log.take();
}

TEST(Placement, HighestFirstInTheNodesOwnMemory) {
  test::LaidOut laid(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
)");
  EXPECT_EQ(place(laid), R"(NODE_DATA(0) allocated [mem 0x7fffe000-0x7fffffff]
NODE_DATA(1) allocated [mem 0x17fffe000-0x17fffffff]
[0x7f600000 0x7f608000) PER_CPU
[0x7f7fe000 0x7fffe000) MEMMAP
[0x7fffe000 0x80000000) NODE_DATA
[0x17f600000 0x17f608000) PER_CPU
[0x17f7fe000 0x17fffe000) MEMMAP
[0x17fffe000 0x180000000) NODE_DATA
)");
  EXPECT_EQ(laid.nodes[1].mem_map_start, Pfn{0x100000});
}

TEST(Placement, MemMapCoversWholeSections) {
  test::LaidOut laid("BIOS-e820: [mem 0x0000000009000000-0x0000000011ffffff] usable\n");
  EXPECT_EQ(mm::mem_map_frames(laid.nodes[0]), (mm::PfnRange{Pfn{0x8000}, Pfn{0x18000}}));
}

TEST(Placement, MemMapOfAbsentSectionsIsNotKept) {
  // Sections of 128 MiB: the second and the last have RAM, six between have none.
  test::LaidOut laid(R"(
BIOS-e820: [mem 0x0000000008000000-0x000000000fffffff] usable
BIOS-e820: [mem 0x0000000040000000-0x0000000047ffffff] usable
)");
  EXPECT_EQ(place(laid, {.page_bytes = 16}), R"([0x47c00000 0x47c80000) MEMMAP
[0x47f80000 0x48000000) MEMMAP
)");
  EXPECT_EQ(laid.nodes[0].mem_map.start, Phys{0x47c00000});
  EXPECT_EQ(laid.nodes[0].mem_map.size, 0x400000u);
}

TEST(Placement, DmaIsAvoidedAndTakenWhenThereIsNothingElse) {
  test::LaidOut laid("BIOS-e820: [mem 0x0000000000100000-0x0000000000ffffff] usable\n");
  EXPECT_EQ(place(laid, {.node_data = 4096}), R"(NODE_DATA(0) allocated [mem 0x00fff000-0x00ffffff]
[0xfff000 0x1000000) NODE_DATA
)");
  // Above DMA the only place is in another node; but the node's own comes first.
  test::LaidOut two(R"(
BIOS-e820: [mem 0x0000000000100000-0x0000000000ffffff] usable
BIOS-e820: [mem 0x0000000001000000-0x0000000001ffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x00ffffff]
SRAT: Node 1 PXM 1 [mem 0x01000000-0x01ffffff]
)");
  EXPECT_EQ(place(two, {.node_data = 4096}), R"(NODE_DATA(0) allocated [mem 0x00fff000-0x00ffffff]
NODE_DATA(1) allocated [mem 0x01fff000-0x01ffffff]
[0xfff000 0x1000000) NODE_DATA
[0x1fff000 0x2000000) NODE_DATA
)");
}

TEST(Placement, AFullNodeGoesElsewhere) {
  test::LaidOut laid(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffefff]
SRAT: Node 1 PXM 1 [mem 0x7ffff000-0x7fffffff]
)");
  EXPECT_EQ(place(laid, {.node_data = 0x2000}),
            R"(NODE_DATA(0) allocated [mem 0x7fffd000-0x7fffefff]
NODE_DATA(1) allocated [mem 0x7fffb000-0x7fffcfff]
    NODE_DATA(1) on node 0
[0x7fffb000 0x7fffd000) NODE_DATA
[0x7fffd000 0x7ffff000) NODE_DATA
)");
}

TEST(Placement, ANodeWithoutRamIsPlacedInSilence) {
  test::LaidOut laid(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: PXM 1 -> APIC 0x01 -> Node 1
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
)");
  EXPECT_EQ(place(laid, {.node_data = 4096, .page_bytes = 16}),
            R"(NODE_DATA(0) allocated [mem 0x7ffff000-0x7fffffff]
[0x7f7fe000 0x7f7ff000) NODE_DATA
[0x7f7ff000 0x7ffff000) MEMMAP
[0x7ffff000 0x80000000) NODE_DATA
)");
  EXPECT_EQ(laid.nodes[1].mem_map.size, 0u);
}

TEST(Placement, WithKernelcoreMirrorInMirroredMemoryWhereverThatIs) {
  mm::MovableOptions options;
  options.mirror = true;
  test::LaidOut laid(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
mirrored [mem 0x40000000-0x400fffff]
)",
                     options);
  // Node 1 has none, so its NODE_DATA is on node 0; a mem_map does not fit in 1 MiB.
  EXPECT_EQ(place(laid, {.node_data = 4096, .page_bytes = 16}),
            R"(NODE_DATA(0) allocated [mem 0x400ff000-0x400fffff]
Could not allocate 0x0000000000800000 bytes of mirrored memory
NODE_DATA(1) allocated [mem 0x400fe000-0x400fefff]
    NODE_DATA(1) on node 0
Could not allocate 0x0000000000800000 bytes of mirrored memory
[0x400fe000 0x400ff000) NODE_DATA
[0x400ff000 0x40100000) NODE_DATA
[0x7f800000 0x80000000) MEMMAP
[0x17f800000 0x180000000) MEMMAP
)");
}

// 4 GiB of Pages in one stretch, between which there is nothing, on a machine of 4 GiB.
constexpr const char* kFarApart = R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000010000000000-0x000001007fffffff] usable
)";

TEST(Placement, AHoleThatIsTooLargeForOneMemMapIsNamed) {
  test::LaidOut laid(kFarApart);
  EXPECT_EQ(
      place(laid, {.page_bytes = 16}),
      "error: MEMMAP: no room for one array over a node's holes (bytes 4303355904, node 0)\n");
}

// A window that remembers what lies in it.
class Recorded {
 public:
  mm::Window window() {
    return {.reserve = [](void* self, uint64_t bytes) -> void* {
              static_cast<Recorded*>(self)->log.printer().line("window of {:#x}", bytes);
              return static_cast<Recorded*>(self)->has_addresses ? kStart : nullptr;
            },
            .map =
                [](void* self, void* at, mm::Range frames, const mm::Window::Tables& tables) {
                  auto& recorded = *static_cast<Recorded*>(self);
                  const mm::Phys table = recorded.wants_table ? tables.page() : Phys{};
                  recorded.log.printer().line("{:#x}: [{} {}) table {}",
                                              static_cast<std::byte*>(at) - kStart, frames.start,
                                              frames.end, table);
                  return recorded.has_tables;
                },
            .context = this};
  }
  static inline std::byte* const kStart = reinterpret_cast<std::byte*>(uintptr_t{1} << 22);
  bool has_addresses = true, has_tables = true, wants_table = false;
  test::Log log;
};

TEST(Placement, AHoleThatIsTooLargeForOneStretchIsLeftOutOfAWindow) {
  NEEDS_64_BITS("a window of 4 GiB has no addresses");
  test::LaidOut laid(kFarApart);
  Recorded recorded;
  recorded.wants_table = true;
  EXPECT_EQ(place(laid, {.page_bytes = 16, .heads = 0x2000}, recorded.window()),
            R"([0x1007e5fc000 0x1007e600000) NODE_DATA
[0x1007edfc000 0x1007ee00000) NODE_DATA
[0x1007ee00000 0x1007f600000) MEMMAP
[0x1007f7fe000 0x1007f7ff000) PGTABLE
[0x1007f7ff000 0x1007f800000) PGTABLE
[0x1007f800000 0x10080000000) MEMMAP
)");
  EXPECT_EQ(recorded.log.take(), R"(window of 0x100800000
0x0: [0x1007f800000 0x10080000000) table 0x1007f7ff000
0x100000000: [0x1007ee00000 0x1007f600000) table 0x1007f7fe000
)");
  EXPECT_EQ(laid.nodes[0].mem_map.window, Recorded::kStart);
  EXPECT_EQ(laid.nodes[0].mem_map.size, 0x100800000u);
  EXPECT_EQ(laid.nodes[0].heads.window, nullptr);
}

TEST(Placement, PiecesAreAsLargeAsThereIsRoom) {
  // Eight sections of which each has 1 MiB of RAM, and half a MiB of Pages.
  std::string drawing;
  for (uint64_t section = 1; section <= 8; ++section) {
    test::Log line;
    const Phys start{section * 128 * mm::kMiB};
    line.printer().line("BIOS-e820: {} usable", mem(mm::Range{start, start + mm::kMiB}));
    drawing += line.take();
  }
  test::LaidOut laid(drawing);
  Recorded recorded;
  EXPECT_EQ(place(laid, {.page_bytes = 16}, recorded.window()), R"([0x28000000 0x28100000) MEMMAP
[0x30000000 0x30100000) MEMMAP
[0x38000000 0x38100000) MEMMAP
[0x40000000 0x40100000) MEMMAP
)");
  EXPECT_EQ(recorded.log.take(), R"(window of 0x400000
0x0: [0x40000000 0x40100000) table 0x0
0x100000: [0x38000000 0x38100000) table 0x0
0x200000: [0x30000000 0x30100000) table 0x0
0x300000: [0x28000000 0x28100000) table 0x0
)");
}

TEST(Placement, AWindowWithoutAddressesOrTablesIsNamed) {
  Recorded recorded;
  recorded.has_tables = false;
  test::LaidOut laid(kFarApart);
  EXPECT_EQ(
      place(laid, {.page_bytes = 16}, recorded.window()),
      "error: MEMMAP: no page for the tables of an array in pieces (bytes 8388608, node 0)\n");
  recorded.has_addresses = false;
  test::LaidOut again(kFarApart);
  EXPECT_EQ(place(again, {.page_bytes = 16}, recorded.window()),
            "error: MEMMAP: no addresses for an array in pieces (bytes 4303355904, node 0)\n");
}

TEST(Placement, NoRoomIsSaidWithTheSize) {
  test::LaidOut laid("BIOS-e820: [mem 0x0000000000100000-0x0000000000103fff] usable\n");
  EXPECT_EQ(place(laid, {.node_data = 0x8000}),
            "error: NODE_DATA: no room for a node's structure (bytes 32768, node 0)\n");
}

}  // namespace
