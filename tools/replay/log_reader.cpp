#include "tools/replay/log_reader.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <span>
#include <utility>

#include "tools/replay/log_boot.h"
#include "tools/replay/log_text.h"
#include "tools/replay/log_words.h"

namespace replay {
namespace {

using mm::E820Entry;
using mm::Phys;
using mm::Range;

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
};

struct Marker {
  std::string_view word;
  Mark mark;
  // A word that is also found elsewhere: it counts before a range only.
  bool common = false;
};

constexpr Marker kMarkers[] = {
    {"BIOS-e820:", Mark::Firmware},
    {"BIOS-e801:", Mark::Firmware},
    {"BIOS-88:", Mark::Firmware},
    {"Xen: ", Mark::Xen, true},
    {"user: ", Mark::User, true},
    {"modified: ", Mark::Modified, true},
    {"reserve setup_data: ", Mark::Extended, true},
    {"update ", Mark::Update, true},
    {"e820 update range: ", Mark::Update},
    {"SRAT: Node ", Mark::SratMemory},
    {"SRAT: PXM ", Mark::SratCpu},
    {"Linux version ", Mark::Version},
    {"BIOS-provided physical RAM map", Mark::Header},
    {"modified physical RAM map", Mark::ModifiedHeader},
    {"cover all of memory, losing ", Mark::MtrrWarning},
    {"Zone ranges:", Mark::Zones},
    {"Zone PFN ranges:", Mark::Zones},
    {"early_node_map[", Mark::OldNodeRanges},
    {"Memory: ", Mark::Total},
    {" low ram: 0 - ", Mark::LowRam},
    {"MB LOWMEM available", Mark::LowMem},
    {"max_arch_pfn = ", Mark::MaxArch},
};

struct Place {
  size_t word = 0;  // where the marker begins
  size_t rest = 0;  // and what follows it
  Mark mark = Mark::Firmware;
};

bool range_follows(std::string_view text) {
  take_blanks(text);
  return text.starts_with("[mem ") || take_bare(text).has_value();
}

std::vector<Place> places_in(std::string_view text) {
  std::vector<Place> places;
  for (const Marker& marker : kMarkers) {
    for (size_t at = text.find(marker.word); at != std::string_view::npos;
         at = text.find(marker.word, at + 1)) {
      const size_t rest = at + marker.word.size();
      if (marker.common && !range_follows(text.substr(rest))) continue;
      places.push_back({at, rest, marker.mark});
    }
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.word < b.word; });
  return places;
}

std::string excerpt(std::string_view text) {
  constexpr size_t kMost = 100;
  const size_t start = std::min(text.find_first_not_of(' '), text.size());
  std::string shown(text.substr(start, kMost));
  if (text.size() - start > kMost) shown += "...";
  return shown;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : lines_(lines_of(bytes)) {
    boots_.emplace_back();
    for (at_ = 0; at_ < lines_.size(); ++at_) read_line();
  }

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
  bool read_zone(std::string_view text);
  bool read_old_range(std::string_view text);
  bool read_node_range(std::string_view text);
  void read_reservation(std::string_view text);
  template <class Read>  // bool(std::string_view)
  void read_perhaps_wrapped(std::string_view rest, bool last, Read read);
  bool read_entry(std::string_view rest, std::vector<E820Entry>& list, bool firmware);
  bool read_update(std::string_view rest);
  void read_srat_memory(std::string_view rest);
  void read_srat_cpu(std::string_view rest);
  void read_total(std::string_view rest);
  std::optional<Range> range_of(const Spelled& spelled);
  void add(std::vector<E820Entry>& list, const E820Entry& entry, bool firmware);

  std::vector<Line> lines_;
  size_t at_ = 0;
  std::deque<Boot> boots_;  // references to one stay good when the next begins
};

// What a line's bytes are as a range, cut where nothing can be.
std::optional<Range> Reader::range_of(const Spelled& spelled) {
  if (spelled.nothing || spelled.last < spelled.first) {
    remark("ends before it begins, skipped: " + excerpt(lines_[at_].text));
    return std::nullopt;
  }
  if (spelled.first >= mm::kMaxPhys) {
    remark("lies above 2^52, where no address is, skipped: " + excerpt(lines_[at_].text));
    return std::nullopt;
  }
  if (spelled.last >= mm::kMaxPhys) {
    remark("reaches above 2^52, where no address is; taken up to there: " +
           excerpt(lines_[at_].text));
    return Range{Phys{spelled.first}, Phys{mm::kMaxPhys}};
  }
  return Range{Phys{spelled.first}, Phys{spelled.last + 1}};
}

