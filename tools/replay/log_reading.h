// The reader of a Linux boot's log, for its own files (log_*.cpp): one pass over the lines, in which
// each line's marks are found and what stands behind them is read.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/replay/log_boot.h"
#include "tools/replay/log_reader.h"
#include "tools/replay/log_text.h"
#include "tools/replay/log_words.h"

namespace replay {

enum class Mark {
  Firmware,  // a line of the firmware's list
  Xen,       // the same, of the list Xen gives a guest
  User,
  Modified,  // the list after what Linux changed of its own
  Extended,  // the same, setup_data apart
  Update,    // of e820, from one type to another
  SratMemory,
  SratCpu,
  Version,
  Header,  // of the firmware's list
  ModifiedHeader,
  MtrrWarning,
  Zones,
  OldNodeRanges,
  Total,
  LowRam,
  LowMem,
  MaxArch,
  CommandLine,
  ArmCpu,
  ArmIgnored,    // RAM that is not used
  ArmTruncated,  // the same, of a bank that is used up to somewhere
  ArmLowMem,
};

struct Place {
  size_t word = 0;  // where the mark begins
  size_t rest = 0;  // and what follows it
  Mark mark = Mark::Firmware;
};

// In the order in which they stand in the line.
[[nodiscard]] std::vector<Place> places_in(std::string_view text);

class LogReader {
 public:
  explicit LogReader(std::span<const Line> lines);

  // `wanted` is read_log()'s.
  Log chosen(size_t wanted);

 private:
  Boot& boot() { return boots_.back(); }
  void remark(std::string text) {
    boot().log.remarks.push_back({lines_[at_].number, std::move(text)});
  }
  void cannot_read() { remark("cannot be read: " + excerpt(lines_[at_].text)); }
  void begin_boot() {
    boots_.emplace_back();
    boot().first_line = lines_[at_].number;
  }

  void read_line();
  void read_place(Mark mark, std::string_view rest, std::string_view before, bool last);
  void read_version(std::string_view rest);
  void read_command_line(std::string_view rest, std::string_view before);
  template <class Read>  // bool(std::string_view)
  void read_perhaps_wrapped(std::string_view rest, bool last, Read read);

  // log_firmware.cpp: true when the line is done with, whether or not it had anything to take.
  bool read_entry(std::string_view rest, std::vector<mm::E820Entry>& list, bool firmware);
  bool read_update(std::string_view rest);
  std::optional<mm::Range> range_of(const Spelled& spelled);
  void add(std::vector<mm::E820Entry>& list, const mm::E820Entry& entry, bool firmware);

  // log_nodes.cpp
  void read_srat_memory(std::string_view rest);
  void read_srat_cpu(std::string_view rest);

  // log_made.cpp
  void read_total(std::string_view rest);
  bool read_zone(std::string_view text);
  bool read_old_range(std::string_view text);
  bool read_node_range(std::string_view text);
  void read_reservation(std::string_view text);

  // log_arm.cpp
  void read_ignored(std::string_view rest, bool truncated);
  bool read_banks(std::string_view rest);
  void read_low_mem(std::string_view rest);

  std::span<const Line> lines_;
  size_t at_ = 0;
  std::deque<Boot> boots_;  // references to one stay good when the next begins
};

}  // namespace replay
