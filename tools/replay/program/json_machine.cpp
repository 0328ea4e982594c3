// A machine out of JSON.
#include <nlohmann/json.hpp>

#include "tools/replay/log_words.h"
#include "tools/replay/program/machine_json.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using Json = nlohmann::ordered_json;

// A value, and what to call it.
struct Value {
  const Json& json;
  std::string name;

  [[noreturn]] void is_wrong(const char* what) const { throw BadInput(name + " " + what); }
  [[nodiscard]] Value operator[](const char* key) const {
    if (!json.is_object()) is_wrong("is no object");
    const auto at = json.find(key);
    if (at == json.end()) throw BadInput(name + "." + key + " is missing");
    return {*at, name + "." + key};
  }
  [[nodiscard]] bool is_null() const { return json.is_null(); }
};

uint64_t number(const Value& value, uint64_t most = ~uint64_t{0}) {
  if (!value.json.is_number_unsigned()) value.is_wrong("is no number that is 0 or more");
  const auto found = value.json.get<uint64_t>();
  if (found > most) throw BadInput(value.name + said(" is too large (most {})", most));
  return found;
}

std::optional<uint64_t> perhaps_number(const Value& value) {
  if (value.is_null()) return std::nullopt;
  return number(value);
}

std::optional<mm::Phys> perhaps_address(const Value& value) {
  if (value.is_null()) return std::nullopt;
  return mm::Phys{number(value, mm::kMaxPhys)};
}

bool truth(const Value& value) {
  if (!value.json.is_boolean()) value.is_wrong("is neither true nor false");
  return value.json.get<bool>();
}

std::string text(const Value& value) {
  if (!value.json.is_string()) value.is_wrong("is no text");
  return value.json.get<std::string>();
}

// Which of the names it is.
template <size_t N>
size_t one_of(const Value& value, const char* const (&names)[N]) {
  const std::string name = text(value);
  for (size_t i = 0; i < N; ++i) {
    if (name == names[i]) return i;
  }
  value.is_wrong("is no word that is known");
}

template <class Of>
auto list(const Value& value, Of of) {
  std::vector<decltype(of(value))> all;
  if (!value.json.is_array()) value.is_wrong("is no list");
  all.reserve(value.json.size());
  for (size_t i = 0; i < value.json.size(); ++i) {
    all.push_back(of(Value{value.json[i], value.name + said("[{}]", i)}));
  }
  return all;
}

mm::Range range_of(const Value& value) {
  const mm::Range range{mm::Phys{number(value["start"])}, mm::Phys{number(value["end"])}};
  if (range.end < range.start) value.is_wrong("ends before it begins");
  return range;
}

// With something in it, and no more than there are addresses.
mm::Range bytes_of(const Value& value) {
  const mm::Range range = range_of(value);
  if (range.empty()) value.is_wrong("is empty");
  if (range.end.v > mm::kMaxPhys) value.is_wrong("reaches above 2^52, where no address is");
  return range;
}

mm::NodeId node_of(const Value& value) {
  return static_cast<mm::NodeId>(number(value, mm::kMaxNodes - 1));
}

std::vector<mm::E820Entry> map_of(const Value& value) {
  return list(value, [](const Value& each) {
    const std::string words = text(each["type"]);
    std::string_view rest = words;
    const auto type = take_type(rest);
    if (!type || !rest.empty()) each["type"].is_wrong("is no type of memory");
    return mm::E820Entry{bytes_of(each), *type};
  });
}

std::vector<NamedRange> named_ranges(const Value& value) {
  return list(value, [](const Value& each) {
    return NamedRange{bytes_of(each), text(each["name"])};
  });
}

mm::MemoryAffinity affinity_of(const Value& value) {
  mm::MemoryAffinity entry;
  entry.node = node_of(value["node"]);
  entry.range = range_of(value);
  entry.hotplug = truth(value["hotplug"]);
  entry.nonvolatile = truth(value["nonvolatile"]);
  return entry;
}

NodeSpeed speed_of(const Value& value) {
  return {static_cast<NodeSpeed::Kind>(one_of(value["kind"], kSpeedKinds)), node_of(value["from"]),
          node_of(value["to"]), number(value["value"])};
}

std::vector<uint8_t> distances_of(const Value& value) {
  std::vector<uint8_t> distances;
  const auto add_row = [&](const Value& row) {
    const auto each =
        list(row, [](const Value& cell) { return static_cast<uint8_t>(number(cell, UINT8_MAX)); });
    if (each.size() != value.json.size()) row.is_wrong("is not as long as there are rows");
    distances.insert(distances.end(), each.begin(), each.end());
    return 0;
  };
  if (value.json.size() > mm::kMaxNodes) value.is_wrong("has more rows than there may be nodes");
  (void)list(value, add_row);
  return distances;
}

