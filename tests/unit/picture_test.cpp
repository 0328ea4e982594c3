// The picture of drawn machines: every byte of memory has its place, and the place its colour.
#include "kernel/screen/picture.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/support/relayed.h"

namespace kernel {
namespace {

using mm::Phys;

const char* const kTwoNodes = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007e8ecfff] usable
BIOS-e820: [mem 0x000000007e8ed000-0x000000007effffff] reserved
BIOS-e820: [mem 0x00000000ffc00000-0x00000000ffffffff] reserved
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x5fffffff]
SRAT: Node 1 PXM 1 [mem 0x60000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
)";

test::RelayOptions with_kernel() {
  test::RelayOptions options;
  mm::Reservation r{{Phys{0x1000000}, Phys{0x1200000}}, "TEXT DATA BSS", 0};
  options.reservations.push_back(r);
  return options;
}

class Drawing {
 public:
  Drawing(const std::string& machine, uint32_t width, uint32_t height)
      : relayed(machine, with_kernel()), memory(size_t{width} * height, kUntouched), width_(width) {
    loader::HandoffFramebuffer facts{};
    facts.address = 1;
    facts.size = memory.size() * 4;
    facts.width = facts.pixels_per_line = width;
    facts.height = height;
    facts.format = 1;
    screen = Framebuffer::make(facts, memory.data()).value();
  }
  [[nodiscard]] PictureOf of() const { return {relayed.relay, relayed.relay.pages(), "drawn"}; }
  bool draw(const TestProgress& progress = {}) { return picture->draw(screen, of(), progress); }
  [[nodiscard]] Colour at(Box box) const {
    const uint32_t raw = memory[size_t{(box.top + box.bottom) / 2} * width_ + box.left];
    return {static_cast<uint8_t>(raw >> 16), static_cast<uint8_t>(raw >> 8),
            static_cast<uint8_t>(raw)};
  }
  [[nodiscard]] Colour at(uint64_t address) const { return at(picture->place_of(Phys{address})); }

  static constexpr uint32_t kUntouched = 0xdeadbeef;
  test::Relayed relayed;
  std::vector<uint32_t> memory;
  Framebuffer screen;
  std::unique_ptr<Picture> picture = std::make_unique<Picture>();

 private:
  uint32_t width_;
};

TEST(Picture, EveryFrameOfRamHasAPlaceInOrder) {
  for (const auto& [width, height] : {std::pair{640u, 480u}, {1024u, 768u}, {3840u, 2160u}}) {
    Drawing drawing(kTwoNodes, width, height);
    ASSERT_TRUE(drawing.draw());
    for (const mm::ActiveRange& active : drawing.relayed.relay.layout().active) {
      Box last{};
      for (mm::Pfn pfn = active.pfns.start; pfn < active.pfns.end; pfn += 997) {
        const Box box = drawing.picture->place_of(phys(pfn));
        ASSERT_EQ(box.width(), 1u) << std::hex << phys(pfn).v;
        ASSERT_LE(box.right, width);
        ASSERT_LE(box.bottom, height);
        ASSERT_TRUE(box.top > last.top || (box.top == last.top && box.left >= last.left));
        last = box;
      }
    }
    // The large hole is folded.
    EXPECT_EQ(drawing.picture->place_of(Phys{0xa0000000}).width(), 0u);
  }
}

TEST(Picture, ColoursAreWhereTheyShouldBe) {
  Drawing drawing(kTwoNodes, 1024, 768);
  ASSERT_TRUE(drawing.draw());
  const Colour free = drawing.at(0x130000000);
  const Colour kernel = drawing.at(0x1100000);
  EXPECT_GT(free.green, free.red);
  EXPECT_NE(kernel, free);

  auto& pages = drawing.relayed.relay.pages();
  ASSERT_TRUE(pages.alloc_contig_range(0, {mm::Pfn{0x130000}, mm::Pfn{0x138000}}).ok());
  ASSERT_TRUE(drawing.draw());
  const Colour used = drawing.at(0x132000000);
  EXPECT_EQ(used, (Colour{240, 138, 60}));
  EXPECT_NE(drawing.at(0x138800000), used);
  // A single page in use shows, however large the machine.
  ASSERT_TRUE(pages.alloc_contig_range(0, {mm::Pfn{0x160000}, mm::Pfn{0x160001}}).ok());
  ASSERT_TRUE(drawing.draw());
  EXPECT_NE(drawing.at(0x160000000), drawing.at(0x164000000));
}

TEST(Picture, MemoryTest) {
  Drawing drawing(kTwoNodes, 1024, 768);
  ASSERT_TRUE(drawing.draw());
  const Colour before = drawing.at(0x110000000);
  const Colour behind = drawing.at(0x178000000);
  const mm::Range tested[] = {{Phys{0x100000000}, Phys{0x120000000}}};
  const Phys bad[] = {Phys{0x108001230}};
  const TestProgress progress{tested, {Phys{0x120000000}, Phys{0x124000000}}, bad, "pass 1"};
  drawing.picture->refresh(drawing.of(), progress);
  EXPECT_EQ(drawing.at(0x122000000), (Colour{255, 255, 255}));
  EXPECT_EQ(drawing.at(0x178000000), behind);
  ASSERT_TRUE(drawing.draw(progress));
  EXPECT_NE(drawing.at(0x110000000), before);
  EXPECT_EQ(drawing.at(0x108001230), (Colour{255, 30, 60}));
}

TEST(Picture, TooSmallIsSaid) {
  Drawing drawing(kTwoNodes, 599, 440);
  EXPECT_FALSE(drawing.draw());
  EXPECT_EQ(std::set(drawing.memory.begin(), drawing.memory.end()),
            std::set<uint32_t>{Drawing::kUntouched});
}

TEST(Picture, ManyNodesAndOddSizes) {
  std::string machine;
  for (unsigned node = 0; node < 40; ++node) {
    char line[200];
    const uint64_t start = uint64_t{node} << 30;
    std::snprintf(line, sizeof line,
                  "BIOS-e820: [mem 0x%016lx-0x%016lx] usable\nSRAT: Node %u PXM %u [mem "
                  "0x%lx-0x%lx]\n",
                  start, start + (uint64_t{1} << 30) - 1, node, node, start,
                  start + (uint64_t{1} << 30) - 1);
    machine += line;
  }
  for (const auto& [width, height] :
       {std::pair{600u, 440u}, {1024u, 768u}, {1920u, 1080u}, {1080u, 1920u}, {2560u, 1600u}}) {
    Drawing drawing(machine, width, height);
    EXPECT_TRUE(drawing.draw());
    EXPECT_EQ(drawing.picture->place_of(Phys{0x1000000}).width(), 1u);
  }
}

TEST(Picture, SmallMachine) {
  Drawing drawing("BIOS-e820: [mem 0x0000000000000000-0x0000000003ffffff] usable\n", 1024, 768);
  EXPECT_TRUE(drawing.draw());
  EXPECT_EQ(drawing.picture->place_of(Phys{0x2000000}).width(), 1u);
}

}  // namespace
}  // namespace kernel
