// A real machine's facts (tests/machines/README.md): what its firmware said, and what Linux made of
// it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "mm/e820.h"
#include "mm/e820_trim.h"
#include "mm/numa.h"
#include "mm/page_alloc.h"
#include "mm/relay.h"
#include "mm/zones.h"
#include "tests/support/drawn_machine.h"

namespace test {

class MachineFile {
 public:
  explicit MachineFile(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + " cannot be read");
    for (std::string line; std::getline(file, line);) {
      const size_t blank = line.find(' ');
      if (line.empty() || line.front() == '#' || blank == std::string::npos) continue;
      lines_[line.substr(0, blank)].push_back(line.substr(blank + 1));
    }
    read_e820();
    read_srat();
    for (const std::string& line : lines_["trim"]) trims.push_back(range_of(line));
    end = mm::align_up(e820.entries().back().range.end, mm::kPageSize);
  }

  [[nodiscard]] bool has(const std::string& keyword) const { return lines_.contains(keyword); }
  // All lines of a keyword, without it.
  [[nodiscard]] std::vector<std::string> lines(const std::string& keyword) const {
    const auto at = lines_.find(keyword);
    return at == lines_.end() ? std::vector<std::string>() : at->second;
  }
  // Whether lines of the keyword need not come out.
  [[nodiscard]] bool excepts(const std::string& keyword) const {
    for (const std::string& line : lines("except")) {
      if (line.substr(0, line.find(' ')) == keyword) return true;
    }
    return false;
  }

  [[nodiscard]] mm::NumaInput numa() const {
    mm::NumaInput input;
    input.memory = srat;
    input.named = named;
    return input;
  }

  std::vector<mm::E820Entry> storage;
  mm::E820Table e820;
  std::vector<mm::E820Entry> said;  // the firmware's list, and the user's
  std::vector<mm::MemoryAffinity> srat;
  mm::NodeSet named;
  std::vector<mm::Range> trims;  // RAM that Linux gave up for want of an MTRR
  mm::Phys end;                  // of the last e820 entry

 private:
  static mm::Range range_of(const std::string& text) {
    unsigned long start = 0;
    unsigned long last = 0;
    if (std::sscanf(text.c_str(), "%lx %lx", &start, &last) != 2) {
      throw std::runtime_error("not a range: " + text);
    }
    return {mm::Phys{start}, mm::Phys{last}};
  }

  static mm::E820Type type_of(const std::string& line) {
    using mm::E820Type;
    const std::string kind = line.substr(line.rfind(' ') + 1);
    const std::map<std::string, E820Type> kinds{
        {"usable", E820Type::Ram},        {"reserved", E820Type::Reserved},
        {"acpi-data", E820Type::Acpi},    {"acpi-nvs", E820Type::Nvs},
        {"unusable", E820Type::Unusable}, {"persistent", E820Type::Pmem}};
    if (const auto at = kinds.find(kind); at != kinds.end()) return at->second;
    unsigned number = 0;
    if (std::sscanf(kind.c_str(), "type-%u", &number) == 1) return E820Type{number};
    throw std::runtime_error("no kind of memory: " + line);
  }

  void read_e820() {
    const std::vector<std::string> firmware = lines("e820");
    const std::vector<std::string> user = lines("user");
    storage.resize(mm::E820Table::capacity_for(firmware.size() + 2 * user.size() + 8));
    e820 = mm::E820Table(storage);
    for (const std::string& line : firmware) {
      must(e820.append(range_of(line), type_of(line)));
      said.push_back({range_of(line), type_of(line)});
    }
    for (const std::string& line : user) {
      said.push_back({range_of(line), type_of(line)});
      must(e820.remove(range_of(line)));
      must(e820.append(range_of(line), type_of(line)));
    }
    if (e820.entries().empty()) throw std::runtime_error("the file has no e820 entry");
  }

  mm::NodeId node_of(unsigned pxm) const {
    for (const std::string& line : lines("pxm")) {
      unsigned number = 0;
      unsigned node = 0;
      if (std::sscanf(line.c_str(), "%u %u", &number, &node) == 2 && number == pxm) {
        return static_cast<mm::NodeId>(node);
      }
    }
    throw std::runtime_error("SRAT names proximity domain " + std::to_string(pxm) +
                             ", which has no node");
  }

  void read_srat() {
    for (const std::string& line : lines("pxm")) {
      unsigned number = 0;
      unsigned node = 0;
      if (std::sscanf(line.c_str(), "%u %u", &number, &node) == 2) {
        named.set(static_cast<mm::NodeId>(node));
      }
    }
    for (const std::string& line : lines("srat-memory")) {
      unsigned pxm = 0;
      int at = 0;
      if (std::sscanf(line.c_str(), "%u %n", &pxm, &at) != 1) {
        throw std::runtime_error("not an SRAT entry: " + line);
      }
      srat.push_back({node_of(pxm), range_of(line.substr(static_cast<size_t>(at))),
                      line.find(" hotplug") != std::string::npos,
                      line.find(" non-volatile") != std::string::npos});
    }
  }

  std::map<std::string, std::vector<std::string>> lines_;
};

// What mm makes of a machine, in the words of such a file: keyword -> lines.
inline std::map<std::string, std::vector<std::string>> facts_of(const mm::RelayCore& relay) {
  std::map<std::string, std::vector<std::string>> facts;
  Log log;
  const mm::Printer out = log.printer();
  const auto say = [&](const char* keyword) {
    std::string line = log.take();
    line.pop_back();
    facts[keyword].push_back(line);
  };
  const auto range = [](mm::PfnRange frames) { return mm::phys(frames); };

  for (size_t z = 0; z < mm::kZoneTypes; ++z) {
    const mm::ZoneRanges& zones = relay.zone_ranges();
    if (!zones.exists[z] || static_cast<mm::ZoneType>(z) == mm::ZoneType::Movable) continue;
    const mm::Range bytes = range(zones.zones[z]);
    const char* name = mm::zone_name(static_cast<mm::ZoneType>(z));
    bytes.empty() ? out.line("%s empty", name)
                  : out.line("%s 0x%012lx 0x%012lx", name, bytes.start.v, bytes.end.v);
    say("zone");
  }
  uint64_t total = 0;
  for (const mm::ActiveRange& active : relay.layout().active) {
    const mm::Range bytes = range(active.pfns);
    out.line("%u 0x%012lx 0x%012lx", active.node, bytes.start.v, bytes.end.v);
    say("node-range");
    total += bytes.size();
  }
  out.line("%lu", total / mm::kKiB);
  say("total-kib");
  for (const mm::NodeLayout& node : relay.layout().nodes) {
    if (!relay.numa().possible.has(node.id)) continue;
    if (node.spanned.empty()) {
      out.line("%u memoryless", node.id);
      say("node");
      continue;
    }
    const mm::Range bytes = range(node.spanned);
    out.line("%u 0x%012lx 0x%012lx", node.id, bytes.start.v, bytes.end.v);
    say("node");
    out.line("%u %lu", node.id, node.present);
    say("node-pages");
    for (size_t z = 0; z < mm::kZoneTypes; ++z) {
      if (node.zones[z].present == 0) continue;
      out.line("%u %s %lu", node.id, mm::zone_name(static_cast<mm::ZoneType>(z)),
               node.zones[z].present);
      say("present");
    }
  }
  mm::for_each_unavailable(relay.layout().active, relay.layout().nodes,
                           [&](mm::NodeId node, mm::ZoneType zone, uint64_t frames) {
                             out.line("%u %s %lu", node, mm::zone_name(zone), frames);
                             say("unavailable");
                           });
  return facts;
}

}  // namespace test
