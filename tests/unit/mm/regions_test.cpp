// FreeMap and Regions against plain models: arrays of booleans and sorted sets.
#include "mm/regions.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "mm/free_map.h"

namespace mm::test {
namespace {

// What a map of 512 units says, worked out unit by unit.
class Plain {
 public:
  std::array<bool, FreeMap::kUnits> free{};

  [[nodiscard]] bool all(unsigned unit, unsigned order) const {
    for (unsigned i = 0; i < 1u << order; ++i) {
      if (!free[unit + i]) return false;
    }
    return true;
  }
  // The largest aligned blocks that are free as a whole: order by first unit.
  [[nodiscard]] std::map<unsigned, unsigned> blocks() const {
    std::map<unsigned, unsigned> found;
    for (unsigned unit = 0; unit < FreeMap::kUnits;) {
      if (!free[unit]) {
        ++unit;
        continue;
      }
      unsigned order = 0;
      while (order < FreeMap::kOrder && unit % (2u << order) == 0 && all(unit, order + 1)) ++order;
      found[unit] = order;
      unit += 1u << order;
    }
    return found;
  }
};

void expect_same(const FreeMap& map, const Plain& plain) {
  const auto blocks = plain.blocks();
  std::map<unsigned, unsigned> visited;
  map.for_each_block([&](unsigned unit, unsigned order) {
    visited[unit] = order;
    return true;
  });
  ASSERT_EQ(visited, blocks);
  unsigned count = 0;
  unsigned largest = 0;
  std::array<unsigned, FreeMap::kWords> near{};
  for (const auto& [unit, order] : blocks) {
    count += 1u << order;
    largest = std::max(largest, order);
    for (unsigned i = 0; i < 1u << order; ++i) {
      unsigned& word = near[(unit + i) / FreeMap::kWordUnits];
      word = std::max(word, order);
    }
  }
  ASSERT_EQ(map.count(), count);
  if (count == 0) return;
  ASSERT_EQ(map.largest(), largest);
  for (unsigned i = 0; i < FreeMap::kWords; ++i) {
    if (map.word(i) != 0) {
      ASSERT_EQ(map.largest_near(i), near[i]) << i;
    }
  }
  for (unsigned order = 0; order <= FreeMap::kOrder; ++order) {
    unsigned best = FreeMap::kUnits;
    unsigned of = FreeMap::kOrder + 1;
    for (const auto& [unit, size] : blocks) {
      if (size >= order && size < of) {
        best = unit;
        of = size;
      }
    }
    ASSERT_EQ(map.find(order), best) << order;
  }
}

TEST(FreeMap, IsWhatUnitByUnitItWouldBe) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    FreeMap map;
    Plain plain;
    const bool full = round % 2 == 0;
    map.fill(full);
    plain.free.fill(full);
    expect_same(map, plain);
    for (int step = 0; step < 60; ++step) {
      const auto order = static_cast<unsigned>(random() % FreeMap::kOrder);
      const auto unit = static_cast<unsigned>(random() % (FreeMap::kUnits >> order)) << order;
      const bool free = random() % 2 != 0;
      map.set(unit, order, free);
      for (unsigned i = 0; i < 1u << order; ++i) plain.free[unit + i] = free;
      ASSERT_EQ(map.all(unit, order), free);
      if (step % 10 == 9) expect_same(map, plain);
    }
  }
}

TEST(FreeMap, EachBlockAlone) {
  for (unsigned order = 0; order < FreeMap::kOrder; ++order) {
    for (unsigned unit = 0; unit < FreeMap::kUnits; unit += 1u << order) {
      FreeMap map;
      map.fill(false);
      map.set(unit, order, true);
      ASSERT_EQ(map.largest(), order);
      ASSERT_EQ(map.order_at(unit + (1u << order) - 1), order);
      ASSERT_EQ(map.find(order), unit);
      ASSERT_EQ(map.find(order + 1), FreeMap::kUnits);
    }
  }
}

