// A machine as a file of facts (tests/machines/README.md); machine_file.cpp reads them.
#include <algorithm>

#include "tools/replay/machine_file.h"
#include "tools/replay/machine_text.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using mm::E820Type;
using mm::Range;

std::string kind_of(E820Type type) {
  switch (type) {
    case E820Type::Ram:
      return "usable";
    case E820Type::Reserved:
      return "reserved";
    case E820Type::Acpi:
      return "acpi-data";
    case E820Type::Nvs:
      return "acpi-nvs";
    case E820Type::Unusable:
      return "unusable";
    case E820Type::Pmem:
      return "persistent";
    case E820Type::SoftReserved:
      return "soft-reserved";
    case E820Type::Unaccepted:
      return "unaccepted";
    default:
      return said("type-{}", static_cast<uint32_t>(type));
  }
}

std::string text_of(Range range) { return said("0x{:012x} 0x{:012x}", range.start.v, range.end.v); }

// A line for each, behind an empty one where there is any.
class Facts {
 public:
  explicit Facts(const std::string& name) { line("machine", name); }

  void line(const char* keyword, const std::string& values) {
    text_ += std::string(keyword) + " " + values + "\n";
  }
  void paragraph() {
    if (!text_.ends_with("\n\n")) text_ += "\n";
  }
  void map(const char* keyword, const std::vector<mm::E820Entry>& entries) {
    for (const mm::E820Entry& entry : entries) {
      line(keyword, text_of(entry.range) + " " + kind_of(entry.type));
    }
  }
  void ranges(const char* keyword, const std::vector<Range>& ranges) {
    for (const Range& range : ranges) line(keyword, text_of(range));
  }
  void named(const char* keyword, const std::vector<NamedRange>& ranges) {
    for (const NamedRange& each : ranges) line(keyword, text_of(each.range) + " " + each.name);
  }
  void comment(std::string words) {
    for (char& c : words) c = c == '\n' || c == '\r' ? ' ' : c;
    text_ += "# " + words + "\n";
  }
  [[nodiscard]] std::string text() {
    while (text_.ends_with("\n\n")) text_.pop_back();
    return text_;
  }

 private:
  std::string text_;
};

void add_firmware(const Machine& machine, Facts& facts) {
  facts.map("e820", machine.firmware);
  facts.map("user", machine.user);
  facts.map("before", machine.before);
  facts.ranges("trim", machine.mtrr_trims);
  if (!machine.low_trim.empty()) facts.line("low-trim", text_of(machine.low_trim));
  facts.ranges("ignored", machine.ignored);
  facts.ranges("mirrored", machine.mirrored);
  facts.ranges("window", machine.windows);
  facts.named("kept", machine.kept);
}

void add_nodes(const Machine& machine, Facts& facts) {
  for (const mm::MemoryAffinity& entry : machine.srat) {
    facts.line("srat-memory", said("{} ", entry.node) + text_of(entry.range) +
                                  (entry.hotplug ? " hotplug" : "") +
                                  (entry.nonvolatile ? " non-volatile" : ""));
  }
  facts.paragraph();
  for (mm::NodeId node = 0; node < machine.named.end(); ++node) {
    if (machine.named.has(node)) facts.line("pxm", said("{} {}", node, node));
  }
}

void add_distances(const Machine& machine, Facts& facts) {
  size_t rows = 0;
  while (rows * rows < machine.distances.size()) ++rows;
  for (size_t row = 0; row < rows; ++row) {
    std::string values = said("{}", row);
    for (size_t i = 0; i < rows; ++i) values += said(" {}", machine.distances[row * rows + i]);
    facts.line("distances", values);
  }
}

void add_speeds_and_cpus(const Machine& machine, Facts& facts) {
  for (const NodeSpeed& speed : machine.speeds) {
    facts.line("speed", said("{} {} ", speed.from, speed.to) +
                            std::string(kSpeedWords[static_cast<size_t>(speed.kind)]) +
                            said(" {}", speed.value));
  }
  if (!machine.cpus) return;
  std::string values = said("{}", machine.cpus->enabled);
  for (const unsigned count : machine.cpus->of) values += said(" {}", count);
  facts.line("cpus", values);
  for (const uint32_t id : machine.cpus->in_none) facts.line("cpu-without-node", said("{:#x}", id));
}

void add_linux(const LinuxMade& made, Facts& facts) {
  if (!made.command_line.empty()) facts.line("option", made.command_line);
  for (const LinuxZone& zone : made.zones) {
    facts.line("zone", std::string(mm::zone_name(zone.type)) + " " +
                           (zone.range.empty() ? "empty" : text_of(zone.range)));
  }
  for (const LinuxNodeRange& range : made.ranges) {
    facts.line("node-range", said("{} ", range.node) + text_of(range.range));
  }
  if (made.total_kib) facts.line("total-kib", said("{}", *made.total_kib));
  if (made.mtrr_lost_mib) facts.line("mtrr-lost-mib", said("{}", *made.mtrr_lost_mib));
}

}  // namespace

std::string facts_text(const Machine& machine, const std::string& name) {
  Facts facts(name);
  if (machine.kind == MachineKind::Arm64) facts.line("rules", "arm64");
  if (machine.kind == MachineKind::Arm) facts.line("rules", "arm");
  if (machine.end_of_low) facts.line("lowmem", said("{:#x}", machine.end_of_low->v));
  if (machine.end_of_reach) facts.line("reach", said("{:#x}", machine.end_of_reach->v));
  facts.paragraph();
  add_firmware(machine, facts);
  facts.paragraph();
  add_nodes(machine, facts);
  facts.paragraph();
  add_distances(machine, facts);
  add_speeds_and_cpus(machine, facts);
  facts.paragraph();
  add_linux(machine.linux_made, facts);
  facts.named("reserved", machine.reservations);
  facts.paragraph();
  for (const Remark& remark : machine.remarks) {
    facts.comment((remark.line == 0 ? "" : said("line {}: ", remark.line)) + remark.text);
  }
  return facts.text();
}

}  // namespace replay
