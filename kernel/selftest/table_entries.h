// What the tests of tables with entries have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "loader/acpi/madt.h"
#include "loader/acpi/srat.h"
#include "loader/handoff/self_test.h"

namespace kernel {

[[nodiscard]] inline loader::Verdict no_table(const char* name) {
  return loader::Verdict::skip("this machine has no {}", name);
}

// Whether the entries behind `first` have the lengths of their types; 0: any.
[[nodiscard]] loader::Verdict check_entries(std::span<const uint8_t> table, size_t first,
                                            size_t (*length)(uint8_t));

// A CPU of the MADT that is there; what the SRAT says of a CPU; its memory that has a size.
[[nodiscard]] inline bool is_there(const loader::MadtEntry& entry) { return entry.cpu.enabled; }
[[nodiscard]] inline bool places_cpu(const loader::SratEntry& entry) {
  return entry.enabled && entry.kind == loader::SratEntry::Kind::Cpu;
}
[[nodiscard]] inline bool places_memory(const loader::SratEntry& entry) {
  return entry.enabled && entry.kind == loader::SratEntry::Kind::Memory &&
         entry.range.start != entry.range.end;
}

// Calls visit(entry) for each entry that is wanted, until that fails.
template <class Entries, class Wanted, class Visit>
loader::Verdict each_of(Entries entries, Wanted wanted, Visit visit) {
  while (const auto entry = entries.next()) {
    if (!wanted(*entry)) continue;
    if (const loader::Verdict v = visit(*entry); v.failed()) return v;
  }
  return loader::Verdict::pass();
}

// Numbers that a table lists, sorted, so that each is compared with its neighbours only.
class Sorted {
 public:
  explicit Sorted(std::span<uint64_t> room) : room_(room) {}
  void add(uint64_t number) {
    if (count_ < room_.size()) {
      room_[count_++] = number;
    } else {
      ++left_out_;
    }
  }
  template <class Less = std::less<>>
  std::span<const uint64_t> sort(Less less = {}) {
    std::sort(room_.begin(), room_.begin() + static_cast<ptrdiff_t>(count_), less);
    return room_.first(count_);
  }
  // That there is more than was looked at is a finding of its own.
  [[nodiscard]] loader::Verdict all_seen(const char* what) const {
    if (left_out_ == 0) return loader::Verdict::pass();
    return loader::Verdict::fail("{} {} behind the first {} are not looked at", left_out_, what,
                                 count_);
  }

 private:
  std::span<uint64_t> room_;
  size_t count_ = 0, left_out_ = 0;
};

}  // namespace kernel
