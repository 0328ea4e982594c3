// Random maps: what compare_maps() says is nothing where nothing changed, the mirror image the other
// way round, and enough to make the second map of the first.
//
// BATON_SEED=n runs only the pair n, which is what a failure says to do.
#include "loader/map_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <tuple>
#include <vector>

namespace {

using loader::MapChange;
using loader::MapRange;
using Map = std::vector<MapRange>;
using Kind = MapChange::Kind;

constexpr unsigned kPairs = 20'000;

class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed) {}
  uint64_t below(uint64_t end) {
    return std::uniform_int_distribution<uint64_t>(0, end - 1)(random_);
  }

 private:
  std::mt19937_64 random_;
};

// Few types, sizes and gaps, so that much is alike.
Map a_map(Chance& chance) {
  constexpr loader::EfiMemoryType kTypes[] = {
      loader::EfiMemoryType::Conventional, loader::EfiMemoryType::AcpiNvs,
      loader::EfiMemoryType::Reserved, loader::EfiMemoryType::RuntimeServicesData};
  Map map;
  uint64_t at = 0;
  for (uint64_t left = chance.below(12); left != 0; --left) {
    at += chance.below(3) * mm::kPageSize;
    const uint64_t size = (1 + chance.below(3)) * mm::kPageSize;
    map.push_back({{mm::Phys{at}, mm::Phys{at + size}}, kTypes[chance.below(4)]});
    at += size;
  }
  return map;
}

std::vector<MapChange> compare(Map before, Map after) {
  std::vector<MapChange> changes(loader::map_changes_room(before.size(), after.size()));
  changes.resize(loader::compare_maps(before, after, changes));
  return changes;
}

auto key(const MapRange& range) {
  return std::tuple(range.range.start.v, range.range.end.v, range.type);
}
auto key(const MapChange& change) {
  return std::tuple(change.kind, key(change.before), key(change.after));
}

std::vector<MapChange> mirrored(std::vector<MapChange> changes) {
  for (MapChange& change : changes) {
    std::swap(change.before, change.after);
    if (change.kind == Kind::Appeared) {
      change.kind = Kind::Went;
    } else if (change.kind == Kind::Went) {
      change.kind = Kind::Appeared;
    }
  }
  return changes;
}

// What is usable is told as a whole only.
Map others(Map map) {
  std::erase_if(
      map, [](const MapRange& range) { return range.type == loader::EfiMemoryType::Conventional; });
  return map;
}
Map sorted(Map map) {
  std::sort(map.begin(), map.end(),
            [](const MapRange& a, const MapRange& b) { return key(a) < key(b); });
  return map;
}
Map changed(Map map, const std::vector<MapChange>& changes) {
  for (const MapChange& change : changes) {
    if (change.kind == Kind::Usable) continue;
    if (change.kind != Kind::Appeared) {
      const auto at = std::find(map.begin(), map.end(), change.before);
      if (at == map.end()) throw std::runtime_error("a change of what was not there");
      map.erase(at);
    }
    if (change.kind != Kind::Went) map.push_back(change.after);
  }
  return map;
}

void check(unsigned seed) {
  SCOPED_TRACE(testing::Message() << "BATON_SEED=" << seed);
  Chance chance(seed);
  const Map a = a_map(chance);
  const Map b = a_map(chance);
  EXPECT_TRUE(compare(a, a).empty());
  auto there = compare(a, b);
  auto back = mirrored(compare(b, a));
  EXPECT_EQ(there.empty(), a == b);
  EXPECT_EQ(sorted(changed(others(a), there)), sorted(others(b)));
  const auto by_key = [](const MapChange& x, const MapChange& y) { return key(x) < key(y); };
  std::sort(there.begin(), there.end(), by_key);
  std::sort(back.begin(), back.end(), by_key);
  ASSERT_EQ(there.size(), back.size());
  for (size_t i = 0; i < there.size(); ++i) EXPECT_EQ(key(there[i]), key(back[i])) << i;
}

TEST(MapRecord, ComparisonsAreMirrorImages) {
  if (const char* const seed = std::getenv("BATON_SEED"); seed != nullptr) {
    return check(static_cast<unsigned>(std::strtoul(seed, nullptr, 10)));
  }
  for (unsigned seed = 0; seed < kPairs && !HasFailure(); ++seed) check(seed);
}

}  // namespace
