// How near nodes are: HMAT's speeds, and the CPUs that MADT has.
#include <algorithm>

#include "tools/replay/finding_rows.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using mm::NodeId;
using Kind = NodeSpeed::Kind;

// `110 ns`, `0.9 ns`, `28,000 MB/s`.
std::string words_of(const NodeSpeed& speed) {
  if (!speed.is_latency()) return said("{} MB/s", speed.value);
  const uint64_t tenths = speed.value % 1000 / 100;
  return said("{}", speed.value / 1000) + (tenths == 0 ? "" : said(".{}", tenths)) + " ns";
}

const char* name_of(Kind kind) {
  constexpr const char* kNames[] = {"latency",   "read latency",   "write latency",
                                    "bandwidth", "read bandwidth", "write bandwidth"};
  return kNames[static_cast<size_t>(kind)];
}

// Of one kind of measure: the least and the most, when they differ.
std::string spread_of(std::span<const NodeSpeed> speeds, Kind kind) {
  const NodeSpeed* best = nullptr;
  const NodeSpeed* worst = nullptr;
  for (const NodeSpeed& speed : speeds) {
    if (speed.kind != kind) continue;
    const bool better = best == nullptr || (speed.is_latency() ? speed.value < best->value
                                                               : speed.value > best->value);
    const bool worse = worst == nullptr || (speed.is_latency() ? speed.value > worst->value
                                                               : speed.value < worst->value);
    if (better) best = &speed;
    if (worse) worst = &speed;
  }
  if (best == nullptr || best->value == worst->value) return {};
  const auto pair = [](const NodeSpeed& speed) {
    return words_of(speed) + said(" from node {} to node {}", speed.from, speed.to);
  };
  return std::string(name_of(kind)) + " " + pair(*best) + ", " + pair(*worst);
}

void find_speeds(const Replayed& replayed, std::vector<Finding>& findings) {
  std::string text;
  for (const Kind kind : {Kind::Latency, Kind::ReadLatency, Kind::WriteLatency, Kind::Bandwidth,
                          Kind::ReadBandwidth, Kind::WriteBandwidth}) {
    const std::string spread = spread_of(replayed.machine().speeds, kind);
    if (!spread.empty()) text += (text.empty() ? "" : "; ") + spread;
  }
  if (text.empty()) return;
  findings.push_back({.name = "memory-speeds-differ",
                      .text = "Memory is not equally fast (HMAT): " + text + ".",
                      .advice = "Linux puts slower nodes into lower tiers "
                                "(/sys/devices/virtual/memory_tiering) and takes the nearer ones "
                                "first; --json has all values.",
                      .note = true});
}

void find_nodes_without_cpus(const Replayed& replayed, std::vector<Finding>& findings) {
  const auto& cpus = replayed.machine().cpus;
  if (!cpus || cpus->of.empty() || replayed.relay().numa().faked) return;
  std::string which;
  uint64_t bytes = 0;
  for (const mm::NodeLayout& node : replayed.relay().layout().nodes) {
    if (node.present == 0 || (node.id < cpus->of.size() && cpus->of[node.id] != 0)) continue;
    which += (which.empty() ? "" : ", ") + said("{}", node.id);
    bytes += node.present * mm::kPageSize;
  }
  if (which.empty()) return;
  findings.push_back({.name = "node-without-cpus",
                      .text = size_words(bytes) + " are in nodes that have no CPU: " + which + ".",
                      .advice = "So it is with memory behind CXL. Where it is not, a processor is "
                                "disabled, or SRAT lacks its CPUs.",
                      .note = true,
                      .bytes = bytes});
}

void find_cpus_without_node(const Replayed& replayed, std::vector<Finding>& findings) {
  const auto& cpus = replayed.machine().cpus;
  if (!cpus || cpus->in_none.empty()) return;
  constexpr size_t kMost = 8;
  std::string ids;
  for (size_t i = 0; i < std::min(cpus->in_none.size(), kMost); ++i) {
    ids += (i == 0 ? "" : ", ") + said("{:#x}", cpus->in_none[i]);
  }
  if (cpus->in_none.size() > kMost) ids += said(" and {} more", cpus->in_none.size() - kMost);
  findings.push_back(
      {.name = "cpu-without-node",
       .text = said("{} of {} CPUs are in no node of SRAT's (APIC ids ", cpus->in_none.size(),
                    cpus->enabled) +
               ids + ").",
       .advice = "Linux gives them a node that may be far away. Update the firmware."});
}

}  // namespace

void find_in_speeds(const Replayed& replayed, std::vector<Finding>& findings) {
  find_speeds(replayed, findings);
  find_nodes_without_cpus(replayed, findings);
  find_cpus_without_node(replayed, findings);
}

}  // namespace replay
