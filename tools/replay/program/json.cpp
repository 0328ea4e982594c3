#include "tools/replay/program/json.h"

#include <nlohmann/json.hpp>

#include "tools/replay/program/json_list.h"
#include "tools/replay/program/machine_json.h"

namespace replay {
namespace {

using Json = nlohmann::ordered_json;

Json finding_of(const Finding& finding) {
  return {
      {"name", finding.name},
      {"note", finding.note},
      {"bytes", finding.bytes},
      {"text", finding.text},
      {"advice", finding.advice},
      {"where", list_of_all(finding.where, [](const mm::Range& range) { return json_of(range); })}};
}

Json zone_of(const Replayed& replayed, const mm::NodeLayout& node, mm::ZoneType type) {
  const mm::ZoneCounts counts = replayed.pages().zone_counts(node.id, type);
  return with_range({{"zone", mm::zone_name(type)},
                     {"present", counts.present * mm::kPageSize},
                     {"managed", counts.managed * mm::kPageSize},
                     {"free", counts.free * mm::kPageSize}},
                    phys(node.zones[type].spanned));
}

Json node_of(const Replayed& replayed, const mm::NodeLayout& node) {
  Json zones = Json::array();
  for (const mm::ZoneType type : mm::kAllZones) {
    if (node.zones[type].present != 0) zones.push_back(zone_of(replayed, node, type));
  }
  return with_range(
      {{"node", node.id}, {"present", node.present * mm::kPageSize}, {"zones", zones}},
      phys(node.spanned));
}

Json nodes_of(const Replayed& replayed) {
  Json nodes = Json::array();
  for (const mm::NodeLayout& node : replayed.relay().layout().nodes) {
    if (node.id != mm::kNoNode) nodes.push_back(node_of(replayed, node));
  }
  return nodes;
}

}  // namespace

std::string json_text(const Replayed& replayed, std::span<const Finding> findings,
                      const std::string& input) {
  const mm::RelayCore& relay = replayed.relay();
  const Json all = {
      {"replay", kJsonVersion},
      {"input", input},
      {"machine", json_of(replayed.machine())},
      {"findings", list_of_all(findings, finding_of)},
      {"e820", json_of(relay.e820().entries())},
      {"taken", list_of_all(replayed.taken(),
                            [](const Taken& taken) {
                              return with_range({{"why", taken.why}}, taken.range);
                            })},
      {"ram", list_of_all(relay.layout().active,
                          [](const mm::ActiveRange& active) {
                            return with_range({{"node", active.node}}, phys(active.pfns));
                          })},
      {"nodes", nodes_of(replayed)},
      {"reservations",
       list_of_all(relay.reservations().entries(),
                   [](const mm::Reservation& reservation) {
                     return with_range({{"name", reservation.name}}, reservation.range);
                   })},
      {"linux_known", replayed.machine().linux_made.known()},
      {"ledger_closed", replayed.open().empty()},
  };
  return all.dump(1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace replay