void Reader::add(std::vector<E820Entry>& list, const E820Entry& entry, bool firmware) {
  std::vector<E820Entry>* to = &list;
  if (!list.empty() && list.back() == entry) return;  // every line twice
  if (firmware && list.size() > 1 && entry.range.start <= list.front().range.start) {
    // Linux sorts before it prints: what begins again is another boot's.
    begin_boot();
    to = &boot().log.firmware;
  } else if (firmware && !list.empty() && entry.range.start < list.back().range.end) {
    remark("overlaps or precedes the entry before it; the stricter type counts: " +
           excerpt(lines_[at_].text));
  }
  to->push_back(entry);
}

// True when the line is done with, whether or not it had anything to take.
bool Reader::read_entry(std::string_view rest, std::vector<E820Entry>& list, bool firmware) {
  take_blanks(rest);
  if (rest.starts_with("[gap ")) return true;  // Linux 7 shows what is in no entry
  const auto spelled = take_range(rest);
  if (!spelled) return false;
  const auto type = take_type(rest);
  if (!type) return false;
  if (const auto range = range_of(*spelled)) add(list, {*range, *type}, firmware);
  return true;
}

bool Reader::read_update(std::string_view rest) {
  take_blanks(rest);
  const auto spelled = take_range(rest);
  if (!spelled) return false;
  const auto from = take_type(rest);
  if (!from) return false;
  take_word(rest, ")");
  take_blanks(rest);
  if (!take_word(rest, "==>")) return false;
  const auto to = take_type(rest);
  if (!to) return false;
  if (const auto range = range_of(*spelled)) {
    boot().updates.push_back({*range, *from, *to});
    boot().run.push_back(boot().updates.back());
  }
  return true;
}

