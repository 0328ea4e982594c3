#include "tools/replay/machine_file.h"

#include <algorithm>
#include <charconv>

namespace replay {
namespace {

// The line's words by blanks.
class Words {
 public:
  explicit Words(const std::string& line) : line_(line), rest_(line) {}

  [[nodiscard]] bool end() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
    return rest_.empty();
  }
  std::string_view next() {
    if (end()) wrong();
    const std::string_view word = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(word.size());
    return word;
  }
  uint64_t number(uint64_t most) {
    std::string_view word = next();
    const int base = word.starts_with("0x") ? 16 : 10;
    if (base == 16) word.remove_prefix(2);
    uint64_t value = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    if (error != std::errc() || stop != word.data() + word.size() || value > most) wrong();
    return value;
  }
  // All that is left, without the blank in front of it.
  std::string_view rest() {
    if (!rest_.empty()) rest_.remove_prefix(1);
    return rest_;
  }
  // Behind a range that has been read.
  void skip(size_t words) {
    for (; words != 0; --words) (void)next();
  }
  [[noreturn]] void wrong() const {
    throw std::runtime_error("a line that cannot be read: " + line_);
  }

 private:
  const std::string& line_;
  std::string_view rest_;
};

}  // namespace

// The same facts as a log has, in fewer words.
Machine MachineFile::machine() const {
  Machine machine;
  machine.firmware = map_of("e820");
  machine.user = map_of("user");
  machine.before = map_of("before");
  for (const std::string& line : lines("rules")) {
    if (line == "arm64") machine.kind = MachineKind::Arm64;
    if (line == "arm") machine.kind = MachineKind::Arm;
  }
  if (has("lowmem")) machine.end_of_low = address_of("lowmem");
  if (has("reach")) machine.end_of_reach = address_of("reach");
  machine.srat = srat;
  machine.named = named;
  machine.mtrr_trims = trims;
  machine.ignored = ranges_of("ignored");
  machine.mirrored = ranges_of("mirrored");
  machine.windows = ranges_of("window");
  for (const mm::Range& range : ranges_of("low-trim")) machine.low_trim = range;
  machine.kept = named_of("kept");
  machine.reservations = named_of("reserved");
  machine.distances = distances();
  add_speeds_and_cpus(machine);
  machine.linux_made = linux_made();
  return machine;
}

std::vector<mm::E820Entry> MachineFile::map_of(const std::string& keyword) const {
  std::vector<mm::E820Entry> map;
  for (const std::string& line : lines(keyword)) map.push_back({range_of(line), type_of(line)});
  return map;
}

std::vector<mm::Range> MachineFile::ranges_of(const std::string& keyword) const {
  std::vector<mm::Range> ranges;
  for (const std::string& line : lines(keyword)) ranges.push_back(range_of(line));
  return ranges;
}

std::vector<NamedRange> MachineFile::named_of(const std::string& keyword) const {
  std::vector<NamedRange> ranges;
  for (const std::string& line : lines(keyword)) {
    Words words(line);
    words.skip(2);
    ranges.push_back({range_of(line), std::string(words.rest())});
  }
  return ranges;
}

// Rows by node, from 0 on, all as long as there are rows.
std::vector<uint8_t> MachineFile::distances() const {
  const std::vector<std::string> rows = lines("distances");
  std::vector<uint8_t> distances;
  for (size_t row = 0; row < rows.size(); ++row) {
    Words words(rows[row]);
    if (words.number(mm::kMaxNodes - 1) != row) words.wrong();
    for (size_t i = 0; i < rows.size(); ++i) {
      distances.push_back(static_cast<uint8_t>(words.number(UINT8_MAX)));
    }
    if (!words.end()) words.wrong();
  }
  return distances;
}

void MachineFile::add_speeds_and_cpus(Machine& machine) const {
  const auto node = [](Words& words) {
    return static_cast<mm::NodeId>(words.number(mm::kMaxNodes - 1));
  };
  for (const std::string& line : lines("speed")) {
    Words words(line);
    NodeSpeed speed;
    speed.from = node(words);
    speed.to = node(words);
    const std::string_view kind = words.next();
    const auto* const found = std::find(std::begin(kSpeedWords), std::end(kSpeedWords), kind);
    if (found == std::end(kSpeedWords)) words.wrong();
    speed.kind = static_cast<NodeSpeed::Kind>(found - std::begin(kSpeedWords));
    speed.value = words.number(~uint64_t{0});
    machine.speeds.push_back(speed);
  }
  for (const std::string& line : lines("cpus")) {
    Words words(line);
    machine.cpus = NodeCpus{static_cast<size_t>(words.number(SIZE_MAX)), {}, {}};
    while (!words.end() && machine.cpus->of.size() < mm::kMaxNodes) {
      machine.cpus->of.push_back(static_cast<unsigned>(words.number(UINT32_MAX)));
    }
    if (!words.end()) words.wrong();
  }
  for (const std::string& line : lines("cpu-without-node")) {
    Words words(line);
    if (!machine.cpus) words.wrong();
    machine.cpus->in_none.push_back(static_cast<uint32_t>(words.number(UINT32_MAX)));
  }
}

LinuxMade MachineFile::linux_made() const {
  LinuxMade made;
  for (const std::string& line : lines("option")) {
    made.command_line += (made.command_line.empty() ? "" : " ") + line;
  }
  for (const std::string& line : lines("zone")) {
    Words words(line);
    const std::string_view name = words.next();
    const auto* const type =
        std::find_if(std::begin(mm::kAllZones), std::end(mm::kAllZones),
                     [&](mm::ZoneType each) { return name == mm::zone_name(each); });
    if (type == std::end(mm::kAllZones)) continue;  // Device: mm has none
    const std::string bytes(words.rest());
    made.zones.push_back({*type, bytes == "empty" ? mm::Range{} : range_of(bytes)});
  }
  for (const std::string& line : lines("node-range")) {
    Words words(line);
    const auto node = static_cast<unsigned>(words.number(UINT32_MAX));
    made.ranges.push_back({node, range_of(std::string(words.rest()))});
  }
  for (const std::string& line : lines("total-kib"))
    made.total_kib = Words(line).number(UINT64_MAX);
  for (const std::string& line : lines("mtrr-lost-mib")) {
    made.mtrr_lost_mib = Words(line).number(UINT64_MAX);
  }
  return made;
}

}  // namespace replay
