// SRAT's lines.
#include "tools/replay/log_reading.h"

namespace replay {

using mm::Phys;
using mm::Range;

void LogReader::read_srat_memory(std::string_view rest) {
  const auto node = take_number(rest, 10);
  if (!node || !take_word(rest, " PXM ") || !take_number(rest, 10) || !take_word(rest, " ")) {
    cannot_read();
    return;
  }
  take_blanks(rest);
  const auto spelled = take_srat_range(rest);
  if (!spelled) {
    cannot_read();
    return;
  }
  if (*node >= mm::kMaxNodes) {
    boot().log.refused.push_back({lines_[at_].number, "node id is too large (" +
                                                          std::to_string(*node) + ", at most " +
                                                          std::to_string(mm::kMaxNodes - 1) + ")"});
    return;
  }
  mm::MemoryAffinity entry;
  entry.node = static_cast<mm::NodeId>(*node);
  // One that is empty or the wrong way round goes on as it is: mm names it as Linux does.
  if (spelled->nothing) {
    entry.range = {Phys{spelled->first}, Phys{spelled->first}};
  } else if (spelled->last < spelled->first) {
    entry.range = {Phys{spelled->first}, Phys{spelled->last + 1}};
  } else {
    const auto range = range_of(*spelled);
    if (!range) return;
    entry.range = *range;
  }
  entry.hotplug = rest.find(" hotplug") != std::string_view::npos;
  entry.nonvolatile = rest.find(" non-volatile") != std::string_view::npos;
  boot().log.srat.push_back(entry);
  boot().log.named.set(entry.node);
}

// `0 -> APIC 0x00 -> Node 0`.
void LogReader::read_srat_cpu(std::string_view rest) {
  const size_t arrow = rest.find("-> Node ");
  if (arrow == std::string_view::npos) {
    cannot_read();
    return;
  }
  rest.remove_prefix(arrow + std::string_view("-> Node ").size());
  const auto node = take_number(rest, 10);
  if (!node) {
    cannot_read();
  } else if (*node >= mm::kMaxNodes) {
    remark("node id is too large (" + std::to_string(*node) + ", at most " +
           std::to_string(mm::kMaxNodes - 1) + "), skipped: " + excerpt(lines_[at_].text));
  } else {
    boot().log.named.set(static_cast<mm::NodeId>(*node));
  }
}

}  // namespace replay
