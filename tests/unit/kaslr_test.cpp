// What KASLR draws from: every place that fits and no other, and numbers that depend on every source.
#include "loader/kaslr.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace loader {
namespace {

using mm::kGiB, mm::kMiB, mm::Phys;

ElfImage image_of(uint64_t start, uint64_t size) {
  ElfImage image;
  image.start = start;
  image.size = size;
  image.relocations.movable = true;
  return image;
}

TEST(Kaslr, TheImageIsAnywhereInTheFirstGiB) {
  const ElfImage image = image_of(kKernelBase + 2 * kMiB + 0x3000, 5 * kMiB);
  const Choice choice = image_choice(image);
  std::set<uint64_t> starts;
  for (uint64_t which = 0; which < choice.places; ++which) {
    const uint64_t start = image.start + image_offset(image, which);
    EXPECT_GE(start, kKernelBase);
    EXPECT_LE(start + image.size, kKernelBase + kGiB);
    EXPECT_EQ(start % kImageAlign, 0x3000U);
    starts.insert(start);
  }
  // 512 multiples of 2 MiB, the last two of which leave less than 5 MiB.
  EXPECT_EQ(choice.places, 510U);
  EXPECT_EQ(starts.size(), 510U);
  EXPECT_EQ(*starts.begin(), kKernelBase + 0x3000);
  EXPECT_EQ(choice.bits(), 8);
}

TEST(Kaslr, AnImageThatCannotBeMovedStays) {
  ElfImage image = image_of(kKernelBase + 2 * kMiB, 5 * kMiB);
  image.relocations.movable = false;
  EXPECT_EQ(image_choice(image).places, 0U);
  EXPECT_EQ(image_offset(image, 0), 0U);
  EXPECT_EQ(image_choice(image).bits(), 0);
  EXPECT_EQ(image_offset(image_of(kKernelBase, kGiB + 4096), 0), 0U);
  EXPECT_EQ(image_choice(image_of(kKernelBase, kGiB)).places, 1U);
}

class Map {
 public:
  Map& add(EfiMemoryType type, uint64_t start, uint64_t end, uint64_t attributes = 0xf) {
    descriptors_.push_back({type, 0, start, 0, (end - start) / mm::kPageSize, attributes});
    return *this;
  }
  [[nodiscard]] EfiMemoryMap view() const {
    return {std::as_bytes(std::span(descriptors_)), sizeof(EfiDescriptor)};
  }

