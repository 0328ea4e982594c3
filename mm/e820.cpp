#include "mm/e820.h"

#include <algorithm>
#include <utility>

#include "mm/sorted_ranges.h"

namespace mm {
namespace {

// Linux keeps these apart because a border between two of them can be a border between nodes or
// protection domains (arch/x86/kernel/e820.c, e820_nomerge).
bool merges(E820Type type) { return type != E820Type::Pram && type != E820Type::SoftReserved; }

// Of two types that claim one byte.
E820Type stricter(E820Type old, E820Type later) {
  return strictness(old) > strictness(later) ? old : later;
}

Result<> check(Range range) {
  if (range.end < range.start)
    return Error{"range wraps (start {:#x}, end {:#x})", "e820", range.start.v, range.end.v};
  if (range.empty())
    return Error{"range is empty (start {:#x}, end {:#x})", "e820", range.start.v, range.end.v};
  if (range.end.v > kMaxPhys) {
    return Error{"range ends above the 52-bit physical address space (start {:#x}, end {:#x})",
                 "e820", range.start.v, range.end.v};
  }
  return {};
}

}  // namespace

unsigned strictness(E820Type type) {
  switch (type) {
    case E820Type::Ram:
      return 0;
    case E820Type::Unaccepted:
      return 1;
    case E820Type::SoftReserved:
      return 2;
    case E820Type::Pram:
      return 3;
    case E820Type::Pmem:
      return 4;
    case E820Type::Acpi:
      return 5;
    case E820Type::Nvs:
      return 6;
    case E820Type::Reserved:
      return 8;
    case E820Type::Unusable:
      return 9;
  }
  return 7;
}

const char* e820_type_name(E820Type type) {
  switch (type) {
    case E820Type::Ram:
      return "usable";
    case E820Type::Reserved:
      return "reserved";
    case E820Type::Acpi:
      return "ACPI data";
    case E820Type::Nvs:
      return "ACPI NVS";
    case E820Type::Unusable:
      return "unusable";
    case E820Type::Pmem:
      return "persistent (type 7)";
    case E820Type::Pram:
      return "persistent (type 12)";
    case E820Type::Unaccepted:
      return "unaccepted";
    case E820Type::SoftReserved:
      return "soft reserved";
  }
  return nullptr;
}

void print_e820_type(const Printer& out, const Spec& /*spec*/, uint64_t type, uint64_t /*none*/) {
  if (const char* name = e820_type_name(static_cast<E820Type>(type))) {
    out.part("{}", name);
  } else {
    out.part("type {}", type);
  }
}

size_t E820Table::first_ending_after(Phys at) const {
  return mm::first_ending_after(entries(), at);
}

void E820Table::move_up(size_t index, size_t slots) {
  if (slots == 0) return;
  for (size_t i = count_; i > index; --i) storage_[i - 1 + slots] = storage_[i - 1];
}

void E820Table::cut_at(Phys at) {
  const size_t i = first_ending_after(at);
  if (i == count_ || storage_[i].range.start >= at) return;
  move_up(i, 1);
  ++count_;
  storage_[i].range.end = at;
  storage_[i + 1].range.start = at;
}

// As the last of the first `count` entries, or joined with the one that is.
void E820Table::put(size_t& count, const E820Entry& entry) {
  if (count > 0 && storage_[count - 1].range.end == entry.range.start &&
      storage_[count - 1].type == entry.type && merges(entry.type)) {
    storage_[count - 1].range.end = entry.range.end;
  } else {
    storage_[count++] = entry;
  }
}

// Every piece of the range, entry or gap, becomes what the rule says; neighbours are joined at
// once, so the table never grows by more than two cuts and the gaps that are filled.
template <class Rule>
Result<> E820Table::repaint(Range range, Rule rule) {
  const std::optional<E820Type> of_gaps = rule(std::nullopt);
  size_t first = first_ending_after(range.start);
  size_t last = first;
  while (last < count_ && storage_[last].range.start < range.end) ++last;
  const size_t gaps = of_gaps ? last - first + 1 : 0;
  if (count_ + 2 + gaps > storage_.size()) {
    return Error{"table is full (entries {}, room {})", "e820", count_, storage_.size()};
  }

  const size_t before = count_;
  cut_at(range.start);
  first += count_ - before;
  cut_at(range.end);
  last += count_ - before;
  if (last > first && storage_[last - 1].range.start >= range.end) --last;

  // From here on all move up by as much as gaps can need, are read there and written below.
  move_up(first, gaps);
  size_t written = first;
  Phys at = range.start;
  const auto fill_to = [&](Phys end) {
    if (of_gaps && at < end) put(written, {{at, end}, *of_gaps});
  };
  for (size_t i = first + gaps; i < last + gaps; ++i) {
    const E820Entry old = storage_[i];
    fill_to(old.range.start);
    if (const auto type = rule(old.type)) put(written, {old.range, *type});
    at = old.range.end;
  }
  fill_to(range.end);
  size_t above = last + gaps;
  const size_t end = count_ + gaps;
  if (above < end) put(written, storage_[above++]);
  if (above == written) {
    count_ = end;
    return {};
  }
  while (above < end) storage_[written++] = storage_[above++];
  count_ = written;
  return {};
}

Result<> E820Table::append(Range range, E820Type type) {
  BATON_TRY(check(range));
  return repaint(range, [type](std::optional<E820Type> old) -> std::optional<E820Type> {
    return old ? stricter(*old, type) : type;
  });
}

Result<uint64_t> E820Table::update(Range range, E820Type from, E820Type to) {
  BATON_TRY(check(range));
  if (from == to) return uint64_t{0};
  const uint64_t updated = bytes_in(range, from);
  BATON_TRY(repaint(range, [from, to](std::optional<E820Type> old) -> std::optional<E820Type> {
    return old == from ? to : old;
  }));
  return updated;
}

Result<uint64_t> E820Table::remove(Range range, std::optional<E820Type> type) {
  BATON_TRY(check(range));
  const uint64_t removed = bytes_in(range, type);
  BATON_TRY(repaint(range, [type](std::optional<E820Type> old) -> std::optional<E820Type> {
    return !type || old == type ? std::nullopt : old;
  }));
  return removed;
}

Result<> E820Table::adopt(std::span<const E820Entry> entries) {
  if (entries.size() > storage_.size()) {
    return Error{"more entries than room (entries {}, room {})", "e820", entries.size(),
                 storage_.size()};
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    const E820Entry& entry = entries[i];
    BATON_TRY(check(entry.range));
    if (i > 0 && entry.range.start < entries[i - 1].range.end) {
      return Error{"entries overlap or are not sorted (start {:#x}, end before {:#x})", "e820",
                   entry.range.start.v, entries[i - 1].range.end.v};
    }
  }
  for (size_t i = 0; i < entries.size(); ++i) storage_[i] = entries[i];
  count_ = entries.size();
  return {};
}

const E820Entry* E820Table::find(Phys address) const {
  const size_t i = first_ending_after(address);
  return i < count_ && storage_[i].range.start <= address ? &storage_[i] : nullptr;
}

bool E820Table::all(Range range, E820Type type) const {
  for (Phys at = range.start; at < range.end;) {
    const E820Entry* entry = find(at);
    if (entry == nullptr || entry->type != type) return false;
    at = entry->range.end;
  }
  return true;
}

uint64_t E820Table::bytes_in(Range range, std::optional<E820Type> type) const {
  uint64_t bytes = 0;
  for (size_t i = first_ending_after(range.start);
       i < count_ && storage_[i].range.start < range.end; ++i) {
    if (!type || storage_[i].type == *type) bytes += storage_[i].range.clip(range).size();
  }
  return bytes;
}

uint64_t E820Table::total(E820Type type) const { return bytes_in({Phys{0}, Phys{kMaxPhys}}, type); }

Pfn E820Table::last_pfn(Pfn limit) const {
  Pfn last;
  for (const E820Entry& entry : entries()) {
    if (entry.type != E820Type::Ram) continue;
    const PfnRange frames = pfns_inside(entry.range).clip({Pfn{0}, limit});
    if (!frames.empty()) last = frames.end;
  }
  return last;
}

void E820Table::print(const Printer& out, const char* who) const {
  for (const E820Entry& entry : entries()) {
    out.line("{}: {} {}", who, mem(entry.range), entry.type);
  }
}

namespace {

// How many of the entries, from the first on, are in order.
size_t run_of(std::span<const E820Entry> entries) {
  size_t i = 1;
  while (i < entries.size() && entries[i - 1].range.end <= entries[i].range.start) ++i;
  return std::min(i, entries.size());
}

// Two runs as one, which `to` has room for: fewer entries than both have borders. No border is
// lost. Returns how many entries it has. What this does to a byte is the same in whatever order runs
// are taken together, as long as `late` came later: the strictest of all, and the latest of these.
size_t overlay(std::span<const E820Entry> early, std::span<const E820Entry> late, E820Entry* to) {
  constexpr Phys kNever{~uint64_t{0}};
  size_t count = 0;
  size_t e = 0;
  size_t l = 0;
  for (Phys at;;) {
    if (e < early.size() && early[e].range.end <= at) ++e;
    if (l < late.size() && late[l].range.end <= at) ++l;
    const Phys next_early = e < early.size() ? std::max(early[e].range.start, at) : kNever;
    const Phys next_late = l < late.size() ? std::max(late[l].range.start, at) : kNever;
    at = std::min(next_early, next_late);
    if (at == kNever) return count;
    E820Entry& piece = to[count++];
    if (next_early < next_late) {
      piece = {{at, std::min(early[e].range.end, next_late)}, early[e].type};
    } else if (next_late < next_early) {
      piece = {{at, std::min(late[l].range.end, next_early)}, late[l].type};
    } else {
      piece = {{at, std::min(early[e].range.end, late[l].range.end)},
               stricter(early[e].type, late[l].type)};
    }
    at = piece.range.end;
  }
}

}  // namespace

E820Batch::E820Batch(E820Table& table) : table_(table), count_(table.count_), borders_(count_) {
  const auto entries = table.entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i + 1 == entries.size() || entries[i].range.end != entries[i + 1].range.start) ++borders_;
  }
}

