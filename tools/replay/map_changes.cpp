#include "tools/replay/map_changes.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

namespace replay {
namespace {

using mm::Phys;
using mm::Range;
using Ranges = std::vector<NamedRange>;

bool by_address(const NamedRange& a, const NamedRange& b) {
  return std::tie(a.range.start, a.range.end, a.name) <
         std::tie(b.range.start, b.range.end, b.name);
}

// Those that the other map has not, by address.
Ranges only_in(std::span<const NamedRange> these, std::span<const NamedRange> those) {
  Ranges a(these.begin(), these.end());
  Ranges b(those.begin(), those.end());
  std::sort(a.begin(), a.end(), by_address);
  std::sort(b.begin(), b.end(), by_address);
  Ranges left;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(left), by_address);
  return left;
}

// Pairs, in the order of addresses, the ranges of both that have the same key; they are taken out.
template <class Key>
void pair_up(Ranges& gone, Ranges& come, Change::Kind kind, Key key, std::vector<Change>& changes) {
  std::multimap<decltype(key(gone.front())), size_t> there;
  for (size_t i = 0; i < come.size(); ++i) there.emplace(key(come[i]), i);
  std::vector<bool> taken(come.size());
  std::erase_if(gone, [&](const NamedRange& range) {
    const auto partner = there.find(key(range));  // the first of equal ones, which is the lowest
    if (partner == there.end()) return false;
    changes.push_back({kind, range.name, range.range, come[partner->second].range});
    taken[partner->second] = true;
    there.erase(partner);
    return true;
  });
  size_t kept = 0;
  for (size_t i = 0; i < come.size(); ++i) {
    if (!taken[i]) std::swap(come[kept++], come[i]);
  }
  come.resize(kept);
}

}  // namespace

std::vector<Change> changes_between(std::span<const NamedRange> before,
                                    std::span<const NamedRange> after) {
  using Kind = Change::Kind;
  Ranges gone = only_in(before, after);
  Ranges come = only_in(after, before);
  std::vector<Change> changes;
  pair_up(
      gone, come, Kind::Resized,
      [](const NamedRange& r) { return std::tuple(r.name, r.range.start); }, changes);
  pair_up(
      gone, come, Kind::Resized,
      [](const NamedRange& r) { return std::tuple(r.name, r.range.end); }, changes);
  pair_up(
      gone, come, Kind::Moved,
      [](const NamedRange& r) { return std::tuple(r.name, r.range.size()); }, changes);
  for (const NamedRange& r : gone) changes.push_back({Kind::Gone, r.name, r.range, {}});
  for (const NamedRange& r : come) changes.push_back({Kind::New, r.name, {}, r.range});
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    const auto start = [](const Change& c) {
      return c.before.empty() ? c.after.start : c.before.start;
    };
    return start(a) < start(b);
  });
  return changes;
}

std::vector<Retyped> retyped_between(std::span<const NamedRange> before,
                                     std::span<const NamedRange> after) {
  struct Border {
    Phys at;
    int map;      // 0: before, 1: after
    bool begins;  // ends come first, so that touching ranges do not meet
    size_t index;
  };
  const std::span<const NamedRange> maps[] = {before, after};
  std::vector<Border> borders;
  for (const int map : {0, 1}) {
    for (size_t i = 0; i < maps[map].size(); ++i) {
      if (maps[map][i].range.empty()) continue;
      borders.push_back({maps[map][i].range.start, map, true, i});
      borders.push_back({maps[map][i].range.end, map, false, i});
    }
  }
  std::sort(borders.begin(), borders.end(), [](const Border& a, const Border& b) {
    return std::tie(a.at, a.begins, a.index) < std::tie(b.at, b.begins, b.index);
  });
  std::vector<Retyped> found;
  std::map<size_t, bool, std::greater<>> open[2];  // the latest first
  const auto name_of = [&](int map) {
    return open[map].empty() ? std::string() : maps[map][open[map].begin()->first].name;
  };
  for (size_t i = 0; i < borders.size(); ++i) {
    const Border& border = borders[i];
    if (border.begins) {
      open[border.map][border.index] = true;
    } else {
      open[border.map].erase(border.index);
    }
    if (i + 1 == borders.size() || borders[i + 1].at == border.at) continue;
    const Retyped part{{border.at, borders[i + 1].at}, name_of(0), name_of(1)};
    if (part.before == part.after) continue;
    if (!found.empty() && found.back().range.end == part.range.start &&
        found.back().before == part.before && found.back().after == part.after) {
      found.back().range.end = part.range.end;
    } else {
      found.push_back(part);
    }
  }
  return found;
}

}  // namespace replay
