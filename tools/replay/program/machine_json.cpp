#include "tools/replay/program/machine_json.h"

#include <nlohmann/json.hpp>

#include "tools/replay/program/json_list.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using Json = nlohmann::ordered_json;

Json ranges_of(std::span<const mm::Range> ranges) {
  return list_of_all(ranges, [](const mm::Range& range) { return json_of(range); });
}

Json named_of(std::span<const NamedRange> ranges) {
  return list_of_all(ranges, [](const NamedRange& named) {
    return with_range({{"name", named.name}}, named.range);
  });
}

template <class T>
Json perhaps(const std::optional<T>& value) {
  if (!value) return nullptr;
  return *value;
}
Json perhaps(const std::optional<mm::Phys>& address) {
  if (!address) return nullptr;
  return address->v;
}

Json srat_of(const Machine& machine) {
  return list_of_all(machine.srat, [](const mm::MemoryAffinity& entry) {
    return with_range(
        {{"node", entry.node}, {"hotplug", entry.hotplug}, {"nonvolatile", entry.nonvolatile}},
        entry.range);
  });
}

Json nodes_named(const Machine& machine) {
  Json named = Json::array();
  for (mm::NodeId node = 0; node < machine.named.end(); ++node) {
    if (machine.named.has(node)) named.push_back(node);
  }
  return named;
}

Json speeds_of(const Machine& machine) {
  return list_of_all(machine.speeds, [&](const NodeSpeed& speed) -> Json {
    return {{"from", speed.from},
            {"to", speed.to},
            {"kind", kSpeedKinds[static_cast<size_t>(speed.kind)]},
            {"value", speed.value}};
  });
}

Json cpus_of(const std::optional<NodeCpus>& cpus) {
  if (!cpus) return nullptr;
  return {{"enabled", cpus->enabled}, {"of_nodes", cpus->of}, {"in_no_node", cpus->in_none}};
}

Json linux_of(const LinuxMade& made) {
  return {
      {"zones", list_of_all(made.zones,
                            [](const LinuxZone& zone) {
                              return with_range({{"zone", mm::zone_name(zone.type)}}, zone.range);
                            })},
      {"ranges", list_of_all(made.ranges,
                             [](const LinuxNodeRange& range) {
                               return with_range({{"node", range.node}}, range.range);
                             })},
      {"total_kib", perhaps(made.total_kib)},
      {"mtrr_lost_mib", perhaps(made.mtrr_lost_mib)},
      {"command_line", made.command_line}};
}

}  // namespace

Json json_of(mm::Range range) { return {{"start", range.start.v}, {"end", range.end.v}}; }

Json with_range(Json object, mm::Range range) {
  object.update(json_of(range));
  return object;
}

Json json_of(std::span<const mm::E820Entry> map) {
  return list_of_all(map, [](const mm::E820Entry& entry) {
    return with_range({{"type", said("{}", entry.type)}}, entry.range);
  });
}

Json json_of(const Machine& machine) {
  Json distances = Json::array();
  size_t rows = 0;
  while (rows * rows < machine.distances.size()) ++rows;
  for (size_t row = 0; row < rows; ++row) {
    distances.push_back(std::span(machine.distances).subspan(row * rows, rows));
  }
  return {{"kind", kMachineKinds[static_cast<size_t>(machine.kind)]},
          {"end_of_low", perhaps(machine.end_of_low)},
          {"end_of_reach", perhaps(machine.end_of_reach)},
          {"firmware", json_of(machine.firmware)},
          {"user", json_of(machine.user)},
          {"before", json_of(machine.before)},
          {"srat", srat_of(machine)},
          {"named", nodes_named(machine)},
          {"distances", distances},
          {"speeds", speeds_of(machine)},
          {"cpus", cpus_of(machine.cpus)},
          {"mirrored", ranges_of(machine.mirrored)},
          {"windows", ranges_of(machine.windows)},
          {"mtrr_trims", ranges_of(machine.mtrr_trims)},
          {"low_trim", machine.low_trim.empty() ? Json() : json_of(machine.low_trim)},
          {"ignored", ranges_of(machine.ignored)},
          {"kept", named_of(machine.kept)},
          {"reservations", named_of(machine.reservations)},
          {"linux", linux_of(machine.linux_made)},
          {"remarks", list_of_all(machine.remarks, [](const Remark& remark) -> Json {
             return {{"line", remark.line}, {"text", remark.text}};
           })}};
}

}  // namespace replay
