#include "mm/e820.h"

#include "mm/sorted_ranges.h"

namespace mm {
namespace {

// Linux keeps these apart because a border between two of them can be a border between nodes or
// protection domains (arch/x86/kernel/e820.c, e820_nomerge).
bool merges(E820Type type) { return type != E820Type::Pram && type != E820Type::SoftReserved; }

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

void E820Table::insert(size_t index, const E820Entry& entry) {
  for (size_t i = count_; i > index; --i) storage_[i] = storage_[i - 1];
  storage_[index] = entry;
  ++count_;
}

void E820Table::erase(size_t index) {
  --count_;
  for (size_t i = index; i < count_; ++i) storage_[i] = storage_[i + 1];
}

void E820Table::cut_at(Phys at) {
  const size_t i = first_ending_after(at);
  if (i == count_ || storage_[i].range.start >= at) return;
  E820Entry tail = storage_[i];
  tail.range.start = at;
  storage_[i].range.end = at;
  insert(i + 1, tail);
}

bool E820Table::join_with_previous(size_t index) {
  if (index == 0 || index >= count_) return false;
  E820Entry& previous = storage_[index - 1];
  const E820Entry& entry = storage_[index];
  if (previous.range.end != entry.range.start || previous.type != entry.type) return false;
  if (!merges(entry.type)) return false;
  previous.range.end = entry.range.end;
  erase(index);
  return true;
}

// Every piece of the range, entry or gap, becomes what the rule says; neighbours are joined at
// once, so the table never grows by more than two cuts and the gaps that are filled.
template <class Rule>
Result<> E820Table::repaint(Range range, Rule rule) {
  size_t worst = count_ + 2;
  if (rule(std::nullopt)) {
    ++worst;
    for (size_t i = first_ending_after(range.start);
         i < count_ && storage_[i].range.start < range.end; ++i) {
      ++worst;
    }
  }
  if (worst > storage_.size()) {
    return Error{"table is full (entries {}, room {})", "e820", count_, storage_.size()};
  }

  cut_at(range.start);
  cut_at(range.end);
  size_t i = first_ending_after(range.start);
  for (Phys at = range.start; at < range.end;) {
    const bool described = i < count_ && storage_[i].range.start == at;
    std::optional<E820Type> type;
    if (described) {
      type = rule(storage_[i].type);
      at = storage_[i].range.end;
      if (!type) {
        erase(i);
        continue;
      }
      storage_[i].type = *type;
    } else {
      const Phys next =
          i < count_ && storage_[i].range.start < range.end ? storage_[i].range.start : range.end;
      type = rule(std::nullopt);
      if (type) insert(i, {{at, next}, *type});
      at = next;
      if (!type) continue;
    }
    if (!join_with_previous(i)) ++i;
  }
  join_with_previous(i);
  return {};
}

Result<> E820Table::append(Range range, E820Type type) {
  BATON_TRY(check(range));
  return repaint(range, [type](std::optional<E820Type> old) -> std::optional<E820Type> {
    return old && strictness(*old) > strictness(type) ? *old : type;
  });
}

Result<uint64_t> E820Table::update(Range range, E820Type from, E820Type to) {
  BATON_TRY(check(range));
  const uint64_t before = total(from);
  if (from == to) return uint64_t{0};
  BATON_TRY(repaint(range, [from, to](std::optional<E820Type> old) -> std::optional<E820Type> {
    return old == from ? to : old;
  }));
  return before - total(from);
}

Result<uint64_t> E820Table::remove(Range range, std::optional<E820Type> type) {
  BATON_TRY(check(range));
  uint64_t removed = 0;
  for (const E820Entry& entry : entries()) {
    if (!type || entry.type == *type) removed += entry.range.clip(range).size();
  }
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

uint64_t E820Table::total(E820Type type) const {
  uint64_t bytes = 0;
  for (const E820Entry& entry : entries()) {
    if (entry.type == type) bytes += entry.range.size();
  }
  return bytes;
}

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

}  // namespace mm
