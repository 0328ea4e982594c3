// What a running Linux tells of memory: /proc/iomem, /sys/firmware/memmap, /proc/zoneinfo, and the
// node ranges of a boot's log.
#include <algorithm>
#include <map>

#include "tools/replay/formats/format.h"

namespace replay {
namespace {

using mm::E820Type;
using LineKind = MapLine::Kind;

struct Name {
  std::string_view name;
  E820Type type;
};

// arch/x86/kernel/e820.c, e820_type_to_string(); both spellings of "reserved" are about.
constexpr Name kNames[] = {
    {"System RAM", E820Type::Ram},
    {"Reserved", E820Type::Reserved},
    {"reserved", E820Type::Reserved},
    {"ACPI Tables", E820Type::Acpi},
    {"ACPI Non-volatile Storage", E820Type::Nvs},
    {"Unusable memory", E820Type::Unusable},
    {"Persistent Memory (legacy)", E820Type::Pram},
    {"Persistent Memory", E820Type::Pmem},
    {"Soft Reserved", E820Type::SoftReserved},
    {"Unknown E820 type", E820Type::Reserved},
    {"device reserved", E820Type::Reserved},
};

std::optional<E820Type> type_named(std::string_view text) {
  for (const Name& known : kNames) {
    if (text.starts_with(known.name)) return known.type;
  }
  return std::nullopt;
}

// --- /proc/iomem ---------------------------------------------------------------------------------

// `00001000-0009e3ff : System RAM`; what is in none of e820's types (a device) has its range only.
struct Resource {
  Spelled bytes;
  std::optional<E820Type> type;
};

std::optional<Resource> resource_of(std::string_view text) {
  const size_t colon = text.find(" : ");
  if (colon == std::string_view::npos) return std::nullopt;
  const size_t blank = text.find_last_of(' ', colon - (colon == 0 ? 0 : 1));
  std::string_view rest = text.substr(blank == std::string_view::npos ? 0 : blank + 1);
  const size_t dash = rest.find('-');
  if (dash == std::string_view::npos || dash < 4) return std::nullopt;  // no time of day
  const auto bytes = take_first_last(rest);
  if (!bytes || !take_word(rest, " : ")) return std::nullopt;
  return Resource{*bytes, type_named(rest)};
}

size_t count_iomem(std::span<const Line> lines) {
  return static_cast<size_t>(std::count_if(lines.begin(), lines.end(), [](const Line& line) {
    return resource_of(line.text).has_value();
  }));
}

// What lies in a resource is a part of it (the kernel in RAM), whatever it is called; in a quoted
// text the indentation is not to be relied on.
Machine read_iomem(std::span<const Line> lines) {
  Machine machine;
  bool hidden = false;
  std::optional<Spelled> outer;
  for (const Line& line : lines) {
    const auto resource = resource_of(line.text);
    if (!resource) continue;
    const Spelled& bytes = resource->bytes;
    hidden = hidden || bytes.last == 0;
    if (bytes.last == 0) continue;
    if (outer && outer->first <= bytes.first && bytes.last <= outer->last) continue;
    outer = bytes;
    if (!resource->type) continue;
    add_entry(machine, {.kind = LineKind::Entry, .bytes = bytes, .type = *resource->type}, line);
  }
  if (hidden) {
    machine.remarks.push_back(
        {0, "the addresses are 0: the kernel tells them to root only (sudo cat /proc/iomem)"});
  }
  return machine;
}

// --- /sys/firmware/memmap ------------------------------------------------------------------------

// `/sys/firmware/memmap/0/start:0x0`, and so `end` and `type`: of each entry three lines, in any order.
struct Attribute {
  uint64_t entry = 0;
  std::string_view name, value;
};

std::optional<Attribute> attribute_of(std::string_view text) {
  for (const std::string_view name : {"/start:", "/end:", "/type:"}) {
    const size_t at = text.find(name);
    if (at == std::string_view::npos) continue;
    const size_t slash = text.find_last_of("/ ", at - (at == 0 ? 0 : 1));
    std::string_view digits = text.substr(slash == std::string_view::npos ? 0 : slash + 1);
    const auto entry = take_number(digits, 10);
    if (!entry || !digits.starts_with(name)) continue;
    return Attribute{*entry, name, text.substr(at + name.size())};
  }
  return std::nullopt;
}

size_t count_memmap(std::span<const Line> lines) {
  return static_cast<size_t>(std::count_if(lines.begin(), lines.end(), [](const Line& line) {
    return attribute_of(line.text).has_value();
  }));
}

Machine read_memmap(std::span<const Line> lines) {
  struct Entry {
    std::optional<uint64_t> start, end;
    std::optional<E820Type> type;
    const Line* line = nullptr;
  };
  Machine machine;
  std::map<uint64_t, Entry> entries;
  for (const Line& line : lines) {
    const auto attribute = attribute_of(line.text);
    if (!attribute) continue;
    Entry& entry = entries[attribute->entry];
    entry.line = &line;
    std::string_view value = attribute->value;
    if (attribute->name == "/type:") {
      entry.type = type_named(value).value_or(E820Type::Reserved);
    } else {
      (attribute->name == "/start:" ? entry.start : entry.end) = take_number(value, 16);
    }
  }
  for (const auto& [number, entry] : entries) {
    if (!entry.start || !entry.end || !entry.type) {
      machine.remarks.push_back({entry.line->number, "entry " + std::to_string(number) +
                                                         " lacks its start, end or type"});
      continue;
    }
    const Spelled bytes{.first = *entry.start, .last = *entry.end, .nothing = false};
    add_entry(machine, {.kind = LineKind::Entry, .bytes = bytes, .type = *entry.type}, *entry.line);
  }
  return machine;
}

// --- /proc/zoneinfo ------------------------------------------------------------------------------

// `Node 0, zone      DMA`.
std::optional<mm::NodeId> zone_heading(std::string_view text) {
  std::string_view rest = behind(text, "Node ");
  const auto node = take_number(rest, 10);
  if (!node || *node >= mm::kMaxNodes || !take_word(rest, ", zone ")) return std::nullopt;
  // buddyinfo's lines go on with numbers.
  take_blanks(rest);
  rest = behind(rest, " ");
  take_blanks(rest);
  if (!rest.empty()) return std::nullopt;
  return static_cast<mm::NodeId>(*node);
}

std::optional<uint64_t> value_of(std::string_view text, std::string_view name) {
  text.remove_prefix(std::min(text.find_first_not_of(" >|"), text.size()));  // quoted, perhaps
  if (!take_word(text, name)) return std::nullopt;
  take_blanks(text);
  return take_number(text, 10);
}

size_t count_zoneinfo(std::span<const Line> lines) {
  size_t zones = 0;
  bool inside = false;
  for (const Line& line : lines) {
    if (zone_heading(line.text)) inside = true;
    if (inside && value_of(line.text, "spanned")) ++zones;
  }
  return zones;
}

Machine read_zoneinfo(std::span<const Line> lines) {
  constexpr uint64_t kMostFrames = mm::kMaxPhys >> mm::kPageShift;
  Machine machine;
  mm::NodeId node = 0;
  uint64_t spanned = 0;
  uint64_t present = 0;
  uint64_t holes = 0;
  for (const Line& line : lines) {
    if (const auto heading = zone_heading(line.text)) {
      node = *heading;
      spanned = present = 0;
    }
    if (const auto frames = value_of(line.text, "spanned")) spanned = *frames;
    if (const auto frames = value_of(line.text, "present")) present = *frames;
    auto start = value_of(line.text, "start_pfn:");
    if (!start) start = value_of(line.text, "start_pfn");
    if (!start || present == 0) continue;
    if (*start > kMostFrames || spanned > kMostFrames - *start || present > spanned) {
      machine.remarks.push_back(cannot_be_read(line));
      continue;
    }
    const Spelled bytes{.first = *start << mm::kPageShift,
                        .last = ((*start + spanned) << mm::kPageShift) - 1,
                        .nothing = false};
    add_entry(machine, {.kind = LineKind::Entry, .bytes = bytes, .type = E820Type::Ram}, line);
    add_entry(machine, {.kind = LineKind::Affinity, .bytes = bytes, .node = node}, line);
    holes += spanned - present;
    present = 0;
  }
  if (holes != 0) {
    machine.remarks.push_back({0, std::to_string(holes) +
                                      " frames of the zones are holes; where "
                                      "they are is not told, so they count as RAM"});
  }
  return machine;
}

// --- Early memory node ranges --------------------------------------------------------------------

// `  node   0: [mem 0x0000000000001000-0x000000000009dfff]`: RAM and no more, but all of it.
MapLine node_range_line(std::string_view text) {
  std::string_view rest = behind(text, " node ");
  take_blanks(rest);
  const auto node = take_number(rest, 10);
  if (!node || *node >= mm::kMaxNodes || !take_word(rest, ": ")) return {};
  const auto bytes = take_mem(rest);
  if (!bytes) return {.kind = LineKind::Bad};
  return {.kind = LineKind::Entry, .bytes = *bytes, .type = E820Type::Ram};
}

MapLine node_of_range(std::string_view text) {
  MapLine found = node_range_line(text);
  std::string_view rest = behind(text, " node ");
  take_blanks(rest);
  found.kind = LineKind::Affinity;
  found.node = static_cast<mm::NodeId>(take_number(rest, 10).value_or(0));
  return found;
}

Machine read_node_ranges(std::span<const Line> lines) {
  Machine machine;
  for (const Line& line : lines) {
    const MapLine found = node_range_line(line.text);
    if (found.kind == LineKind::Bad) machine.remarks.push_back(cannot_be_read(line));
    if (found.kind != LineKind::Entry) continue;
    const size_t before = machine.firmware.size();
    add_entry(machine, found, line);
    if (machine.firmware.size() != before) add_entry(machine, node_of_range(line.text), line);
  }
  return machine;
}

size_t count_node_ranges(std::span<const Line> lines) {
  return static_cast<size_t>(std::count_if(lines.begin(), lines.end(), [](const Line& line) {
    return node_range_line(line.text).kind == LineKind::Entry;
  }));
}

}  // namespace

constinit const Format kIomemFormat{.name = "/proc/iomem",
                                    .standing = Standing::Measured,
                                    .count = count_iomem,
                                    .read = read_iomem};
constinit const Format kMemmapTreeFormat{
    .name = "/sys/firmware/memmap", .count = count_memmap, .read = read_memmap};
constinit const Format kZoneinfoFormat{.name = "/proc/zoneinfo",
                                       .standing = Standing::Derived,
                                       .count = count_zoneinfo,
                                       .read = read_zoneinfo};
constinit const Format kNodeRangesFormat{
    .name = "the log of a Linux boot without its firmware's map",
    .standing = Standing::Derived,
    .count = count_node_ranges,
    .read = read_node_ranges,
    .remark =
        "the firmware's map is not in the log; RAM is what Linux had in nodes, and what it "
        "keeps apart is not known"};

}  // namespace replay