// Of either level more than one word.
TEST(RegionSets, AreSets) {
  constexpr uint64_t kRegions = 3'000'000;
  constexpr unsigned kSets = 3;
  // Members lie apart, with what is somebody else's between.
  constexpr uint64_t kStride = RegionSets::members_bytes(kSets) + 64;
  std::vector<uint64_t> members(RegionSets::groups_of(kRegions) * kStride / 8, ~uint64_t{0});
  std::vector<uint64_t> marks(RegionSets::marks_bytes(kRegions, kSets) / 8, ~uint64_t{0});
  RegionSets sets(kRegions, kSets, members.data(), kStride, marks.data());
  std::array<std::set<RegionIndex>, kSets> plain;
  std::mt19937_64 random(2);
  for (int step = 0; step < 20'000; ++step) {
    const auto set = static_cast<unsigned>(random() % kSets);
    // Now many, now few.
    const bool grow = random() % 100 < (step / 2000 % 2 == 0 ? 70u : 30u);
    if (grow) {
      const auto index = static_cast<RegionIndex>(random() % kRegions);
      if (plain[set].insert(index).second) sets.insert(set, index);
    } else if (!plain[set].empty()) {
      const auto from = static_cast<RegionIndex>(random() % kRegions);
      auto at = plain[set].lower_bound(from);
      if (at == plain[set].end()) at = plain[set].begin();
      const bool empty = sets.erase(set, *at);
      plain[set].erase(at);
      ASSERT_EQ(empty, plain[set].empty());
    }
    ASSERT_EQ(sets.first(set), plain[set].empty() ? kNoFrame : *plain[set].begin());
    const auto from = static_cast<RegionIndex>(random() % (kRegions + 1000));
    const auto behind = plain[set].lower_bound(from);
    ASSERT_EQ(sets.first(set, from), behind == plain[set].end() ? kNoFrame : *behind) << from;
    if (step % 500 != 0) continue;
    ASSERT_TRUE(sets.consistent(set));
    std::set<RegionIndex> found;
    for (RegionIndex group = 0; group < sets.groups(); ++group) {
      const auto words = sets.members(set, group);
      for (unsigned i = 0; i < RegionSets::kGroupWords; ++i) {
        for (uint64_t rest = words[i]; rest != 0; rest &= rest - 1) {
          const auto bit = static_cast<unsigned>(std::countr_zero(rest));
          found.insert(group * RegionSets::kGroup + i * 64 + bit);
        }
      }
    }
    ASSERT_EQ(found, plain[set]);
  }
}

TEST(Regions, TheLowestThatServesIsFound) {
  const PfnRange frames{{0x1000}, {0x1000 + 600 * 512}};
  const size_t groups = Regions::groups(frames, 0) * Regions::group_bytes(0, 2);
  const std::unique_ptr<std::byte, void (*)(void*)> storage(
      static_cast<std::byte*>(std::aligned_alloc(64, groups)), std::free);
  std::memset(storage.get(), 0xff, groups);
  std::vector<uint64_t> marks(Regions::marks_bytes(frames, 0, 2) / 8, ~uint64_t{0});
  Regions regions(frames, 0, 2, storage.get(), marks.data());
  // Counted from the GiB's start.
  ASSERT_EQ(regions.count(), 608u);
  ASSERT_EQ(regions.start(0), Pfn{0});
  struct Filed {
    unsigned kind, free, largest;
  };
  std::map<RegionIndex, Filed> plain;
  for (RegionIndex i = 0; i < regions.count(); ++i) regions.clear(i);
  std::mt19937_64 random(3);
  for (int step = 0; step < 20'000; ++step) {
    const auto index = static_cast<RegionIndex>(random() % regions.count());
    const auto known = plain.find(index);
    const auto kind =
        known != plain.end() ? known->second.kind : static_cast<unsigned>(random() % 2);
    const auto free = static_cast<unsigned>(random() % 3 == 0 ? random() % 512 + 1 : 0);
    const auto largest = static_cast<unsigned>(random() % Regions::kLargest);
    regions.file(kind, index, free, largest);
    if (free == 0) {
      plain.erase(index);
    } else {
      plain[index] = {kind, free, largest};
    }
    const auto order = static_cast<unsigned>(random() % Regions::kLargest);
    const auto from = static_cast<RegionIndex>(random() % regions.count());
    for (unsigned k = 0; k < 2; ++k) {
      uint32_t orders = 0;
      RegionIndex lowest = kNoFrame;
      RegionIndex behind = kNoFrame;
      RegionIndex exact = kNoFrame;
      for (const auto& [at, filed] : plain) {
        if (filed.kind != k) continue;
        orders |= uint32_t{1} << filed.largest;
        if (filed.largest >= order) lowest = std::min(lowest, at);
        if (filed.largest >= order && at >= from) behind = std::min(behind, at);
        if (filed.largest == order) exact = std::min(exact, at);
      }
      ASSERT_EQ(regions.orders(k), orders);
      ASSERT_EQ(regions.lowest(k, order), lowest);
      ASSERT_EQ(regions.lowest(k, order, from), behind);
      ASSERT_EQ(regions.lowest_of(k, order), exact);
    }
  }
}

}  // namespace
}  // namespace mm::test