Result<> E820Batch::append(Range range, E820Type type) {
  BATON_TRY(check(range));
  if (borders_ + 2 > table_.storage_.size() / 2) {
    return Error{"table is full (entries {}, room {})", "e820", count_, table_.storage_.size()};
  }
  table_.storage_[count_++] = {range, type};
  borders_ += 2;
  return {};
}

// A merge sort whose merging is the overlay, from one half of the storage to the other.
void E820Batch::finish() {
  E820Entry* from = table_.storage_.data();
  E820Entry* to = from + table_.storage_.size() / 2;
  for (;;) {
    const std::span<const E820Entry> all(from, count_);
    size_t run = run_of(all);
    if (run == count_) break;
    size_t written = 0;
    for (size_t at = 0; at < count_;) {
      const auto early = all.subspan(at, run);
      const auto late = all.subspan(at + run);
      const size_t run_of_late = run_of(late);
      written += overlay(early, late.first(run_of_late), to + written);
      at += run + run_of_late;
      run = run_of(all.subspan(at));
    }
    count_ = written;
    std::swap(from, to);
  }
  table_.count_ = 0;
  for (size_t i = 0; i < count_; ++i) table_.put(table_.count_, from[i]);
}

size_t print_beyond(const E820Table& e820, Phys end, const Printer& out) {
  size_t beyond = 0;
  for (const E820Entry& entry : e820.entries()) {
    if (entry.range.end <= end) continue;
    ++beyond;
    const char* const name = e820_type_name(entry.type);
    out.line("e820: {} {} is beyond what the CPU can address ({})", mem(entry.range),
             name != nullptr ? name : "of unknown type", end);
  }
  return beyond;
}

void print_unreached(const E820Table& e820, Range range, const Printer& out) {
  uint64_t bytes = 0;
  for (const E820Entry& entry : e820.entries()) {
    if (entry.type == E820Type::Ram) bytes += entry.range.clip(range).size();
  }
  if (bytes == 0) return;
  out.line("e820: {}K of RAM from {} on are not used: page tables of this form do not lead there",
           bytes / kKiB, range.start);
}

}  // namespace mm
