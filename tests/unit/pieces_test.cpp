// Where memory lies in a picture, whoever draws it: each frame in one column, holes folded.
#include "mm/picture/pieces.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/relayed.h"

namespace {

using mm::Phys;

//   0  640K 1M                1G              4G            5G
//   |---|    |---- usable ----|     hole      |-- usable ---|   node 0 to 512 MiB, the rest node 1
const char* const kMachine = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x1fffffff]
SRAT: Node 1 PXM 1 [mem 0x20000000-0x3fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x13fffffff]
)";

constexpr uint32_t kFold = 5;

mm::Sheet sheet(uint32_t rows) {
  return {.columns = 64,
          .top = 0,
          .bottom = rows,
          .title = 1,
          .pitch = 1,
          .most_pitch = 3,
          .fold_width = [](const mm::Sheet&, uint64_t) { return kFold; },
          .letter = 1};
}

struct Sum {
  uint64_t ram = 0, free = 0;
};
Sum sum_of(const mm::Pieces& pieces, const test::Relayed& machine, const mm::NodeFlow& flow) {
  std::vector<mm::PictureColumn> columns(64);
  Sum sum;
  for (uint32_t strip = 0; strip < flow.strips; ++strip) {
    pieces.fill(machine.relay, machine.relay.pages(), flow, strip, {}, columns);
    for (const mm::PictureColumn& column : columns) {
      sum.ram += column.ram;
      sum.free += column.free;
    }
  }
  return sum;
}

TEST(Pieces, EveryFrameIsInOneColumn) {
  const test::Relayed machine(kMachine);
  const auto pieces = std::make_unique<mm::Pieces>();
  for (const uint32_t rows : {6u, 20u, 100u}) {
    ASSERT_TRUE(pieces->lay_out(machine.relay, sheet(rows)));
    ASSERT_EQ(pieces->flows().size(), 2u);
    for (const mm::NodeFlow& flow : pieces->flows()) {
      const mm::ZoneCounts counts = machine.relay.pages().node_counts(flow.id);
      const Sum sum = sum_of(*pieces, machine, flow);
      EXPECT_EQ(sum.ram, counts.present) << rows;
      EXPECT_EQ(sum.free, counts.free + counts.on_cpu_lists) << rows;
    }
  }
}

TEST(Pieces, TheHoleOfANodeIsFolded) {
  const test::Relayed machine(kMachine);
  const auto pieces = std::make_unique<mm::Pieces>();
  ASSERT_TRUE(pieces->lay_out(machine.relay, sheet(20)));
  const auto of_second = pieces->pieces(pieces->flows()[1]);
  ASSERT_EQ(of_second.size(), 3u);
  EXPECT_FALSE(of_second[0].fold);
  EXPECT_TRUE(of_second[1].fold);
  EXPECT_EQ(of_second[1].range, (mm::Range{Phys{0x40000000}, Phys{0x100000000}}));
  EXPECT_EQ(of_second[1].width, kFold);
  EXPECT_EQ(of_second[2].start, of_second[1].start + kFold);
  EXPECT_FALSE(pieces->find(Phys{0x80000000}).has_value());
  EXPECT_EQ(pieces->find(Phys{0x10000000})->flow->id, 0);
  EXPECT_EQ(pieces->find(Phys{0x100000000})->flow->id, 1);
}

TEST(Pieces, AllRowsAreUsedAndNoneBehind) {
  const test::Relayed machine(kMachine);
  const auto pieces = std::make_unique<mm::Pieces>();
  for (const uint32_t rows : {6u, 20u, 100u}) {
    ASSERT_TRUE(pieces->lay_out(machine.relay, sheet(rows)));
    uint32_t next = 0;
    for (const mm::NodeFlow& flow : pieces->flows()) {
      EXPECT_EQ(flow.top, next);
      next = flow.top + 1 + flow.strips * pieces->pitch();
      EXPECT_LE(next, rows);
    }
  }
}

TEST(Pieces, ASmallNodeBehindALargeOneHasItsStrip) {
  const test::Relayed machine(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x77ffffff]
SRAT: Node 1 PXM 1 [mem 0x78000000-0x7fffffff]
)");
  const auto pieces = std::make_unique<mm::Pieces>();
  for (const uint32_t rows : {4u, 5u, 7u, 9u, 20u}) {
    ASSERT_TRUE(pieces->lay_out(machine.relay, sheet(rows)));
    EXPECT_EQ(pieces->flows().size(), 2u) << rows;
    EXPECT_EQ(pieces->nodes_left_out(), 0u) << rows;
  }
}

TEST(Pieces, NamesStandByWhatTheyHold) {
  test::RelayOptions options;
  options.reservations = {{{Phys{0x1000000}, Phys{0x1001000}}, "SMALL", 0},
                          {{Phys{0x2000000}, Phys{0x6000000}}, "LARGE", 0},
                          {{Phys{0x7000000}, Phys{0x7002000}}, "SMALL", 0}};
  const test::Relayed machine(kMachine, options);
  const auto pieces = std::make_unique<mm::Pieces>();
  ASSERT_TRUE(pieces->lay_out(machine.relay, sheet(20)));
  const auto names = pieces->names();
  EXPECT_EQ(names[0].name, "LARGE");
  for (size_t i = 1; i < names.size(); ++i) EXPECT_LE(names[i].bytes, names[i - 1].bytes);
  for (const mm::Pieces::Name& name : names) {
    if (name.name != "SMALL") continue;
    EXPECT_EQ(name.bytes, 0x3000u);
  }
}

}  // namespace
