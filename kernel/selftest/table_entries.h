// What the tests of tables with entries have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "loader/acpi/madt.h"
#include "loader/handoff/self_test.h"

namespace kernel {

inline constexpr uint32_t kEntryEnabled = 1;  // MADT and SRAT say so alike

[[nodiscard]] inline loader::Verdict no_table(const char* name) {
  return loader::Verdict::skip("this machine has no {}", name);
}

// Whether the entries behind `first` have the lengths of their types; 0: any.
[[nodiscard]] loader::Verdict check_entries(std::span<const uint8_t> table, size_t first,
                                            size_t (*length)(uint8_t));

// Calls visit(cpu) for each CPU of the MADT that is there, until that fails.
template <class Visit>
loader::Verdict each_cpu(std::span<const uint8_t> madt, Visit visit) {
  loader::MadtEntries entries(madt);
  while (const auto entry = entries.next()) {
    if (!entry->cpu.enabled) continue;
    if (const loader::Verdict v = visit(entry->cpu); v.failed()) return v;
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
