// A mem_map in pieces, and nodes that span more than links can name.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mm/audit.h"
#include "tests/support/relayed.h"

namespace {

using mm::Pfn;
using mm::PfnRange;

// The other has a bit for each frame of a hole, too.
const test::RelayOptions kMemblock = [] {
  test::RelayOptions options;
  options.road = mm::Road::Memblock;
  return options;
}();

constexpr mm::Gfp kAny = mm::kGfpKernel | mm::kGfpFlagMovable | mm::kGfpFlagNoWarn;
constexpr mm::Gfp kAll = kAny | mm::kGfpFlagMemAlloc;  // below every mark

// All of a machine's memory, block by block; and back. In order before, between and after.
void take_all(test::Relayed& machine, unsigned order) {
  auto& pages = machine.relay.pages();
  const auto before = machine.buddy();
  const uint64_t free = pages.counts().free;
  std::vector<Pfn> blocks;
  for (;;) {
    const mm::PagesOr got = pages.alloc_pages(0, kAll, order, 0);
    if (!got.ok()) break;
    blocks.push_back(got.value());
  }
  EXPECT_LT(free - blocks.size() * mm::frames_of(order), free / 16);
  test::must(mm::audit(pages));
  // Every other one first, so that hardly any are neighbours.
  for (const size_t first : {0u, 1u}) {
    for (size_t i = first; i < blocks.size(); i += 2) {
      ASSERT_TRUE(pages.free_pages(0, blocks[i], order).ok()) << blocks[i].v;
    }
    test::must(mm::audit(pages));
  }
  pages.drain_all();
  EXPECT_EQ(pages.counts().free, free);
  EXPECT_EQ(machine.buddy().size(), before.size());
  test::must(mm::audit(pages));
}

TEST(Pieces, RamOnBothSidesOfAHoleOfATebibyte) {
  NEEDS_64_BITS("a TiB has no addresses");
  test::Relayed machine(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable
BIOS-e820: [mem 0x0000010000000000-0x0000010003ffffff] usable
)",
                        kMemblock);
  const mm::NodeLayout& node = machine.relay.layout().nodes[0];
  EXPECT_NE(node.mem_map.window, nullptr);
  // What is kept for it is not much more than for a machine without the hole.
  uint64_t kept = 0;
  for (const mm::Reservation& r : machine.relay.reservations().entries()) {
    if (mm::has_name(r, "MEMMAP") || mm::has_name(r, "NODE_DATA")) kept += r.range.size();
  }
  EXPECT_LT(kept, 3 * mm::kMiB);
  for (const unsigned order : {0u, 3u, 9u}) take_all(machine, order);
}

// Above the first 16 TiB of a node no list has its blocks; they come and go one by one.
TEST(Pieces, ANodeThatSpansMoreThanLinksCanName) {
  NEEDS_64_BITS("20 TiB have no addresses");
  test::Relayed machine(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x0000000001ffffff] usable
BIOS-e820: [mem 0x0000140000000000-0x0000140003ffffff] usable
)",
                        kMemblock);
  auto& pages = machine.relay.pages();
  for (const unsigned order : {0u, 1u, 3u, 9u}) take_all(machine, order);
  // What waits for the zone's lock is found again, too.
  const mm::PagesOr far = pages.alloc_pages(0, kAny, 9, 0);
  ASSERT_TRUE(far.ok());
  EXPECT_GE(mm::phys(far.value()).v, 0x140000000000u);
  ASSERT_TRUE(pages.free_pages(0, far.value(), 9).ok());
}

TEST(Pieces, ANodeOf64Tebibytes) {
  NEEDS_64_BITS("64 TiB have no addresses");
  test::Relayed machine(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x00003fffffffffff] usable
)",
                        kMemblock);
  auto& pages = machine.relay.pages();
  EXPECT_GT(pages.counts().free, (64 * mm::kTiB >> mm::kPageShift) / 1000 * 995);
  for (const uint64_t tib : {1u, 15u, 16u, 17u, 40u, 63u}) {
    const Pfn start{(tib * mm::kTiB >> mm::kPageShift) + 5};
    const PfnRange frames{start, start + 3000};
    ASSERT_TRUE(pages.alloc_contig_range(0, frames).ok()) << tib;
    ASSERT_TRUE(pages.free_contig_range(0, frames).ok()) << tib;
  }
  pages.drain_all();
  test::must(mm::audit(pages));
}

}  // namespace
