#include "tools/replay/diff.h"

#include <algorithm>
#include <span>
#include <vector>

#include "tools/replay/finding_rows.h"
#include "tools/replay/map_changes.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using Kind = Change::Kind;

constexpr const char* kUsable = "usable";

std::vector<NamedRange> map_of(const std::vector<mm::E820Entry>& entries) {
  std::vector<NamedRange> map;
  map.reserve(entries.size());
  for (const mm::E820Entry& entry : entries) map.push_back({entry.range, said("{}", entry.type)});
  return map;
}

std::vector<NamedRange> nodes_of(const Machine& machine) {
  std::vector<NamedRange> map;
  for (const mm::MemoryAffinity& entry : machine.srat) {
    map.push_back({entry.range, said("node {}", entry.node) + (entry.hotplug ? " hotplug" : "") +
                                    (entry.nonvolatile ? " non-volatile" : "")});
  }
  return map;
}

std::string mem_text(mm::Range range) { return said("{:08x}", mm::mem(range)); }

std::string up_or_down(int64_t distance) {
  const bool up = distance > 0;
  const uint64_t bytes = static_cast<uint64_t>(up ? distance : -distance);
  return size_words(bytes) + (up ? " higher" : " lower");
}

std::string line_of(const Change& change) {
  std::string from = change.name + " " + mem_text(change.before);
  switch (change.kind) {
    case Kind::Moved:
      return from + " lies " + up_or_down(change.distance()) + ": " + mem_text(change.after);
    case Kind::Resized: {
      const bool grew = change.after.size() > change.before.size();
      const uint64_t by = grew ? change.after.size() - change.before.size()
                               : change.before.size() - change.after.size();
      return from + (grew ? " grew" : " shrank") + " by " + size_words(by) + ": " +
             mem_text(change.after);
    }
    case Kind::Gone:
      return from + " is gone";
    case Kind::New:
      return change.name + " " + mem_text(change.after) + " is new";
  }
  return from;
}

// When all that is not RAM only moved, by one distance: a line for it. RAM beside it grows and
// shrinks by that.
std::string one_slide(const std::vector<Change>& changes) {
  std::vector<std::string> names;  // each once, in the order of addresses
  const Change* first = nullptr;
  const Change* last = nullptr;
  size_t count = 0;
  uint64_t bytes = 0;
  for (const Change& change : changes) {
    if (change.name == kUsable) {
      if (change.kind != Kind::Resized && change.kind != Kind::Moved) return {};
      continue;
    }
    if (change.kind != Kind::Moved) return {};
    if (first != nullptr && change.distance() != first->distance()) return {};
    if (first == nullptr) first = &change;
    last = &change;
    if (std::find(names.begin(), names.end(), change.name) == names.end()) {
      names.push_back(change.name);
    }
    bytes += change.before.size();
    ++count;
  }
  if (first == nullptr) return {};
  for (const Change& change : changes) {
    if (change.name != kUsable || change.kind == Kind::Moved) continue;
    const int64_t by = static_cast<int64_t>(change.after.size() - change.before.size());
    if (by != first->distance() && by != -first->distance()) return {};
  }
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  const bool up = first->distance() > 0;
  const auto by = static_cast<uint64_t>(up ? first->distance() : -first->distance());
  return "One slide: " + list + said(" ({} {}, ", count, count == 1 ? "range" : "ranges") +
         size_words(bytes) + ") between " + mem_text({first->before.start, last->before.end}) +
         " moved " + size_words(by) + (up ? " up" : " down") +
         said(" ({}{:#x})\n", up ? "+" : "-", by);
}

uint64_t usable_of(const std::vector<mm::E820Entry>& entries) {
  uint64_t bytes = 0;
  for (const mm::E820Entry& entry : entries) {
    if (entry.type == mm::E820Type::Ram) bytes += entry.range.size();
  }
  return bytes;
}

void add_map(const Machine& before, const Machine& after, Diff& diff) {
  const auto a = map_of(before.firmware);
  const auto b = map_of(after.firmware);
  const std::vector<Change> changes = changes_between(a, b);
  const uint64_t had = usable_of(before.firmware);
  const uint64_t has = usable_of(after.firmware);
  if (changes.empty()) {
    diff.text += "The firmware's map is the same, " + size_words(has) + " usable.\n";
    return;
  }
  diff.same = false;
  const std::string slide = one_slide(changes);
  if (!slide.empty()) {
    diff.text += slide;
  } else {
    diff.text += "The firmware's map:\n";
    for (const Change& change : changes) diff.text += "  " + line_of(change) + "\n";
    diff.text += "Byte for byte:\n";
    for (const Retyped& part : retyped_between(a, b)) {
      diff.text += "  " + mem_text(part.range) + " " + (part.before.empty() ? "gap" : part.before) +
                   " ==> " + (part.after.empty() ? "gap" : part.after) + ", " +
                   size_words(part.range.size()) + "\n";
    }
  }
  if (had != has) {
    diff.text += "Usable: " + size_words(had) + ", then " + size_words(has) + " (" +
                 size_words(had > has ? had - has : has - had) + (had > has ? " less" : " more") +
                 ").\n";
  }
  diff.text +=
      "If these are two boots of one machine: Linux does not wake from hibernation under another "
      "map.\n";
}

// What is told only where it differs.
void add_ranges(const char* title, const std::vector<NamedRange>& a,
                const std::vector<NamedRange>& b, Diff& diff) {
  const std::vector<Change> changes = changes_between(a, b);
  if (changes.empty()) return;
  diff.same = false;
  diff.text += std::string(title) + ":\n";
  for (const Change& change : changes) diff.text += "  " + line_of(change) + "\n";
}

}  // namespace

std::string map_change_of(const std::vector<mm::E820Entry>& before,
                          const std::vector<mm::E820Entry>& after) {
  const std::vector<Change> changes = changes_between(map_of(before), map_of(after));
  if (changes.empty()) return {};
  std::string slide = one_slide(changes);
  if (!slide.empty()) return slide.substr(0, slide.find('\n'));
  const auto shown = std::find_if(changes.begin(), changes.end(),
                                  [](const Change& change) { return change.name != kUsable; });
  return said("{} {} changed; {}", changes.size(), changes.size() == 1 ? "range" : "ranges",
              line_of(shown == changes.end() ? changes.front() : *shown).c_str());
}

Diff diff_of(const Machine& before, const Machine& after) {
  Diff diff;
  add_map(before, after, diff);
  add_ranges("The user's map (mem=, memmap=)", map_of(before.user), map_of(after.user), diff);
  add_ranges("SRAT", nodes_of(before), nodes_of(after), diff);
  add_ranges("To be left alone (device tree)", before.kept, after.kept, diff);
  // One that says nothing of its reservations is no other for that.
  if (!before.reservations.empty() && !after.reservations.empty()) {
    add_ranges("Its own, no matter of the firmware's", before.reservations, after.reservations,
               diff);
  }
  return diff;
}

}  // namespace replay