 private:
  std::vector<EfiDescriptor> descriptors_;
};

std::set<uint64_t> places_of(const Map& map, const ElfImage& image, Phys end) {
  std::set<uint64_t> found;
  const uint64_t count = place_choice(map.view(), image, end).places;
  for (uint64_t which = 0; which < count; ++which) {
    const auto place = place_of(map.view(), image, end, which);
    if (place) found.insert(place->v);
  }
  EXPECT_EQ(found.size(), count);
  EXPECT_FALSE(place_of(map.view(), image, end, count));
  return found;
}

//   0        16 MiB   20        26    30     40      ...   4 GiB   +8 MiB
//   | free            |         |free |loader| free  |     | free        |
TEST(Kaslr, ThePlaceIsAnywhereInFreeMemory) {
  Map map;
  map.add(EfiMemoryType::Conventional, 0, 20 * kMiB)
      .add(EfiMemoryType::BootServicesData, 20 * kMiB, 26 * kMiB)
      .add(EfiMemoryType::LoaderData, 30 * kMiB, 40 * kMiB)
      .add(EfiMemoryType::Conventional, 26 * kMiB, 30 * kMiB)
      .add(EfiMemoryType::Conventional, 4 * kGiB, 4 * kGiB + 8 * kMiB)
      .add(EfiMemoryType::Conventional, 40 * kMiB, 43 * kMiB);
  const ElfImage image = image_of(kKernelBase + 0x1000, 3 * kMiB);
  const std::set<uint64_t> low{16 * kMiB + 0x1000, 26 * kMiB + 0x1000};
  EXPECT_EQ(places_of(map, image, Phys{4 * kGiB}), low);
  std::set<uint64_t> all = low;
  all.insert({4 * kGiB + 0x1000, 4 * kGiB + 2 * kMiB + 0x1000, 4 * kGiB + 4 * kMiB + 0x1000});
  EXPECT_EQ(places_of(map, image, Phys{64 * kGiB}), all);
}

TEST(Kaslr, MoreReliableMemoryIsPreferred) {
  constexpr uint64_t kReliable = 0x1000f;
  Map map;
  map.add(EfiMemoryType::Conventional, kGiB, 2 * kGiB)
      .add(EfiMemoryType::Conventional, 2 * kGiB, 2 * kGiB + 4 * kMiB, kReliable);
  const ElfImage image = image_of(kKernelBase, 4 * kMiB);
  EXPECT_EQ(places_of(map, image, Phys{4 * kGiB}), std::set{2 * kGiB});
}

TEST(Kaslr, WhereNothingFitsThereIsNoPlace) {
  Map map;
  map.add(EfiMemoryType::Conventional, 18 * kMiB, 22 * kMiB)
      .add(EfiMemoryType::Conventional, ~uint64_t{0xfff}, 0)       // wraps
      .add(EfiMemoryType::Conventional, kGiB, 2 * kGiB, 0x4000f);  // specific purpose
  EXPECT_TRUE(places_of(map, image_of(kKernelBase, 5 * kMiB), Phys{4 * kGiB}).empty());
}

TEST(Kaslr, WordsAboutMemoryKeepThePlace) {
  for (const char* words :
       {"mem=2G", "quiet \"mem=2G\"", "memmap=16M$400M poweroff", "movable_node"}) {
    EXPECT_TRUE(keeps_place(words)) << words;
  }
  for (const char* words : {"", "memtest", "selftest=mem.* poweroff",
                            "kernelcore=1G movablecore=1G", "panic=\"two mem=1 words\""}) {
    EXPECT_FALSE(keeps_place(words)) << words;
  }
}

TEST(Kaslr, WhatIsFreeIsAsked) {
  Map map;
  map.add(EfiMemoryType::BootServicesData, kMiB, 2 * kMiB)
      .add(EfiMemoryType::Conventional, 2 * kMiB, 3 * kMiB);
  EXPECT_FALSE(calls_free(map.view(), Phys{2 * kMiB - 1}));
  EXPECT_TRUE(calls_free(map.view(), Phys{2 * kMiB}));
  EXPECT_FALSE(calls_free(map.view(), Phys{3 * kMiB}));
}

TEST(Kaslr, TheDirectMapMovesByWholeGiBWithinItsRoom) {
  const AddressSpace space{.direct_map = kDirectMap4Level, .direct_map_end = kDirectMapEnd4Level};
  for (const Phys end : {Phys{3 * kGiB + 4096}, Phys{kGiB << 10}, Phys{kGiB << 16}}) {
    const Choice choice = direct_map_choice(space, end);
    ASSERT_GT(choice.bits(), 14);
    EXPECT_EQ(direct_map_offset(0), 0U);
    const uint64_t last = space.direct_map + direct_map_offset(choice.places - 1);
    EXPECT_EQ(last % kGiB, 0U);
    EXPECT_EQ(last + mm::align_up(end.v, kGiB), space.direct_map_end);
  }
  EXPECT_EQ(direct_map_choice({.direct_map = 0xc000'0000}, Phys{kGiB}).places, 0U);
  EXPECT_EQ(direct_map_choice(space, Phys{mm::kMaxPhys}).places, 0U);
}

TEST(RandomPool, EverySourceChangesEveryNumber) {
  const uint8_t bytes[] = {1, 2, 3};
  std::set<uint64_t> seen;
  RandomPool pool;
  const auto draw = [&] {
    RandomPool copy = pool;
    for (unsigned i = 0; i < 8; ++i) seen.insert(copy.next());
  };
  draw();
  pool.add(kRandomFirmware, bytes);
  draw();
  pool.add(kRandomNumber, bytes);
  draw();
  pool.add(kRandomCounter, 3);
  draw();
  pool.add(kRandomCounter, 3);  // the same again is no step back
  draw();
  EXPECT_EQ(seen.size(), 5 * 8U);
  EXPECT_EQ(pool.sources(), kRandomFirmware | kRandomNumber | kRandomCounter);
}

TEST(RandomPool, ManyNumbersAreSpreadEvenly) {
  RandomPool pool;
  pool.add(kRandomCounter, 42);
  constexpr unsigned kBins = 16, kDraws = 3200;
  std::array<unsigned, kBins> bins{};
  for (unsigned i = 0; i < kDraws; ++i) ++bins[Choice{kBins}.by(pool.next())];
  for (const unsigned bin : bins) EXPECT_NEAR(bin, kDraws / kBins, 70);  // five deviations
}

}  // namespace
}  // namespace loader