std::optional<NodeCpus> cpus_in(const Value& value) {
  if (value.is_null()) return std::nullopt;
  const auto small = [](const Value& each) {
    return static_cast<uint32_t>(number(each, UINT32_MAX));
  };
  NodeCpus cpus{static_cast<size_t>(number(value["enabled"], SIZE_MAX)),
                list(value["of_nodes"], small), list(value["in_no_node"], small)};
  if (cpus.of.size() > mm::kMaxNodes)
    value["of_nodes"].is_wrong("has more than there may be nodes");
  return cpus;
}

LinuxMade linux_in(const Value& value) {
  LinuxMade made;
  made.zones = list(value["zones"], [](const Value& each) {
    const std::string name = text(each["zone"]);
    for (const mm::ZoneType type : mm::kAllZones) {
      if (name == mm::zone_name(type)) return LinuxZone{type, range_of(each)};
    }
    each["zone"].is_wrong("is no zone");
  });
  made.ranges = list(value["ranges"], [](const Value& each) {
    return LinuxNodeRange{static_cast<unsigned>(number(each["node"], UINT32_MAX)), range_of(each)};
  });
  made.total_kib = perhaps_number(value["total_kib"]);
  made.mtrr_lost_mib = perhaps_number(value["mtrr_lost_mib"]);
  made.command_line = text(value["command_line"]);
  return made;
}

Machine machine_in(const Value& value) {
  Machine machine;
  machine.kind = static_cast<MachineKind>(one_of(value["kind"], kMachineKinds));
  machine.end_of_low = perhaps_address(value["end_of_low"]);
  machine.end_of_reach = perhaps_address(value["end_of_reach"]);
  machine.firmware = map_of(value["firmware"]);
  machine.user = map_of(value["user"]);
  machine.before = map_of(value["before"]);
  machine.srat = list(value["srat"], affinity_of);
  for (const mm::NodeId node : list(value["named"], node_of)) machine.named.set(node);
  machine.distances = distances_of(value["distances"]);
  machine.speeds = list(value["speeds"], speed_of);
  machine.cpus = cpus_in(value["cpus"]);
  machine.mirrored = list(value["mirrored"], bytes_of);
  machine.windows = list(value["windows"], bytes_of);
  machine.mtrr_trims = list(value["mtrr_trims"], bytes_of);
  if (!value["low_trim"].is_null()) machine.low_trim = bytes_of(value["low_trim"]);
  machine.ignored = list(value["ignored"], bytes_of);
  machine.kept = named_ranges(value["kept"]);
  machine.reservations = named_ranges(value["reservations"]);
  machine.linux_made = linux_in(value["linux"]);
  machine.remarks = list(value["remarks"], [](const Value& each) {
    return Remark{static_cast<size_t>(number(each["line"], SIZE_MAX)), text(each["text"])};
  });
  return machine;
}

// Version 1: what it has lies beside the rest.
Machine machine_of_1(const Value& value) {
  Machine machine;
  machine.firmware = map_of(value["firmware"]);
  machine.user = map_of(value["user"]);
  machine.srat = list(value["srat"], affinity_of);
  for (const mm::MemoryAffinity& entry : machine.srat) machine.named.set(entry.node);
  if (value.json.contains("speeds")) machine.speeds = list(value["speeds"], speed_of);
  machine.remarks.push_back(
      {0,
       "version 1 of replay's JSON, which does not say what machine it is: taken for a PC of 64 "
       "bits, without distances and what Linux made of it"});
  return machine;
}

}  // namespace

bool is_machine_json(std::string_view bytes) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (bytes.starts_with(kMark)) bytes.remove_prefix(kMark.size());
  const auto take = [&](std::string_view word) {
    bytes.remove_prefix(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
    if (!bytes.starts_with(word)) return false;
    bytes.remove_prefix(word.size());
    return true;
  };
  return take("{") && take("\"replay\"") && take(":");
}

Machine machine_of_json(const Piece& piece) {
  const Json json = Json::parse(piece.bytes, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    throw BadInput(piece.name + " begins as replay --json does, and is not whole JSON");
  const Value all{json, piece.name + ": replay's JSON"};
  const uint64_t version = number(all["replay"]);
  if (version == 1) return machine_of_1(all);
  if (version != kJsonVersion) {
    throw BadInput(piece.name + said(": replay's JSON of version {}, of which 1 and {} are known",
                                     version, kJsonVersion));
  }
  return machine_in({all["machine"].json, piece.name + ": machine"});
}

}  // namespace replay