// Mails wrap long lines: what is missing may stand in the next.
template <class Read>
void Reader::read_perhaps_wrapped(std::string_view rest, bool last, Read read) {
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

void Reader::read_srat_memory(std::string_view rest) {
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
void Reader::read_srat_cpu(std::string_view rest) {
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

// `1K/2K available`; up to 3.10 it was another figure, in `k`.
void Reader::read_total(std::string_view rest) {
  if (!take_number(rest, 10) || !take_word(rest, "K/")) return;
  const auto total = take_number(rest, 10);
  if (total && take_word(rest, "K available")) boot().log.linux_made.total_kib = *total;
}

std::optional<Range> take_pfns(std::string_view& text) {
  std::string_view rest = text;
  take_blanks(rest);
  const auto start = take_number(rest, rest.starts_with("0x") ? 16 : 10);
  take_blanks(rest);
  if (!start || !take_word(rest, "->")) return std::nullopt;
  take_blanks(rest);
  const auto end = take_number(rest, rest.starts_with("0x") ? 16 : 10);
  constexpr uint64_t kMostFrames = mm::kMaxPhys >> mm::kPageShift;
  if (!end || *start > kMostFrames || *end > kMostFrames) return std::nullopt;
  text = rest;
  return mm::phys(mm::PfnRange{mm::Pfn{*start}, mm::Pfn{*end}});
}

// `  DMA      [mem 0x0000000000001000-0x0000000000ffffff]`, `empty`, or in frame numbers.
bool Reader::read_zone(std::string_view text) {
  for (const mm::ZoneType type : mm::kAllZones) {
    const std::string name = std::string(mm::zone_name(type)) + " ";
    size_t at = text.find(name);
    if (at == std::string_view::npos || (at > 0 && text[at - 1] != ' ')) continue;
    std::string_view rest = text.substr(at + name.size());
    take_blanks(rest);
    Range range;
    if (const auto spelled = take_mem(rest)) {
      if (spelled->last < mm::kMaxPhys) range = {Phys{spelled->first}, Phys{spelled->last + 1}};
    } else if (const auto pfns = take_pfns(rest)) {
      range = *pfns;
    } else if (!take_word(rest, "empty")) {
      return false;
    }
    if (type == mm::ZoneType::HighMem) boot().high_mem = true;
    boot().log.linux_made.zones.push_back({type, range});
    return true;
  }
  return text.find("Device ") != std::string_view::npos;
}

// `    0: 0x00000001 -> 0x0000009d`.
bool Reader::read_old_range(std::string_view text) {
  const size_t arrow = text.find("->");
  if (arrow == std::string_view::npos) return false;
  const size_t colon = text.rfind(':', arrow);
  if (colon == std::string_view::npos) return false;
  size_t digits = colon;
  while (digits > 0 && text[digits - 1] >= '0' && text[digits - 1] <= '9') --digits;
  std::string_view number = text.substr(digits, colon - digits);
  const auto node = take_number(number, 10);
  std::string_view rest = text.substr(colon + 1);
  const auto pfns = take_pfns(rest);
  if (!node || *node >= mm::kMaxNodes || !pfns) return false;
  boot().log.linux_made.ranges.push_back({static_cast<unsigned>(*node), *pfns});
  return true;
}

// `  node   0: [mem 0x0000000000001000-0x000000000009dfff]`.
bool Reader::read_node_range(std::string_view text) {
  const size_t at = text.find(" node ");
  if (at == std::string_view::npos) return false;
  std::string_view rest = text.substr(at + std::string_view(" node ").size());
  take_blanks(rest);
  const auto node = take_number(rest, 10);
  if (!node || *node >= mm::kMaxNodes || !take_word(rest, ": ")) return false;
  const auto spelled = take_mem(rest);
  if (!spelled || spelled->last < spelled->first || spelled->last >= mm::kMaxPhys) return false;
  auto& ranges = boot().log.linux_made.ranges;
  const LinuxNodeRange range{static_cast<unsigned>(*node),
                             {Phys{spelled->first}, Phys{spelled->last + 1}}};
  if (ranges.empty() || !(ranges.back() == range)) ranges.push_back(range);
  return true;
}

// `  #4 [007d56e000 - 007d597000]          PGTABLE ==> [007d56e000 - 007d597000]`, of which the
// second part, where there is one, is what lies in the boot allocator's reach. Of several lists (a
// node each, and at the end) what was said already is passed over.
void Reader::read_reservation(std::string_view text) {
  const size_t at = text.find('#');
  if (at == std::string_view::npos) return;
  std::string_view rest = text.substr(at + 1);
  if (!take_number(rest, 10) || !take_word(rest, " [")) return;
  const auto spelled = take_bare(rest);
  if (!spelled || !take_word(rest, "]") || spelled->nothing || spelled->last < spelled->first ||
      spelled->last >= mm::kMaxPhys) {
    return;
  }
  rest = rest.substr(0, rest.find("==>"));
  take_blanks(rest);
  rest = rest.substr(0, rest.find_last_not_of(' ') + 1);
  const NamedRange found{{Phys{spelled->first}, Phys{spelled->last + 1}}, std::string(rest)};
  auto& known = boot().log.reservations;
  if (!rest.empty() && std::find(known.begin(), known.end(), found) == known.end()) {
    known.push_back(found);
  }
}

void Reader::read_place(Mark mark, std::string_view rest, std::string_view before, bool last) {
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
      if (rest.empty() || rest.front() < '0' || rest.front() > '9') return;
      begin_boot();
      for (const char* name : {"-686", "i686", "i586", "i486", "i386"}) {
        if (rest.find(name) != std::string_view::npos) boot().version_32 = true;
      }
      return;
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
  }
}

void Reader::read_line() {
  const size_t first = at_;
  const std::string text = lines_[at_].text;
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

Log Reader::chosen(size_t wanted) {
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
  if (log.boots > 1) {
    log.remarks.push_back({0, std::to_string(log.boots) + " boots in this log; this is number " +
                                  std::to_string(number)});
  }
  if (wanted == 0 && with_list.back() != &boots_.back()) {
    log.remarks.push_back({boots_.back().first_line, "a boot begins here that has no e820 list"});
  }
  return log;
}

}  // namespace

Log read_log(std::string_view bytes, size_t boot) { return Reader(bytes).chosen(boot); }

}  // namespace replay
