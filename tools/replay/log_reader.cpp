#include "tools/replay/log_reader.h"

#include <algorithm>
#include <span>
#include <utility>

#include "tools/replay/log_reading.h"

namespace replay {

using mm::E820Entry;

LogReader::LogReader(std::span<const Line> lines) : lines_(lines) {
  boots_.emplace_back();
  for (at_ = 0; at_ < lines_.size(); ++at_) read_line();
}

// Mails wrap long lines: what is missing may stand in the next.
template <class Read>
void LogReader::read_perhaps_wrapped(std::string_view rest, bool last, Read read) {
  if (read(rest)) return;
  if (last && at_ + 1 < lines_.size() && places_in(lines_[at_ + 1].text).empty()) {
    std::string_view next = lines_[at_ + 1].text;
    next.remove_prefix(std::min(next.find_first_not_of(" >|"), next.size()));
    std::string joined(rest.substr(0, rest.find_last_not_of(' ') + 1));
    joined += ' ';
    joined += next;
    if (read(joined)) {
      ++at_;
      return;
    }
  }
  cannot_read();
}

void LogReader::read_place(Mark mark, std::string_view rest, std::string_view before, bool last) {
  Log& log = boot().log;
  const auto into = [&](std::vector<E820Entry>& list, bool firmware) {
    read_perhaps_wrapped(rest, last,
                         [&](std::string_view text) { return read_entry(text, list, firmware); });
  };
  switch (mark) {
    case Mark::Xen:
      boot().xen = true;
      [[fallthrough]];
    case Mark::Firmware:
      return into(log.firmware, true);
    case Mark::User:
      return into(log.user, false);
    case Mark::Modified:
      // Of several lists the first after the MTRR warning.
      return into(boot().modified_again ? boot().modified_later : boot().modified, false);
    case Mark::Extended:
      return into(boot().extended, false);
    case Mark::Update:
      return read_perhaps_wrapped(rest, last,
                                  [&](std::string_view text) { return read_update(text); });
    case Mark::SratMemory:
      return read_srat_memory(rest);
    case Mark::SratCpu:
      return read_srat_cpu(rest);
    case Mark::Version:
      return read_version(rest);
    case Mark::Header:
      if (!log.firmware.empty()) begin_boot();
      boot().header = true;
      return;
    case Mark::ModifiedHeader:
      boot().modified_again = !boot().modified.empty();
      return;
    case Mark::MtrrWarning:
      if (const auto mib = take_number(rest, 10)) log.linux_made.mtrr_lost_mib = *mib;
      boot().before_warning = boot().run;
      boot().modified.clear();
      boot().modified_again = false;
      return;
    case Mark::Zones:
      log.linux_made.zones.clear();
      boot().in_zones = true;
      return;
    case Mark::OldNodeRanges:
      log.linux_made.ranges.clear();
      boot().in_old_ranges = true;
      return;
    case Mark::Total:
      return read_total(rest);
    case Mark::LowRam:
      if (const auto end = take_number(rest, 16)) boot().low_ram = *end;
      return;
    case Mark::LowMem: {
      size_t digits = before.size();
      while (digits > 0 && before[digits - 1] >= '0' && before[digits - 1] <= '9') --digits;
      std::string_view number = before.substr(digits);
      if (const auto mib = take_number(number, 10)) boot().low_mem_mib = *mib;
      return;
    }
    case Mark::MaxArch:
      if (const auto frames = take_number(rest, 16);
          frames && *frames <= mm::kMaxPhys >> mm::kPageShift) {
        log.end_of_reach = mm::phys(mm::Pfn{*frames});
      }
      return;
    case Mark::CommandLine:
      return read_command_line(rest, before);
    case Mark::ArmCpu:
      log.kind = MachineKind::Arm;
      return;
    case Mark::ArmIgnored:
    case Mark::ArmTruncated:
      return read_ignored(rest, mark == Mark::ArmTruncated);
    case Mark::ArmLowMem:
      return read_low_mem(rest);
  }
}

// A JSON string's ends at its quote.
void LogReader::read_command_line(std::string_view rest, std::string_view before) {
  const bool json = before.find("\"msg\"") != std::string_view::npos ||
                    before.find("\"MESSAGE\"") != std::string_view::npos;
  size_t end = json ? rest.find('"') : std::string_view::npos;
  while (end != std::string_view::npos && end > 0 && rest[end - 1] == '\\') {
    end = rest.find('"', end + 1);
  }
  rest = rest.substr(0, end);
  boot().log.linux_made.command_line = rest.substr(0, rest.find_last_not_of(' ') + 1);
}

void LogReader::read_version(std::string_view rest) {
  if (rest.empty() || rest.front() < '0' || rest.front() > '9') return;
  begin_boot();
  for (const char* name : {"-686", "i686", "i586", "i486", "i386"}) {
    if (rest.find(name) != std::string_view::npos) boot().version_32 = true;
  }
}

void LogReader::read_line() {
  const size_t first = at_;
  const std::string& text = lines_[at_].text;
  if (text.find_first_not_of(' ') == std::string::npos) return;
  // A hypervisor's own lines, among those of its first guest.
  if (text.find("(XEN)") != std::string::npos) return;
  if (boot().in_zones) boot().in_zones = read_zone(text);
  if (boot().in_old_ranges) boot().in_old_ranges = read_old_range(text);
  read_node_range(text);
  read_reservation(text);
  const std::vector<Place> places = places_in(text);
  bool update = false;
  for (size_t i = 0; i < places.size(); ++i) {
    const bool last = i + 1 == places.size();
    const size_t end = last ? text.size() : places[i + 1].word;
    if (places[i].rest > end) continue;  // one word inside another
    update = update || places[i].mark == Mark::Update;
    read_place(places[i].mark, std::string_view(text).substr(places[i].rest, end - places[i].rest),
               std::string_view(text).substr(0, places[i].word), last && at_ == first);
  }
  if (!update) boot().run.clear();
}

Log LogReader::chosen(size_t wanted) {
  std::vector<Boot*> with_list;
  for (Boot& each : boots_) {
    if (each.has_list()) with_list.push_back(&each);
  }
  if (with_list.empty()) {
    Log log = boot().log;
    log.boots = 0;
    return log;
  }
  const size_t number = wanted == 0 ? with_list.size() : wanted;
  if (number > with_list.size()) {
    Log log;
    log.boots = with_list.size();
    return log;
  }
  Boot& taken = *with_list[number - 1];
  conclude(taken);
  Log& log = taken.log;
  log.boots = with_list.size();
  log.boot = number;
  if (taken.xen) {
    log.remarks.push_back({0, "the list is what Xen gives this guest, not the machine's"});
  }
  if (number > 1) log.before = with_list[number - 2]->log.firmware;
  if (log.boots > 1) {
    log.remarks.push_back({0, std::to_string(log.boots) + " boots in this log; this is number " +
                                  std::to_string(number)});
  }
  if (wanted == 0 && with_list.back() != &boots_.back()) {
    log.remarks.push_back({boots_.back().first_line, "a boot begins here that has no e820 list"});
  }
  return log;
}

Log read_log(std::span<const Line> lines, size_t boot) { return LogReader(lines).chosen(boot); }
Log read_log(std::string_view bytes, size_t boot) { return read_log(lines_of(bytes), boot); }

}  // namespace replay
