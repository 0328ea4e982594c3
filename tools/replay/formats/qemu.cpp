// A machine by QEMU's command line: what `qemu-system-x86_64 -m 6G ...` has of RAM, and where.
//
// hw/i386/pc_q35.c and pc_piix.c: RAM up to 2.75 GiB (q35) or 3.5 GiB (pc) lies below 4 GiB; of more,
// 2 or 3 GiB do, and the rest follows from 4 GiB on. hw/arm/virt.c: all from 1 GiB on.
#include <algorithm>
#include <map>

#include "mm/size_text.h"
#include "tools/replay/formats/format.h"

namespace replay {
namespace {

using mm::E820Type;
using mm::kGiB;
using mm::kMiB;
using mm::Phys;
using mm::Range;

struct Words {
  std::vector<std::string> words;
  size_t line = 0;
};

constexpr std::string_view kProgram = "qemu-system-";

// Of all lines from the program's name on: a backslash or nothing goes on in the next.
Words words_of(std::span<const Line> lines) {
  Words found;
  for (const Line& line : lines) {
    std::string_view text = line.text;
    if (found.words.empty()) {
      text = from(text, kProgram);
      if (text.empty()) continue;
      found.line = line.number;
    }
    while (!text.empty()) {
      const size_t end = std::min(text.find_first_of(" '\"\\"), text.size());
      if (end != 0) found.words.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  return found;
}

// `a=b` of a list `x,a=b,c=d`.
std::optional<std::string> value_in(std::string_view list, std::string_view key) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view part = list.substr(0, comma);
    if (part.starts_with(key) && part.substr(key.size()).starts_with("=")) {
      return std::string(part.substr(key.size() + 1));
    }
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return std::nullopt;
}

// `4G`; without a suffix MiB where `megabytes`, else bytes.
std::optional<uint64_t> size_of(std::string_view text, bool megabytes) {
  const auto size = mm::take_size(text, "size");
  if (!size.ok()) return std::nullopt;
  if (text == "B" || text == "b") text = {};
  if (!text.empty()) return std::nullopt;
  const bool bare = size.value() < 64 * kMiB;  // no machine has so few bytes: they were MiB
  return megabytes && bare && size.value() < kMiB ? size.value() * kMiB : size.value();
}

struct Asked {
  std::string machine = "pc";
  uint64_t ram = 128 * kMiB;  // QEMU's own
  std::map<std::string, uint64_t> backends;
  std::vector<std::pair<unsigned, uint64_t>> nodes;  // in the order of addresses
  bool arm = false;
};

const char* take_numa(std::string_view value, Asked& asked) {
  if (!value.starts_with("node")) return nullptr;  // dist, cpu and the like
  unsigned id = static_cast<unsigned>(asked.nodes.size());
  if (const auto given = value_in(value, "nodeid")) {
    const auto number = mm::number_of(*given, 10, mm::kMaxNodes - 1);
    if (!number) return "nodeid";
    id = static_cast<unsigned>(*number);
  }
  uint64_t size = 0;
  if (const auto mem = value_in(value, "mem")) {
    const auto bytes = size_of(*mem, true);
    if (!bytes) return "mem";
    size = *bytes;
  } else if (const auto memdev = value_in(value, "memdev")) {
    const auto backend = asked.backends.find(*memdev);
    if (backend == asked.backends.end()) return "memdev";
    size = backend->second;
  }
  asked.nodes.emplace_back(id, size);
  return nullptr;
}

// The option that cannot be read; null: all could.
const char* take(const std::string& option, const std::string& value, Asked& asked) {
  if (option == "-m") {
    const auto size =
        size_of(value_in(value, "size").value_or(value.substr(0, value.find(','))), true);
    if (!size) return "-m";
    asked.ram = *size;
  } else if (option == "-M" || option == "-machine") {
    asked.machine = value_in(value, "type").value_or(value.substr(0, value.find(',')));
  } else if (option == "-object" && value.starts_with("memory-backend-")) {
    const auto id = value_in(value, "id");
    const auto size = value_in(value, "size");
    const auto bytes = size ? size_of(*size, false) : std::nullopt;
    if (!id || !bytes) return "-object";
    asked.backends[*id] = *bytes;
  }
  return nullptr;
}

// Where RAM lies.
std::vector<Range> places_of(const Asked& asked) {
  if (asked.arm) return {{Phys{kGiB}, Phys{kGiB} + asked.ram}};
  const bool q35 = asked.machine.find("q35") != std::string::npos;
  const uint64_t most = q35 ? 0xb0000000 : 0xe0000000;
  const uint64_t low = asked.ram < most ? asked.ram : (q35 ? 0x80000000 : 0xc0000000);
  std::vector<Range> places{{Phys{0}, Phys{low}}};
  if (asked.ram > low) places.push_back({Phys{4 * kGiB}, Phys{4 * kGiB} + (asked.ram - low)});
  return places;
}

void add_node(Machine& machine, unsigned id, uint64_t bytes, std::vector<Range>& places) {
  const auto node = static_cast<mm::NodeId>(id);
  machine.named.set(node);
  while (bytes != 0 && !places.empty()) {
    Range& place = places.front();
    const uint64_t part = std::min(bytes, place.size());
    mm::MemoryAffinity entry;
    entry.node = node;
    entry.range = {place.start, place.start + part};
    machine.srat.push_back(entry);
    place.start += part;
    bytes -= part;
    if (place.empty()) places.erase(places.begin());
  }
}

size_t count(std::span<const Line> lines) {
  const Words words = words_of(lines);
  const auto has = [&](const char* option) {
    return std::find(words.words.begin(), words.words.end(), option) != words.words.end();
  };
  return has("-m") || has("-machine") || has("-M") ? 1 : 0;
}

Machine read(std::span<const Line> lines) {
  const Words given = words_of(lines);
  Machine machine;
  Asked asked;
  const auto refuse = [&](const std::string& what) {
    machine.remarks.push_back({given.line, "cannot be read: " + what});
  };
  asked.arm = given.words.front().find("aarch64") != std::string::npos;
  if (asked.arm) machine.kind = MachineKind::Arm64;
  std::vector<std::string> numa;
  for (size_t i = 1; i + 1 < given.words.size(); ++i) {
    const std::string& option = given.words[i];
    if (option == "-numa") {
      numa.push_back(given.words[i + 1]);
    } else if (const char* bad = take(option, given.words[i + 1], asked)) {
      refuse(std::string(bad) + " " + given.words[i + 1]);
    }
  }
  for (const std::string& value : numa) {
    if (const char* bad = take_numa(value, asked))
      refuse(std::string("-numa ") + bad + " of " + value);
  }
  if (asked.ram > mm::kMaxPhys / 2) {
    refuse("more RAM than there are addresses");
    return machine;
  }
  if (asked.ram <= kMiB) {
    refuse("less RAM than such a machine has");
    return machine;
  }
  std::vector<Range> places = places_of(asked);
  for (const Range& place : places) {
    if (place.start == Phys{0}) {
      machine.firmware.push_back({{Phys{0}, Phys{0xa0000}}, E820Type::Ram});
      machine.firmware.push_back({{Phys{kMiB}, place.end}, E820Type::Ram});
    } else {
      machine.firmware.push_back({place, E820Type::Ram});
    }
  }
  for (const auto& [id, bytes] : asked.nodes) add_node(machine, id, bytes, places);
  return machine;
}

}  // namespace

constinit const Format kQemuFormat{
    .name = "QEMU's command line",
    .standing = Standing::Derived,
    .count = count,
    .read = read,
    .remark = "RAM as QEMU lays it out; what the firmware keeps of it is not known"};

}  // namespace replay
