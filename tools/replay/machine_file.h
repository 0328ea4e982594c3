// A real machine's facts (tests/machines/README.md): what its firmware said, and what Linux made of
// it.
#pragma once

#include <cinttypes>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mm/e820.h"
#include "mm/numa.h"
#include "tools/replay/machine.h"
#include "tools/replay/must.h"

namespace replay {

// By NodeSpeed::Kind: picoseconds, MB/s.
inline constexpr std::string_view kSpeedWords[] = {
    "latency", "read-latency", "write-latency", "bandwidth", "read-bandwidth", "write-bandwidth"};

class MachineFile {
 public:
  explicit MachineFile(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + " cannot be read");
    read(file);
  }
  // Of what such a file has.
  static MachineFile of_text(const std::string& text) {
    MachineFile machine;
    std::istringstream from(text);
    machine.read(from);
    return machine;
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

  // The same facts as a log has, in fewer words; and what Linux made of it.
  [[nodiscard]] Machine machine() const;
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

 private:
  MachineFile() = default;

  [[nodiscard]] std::vector<mm::E820Entry> map_of(const std::string& keyword) const;
  [[nodiscard]] std::vector<mm::Range> ranges_of(const std::string& keyword) const;
  [[nodiscard]] std::vector<NamedRange> named_of(const std::string& keyword) const;
  [[nodiscard]] std::vector<uint8_t> distances() const;
  void add_speeds_and_cpus(Machine& machine) const;
  [[nodiscard]] LinuxMade linux_made() const;

  void read(std::istream& file) {
    for (std::string line; std::getline(file, line);) {
      const size_t blank = line.find(' ');
      if (line.empty() || line.front() == '#' || blank == std::string::npos) continue;
      lines_[line.substr(0, blank)].push_back(line.substr(blank + 1));
    }
    read_e820();
    read_srat();
    for (const std::string& line : lines_["trim"]) trims.push_back(range_of(line));
  }

  static mm::Range range_of(const std::string& text) {
    uint64_t start = 0;
    uint64_t last = 0;
    if (std::sscanf(text.c_str(), "%" SCNx64 " %" SCNx64, &start, &last) != 2 || last < start) {
      throw std::runtime_error("not a range: " + text);
    }
    return {mm::Phys{start}, mm::Phys{last}};
  }

  [[nodiscard]] mm::Phys address_of(const std::string& keyword) const {
    uint64_t address = 0;
    const std::string text = lines(keyword).front();
    if (std::sscanf(text.c_str(), "%" SCNx64, &address) != 1) {
      throw std::runtime_error("not an address: " + keyword + " " + text);
    }
    return mm::Phys{address};
  }

  static mm::E820Type type_of(const std::string& line) {
    using mm::E820Type;
    const std::string kind = line.substr(line.rfind(' ') + 1);
    const std::map<std::string, E820Type> kinds{{"usable", E820Type::Ram},
                                                {"reserved", E820Type::Reserved},
                                                {"acpi-data", E820Type::Acpi},
                                                {"acpi-nvs", E820Type::Nvs},
                                                {"unusable", E820Type::Unusable},
                                                {"persistent", E820Type::Pmem},
                                                {"soft-reserved", E820Type::SoftReserved},
                                                {"unaccepted", E820Type::Unaccepted}};
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

  // `PXM NODE`.
  static std::pair<unsigned, mm::NodeId> pxm_of(const std::string& line) {
    unsigned pxm = 0;
    unsigned node = 0;
    if (std::sscanf(line.c_str(), "%u %u", &pxm, &node) != 2) {
      throw std::runtime_error("not a proximity domain and its node: " + line);
    }
    if (node >= mm::kMaxNodes) throw std::runtime_error("node id is too large: pxm " + line);
    return {pxm, static_cast<mm::NodeId>(node)};
  }

  mm::NodeId node_of(unsigned pxm) const {
    for (const std::string& line : lines("pxm")) {
      if (const auto [number, node] = pxm_of(line); number == pxm) return node;
    }
    throw std::runtime_error("SRAT names proximity domain " + std::to_string(pxm) +
                             ", which has no node");
  }

  void read_srat() {
    for (const std::string& line : lines("pxm")) named.set(pxm_of(line).second);
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

}  // namespace replay
