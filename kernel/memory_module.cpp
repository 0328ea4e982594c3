#include "kernel/memory_module.h"

#include <algorithm>

namespace kernel {

// --- Sets ----------------------------------------------------------------------------------------

void ModuleSet::add(const ModuleSet& other) {
  for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
}

void ModuleSet::keep(const ModuleSet& other) {
  for (size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
}

size_t ModuleSet::count() const {
  size_t count = 0;
  for (const uint64_t word : words_) count += mm::count_bits(word);
  return count;
}

// --- Modules -------------------------------------------------------------------------------------

namespace {

// Calls visit(structure) for each.
template <class Visit>
void each_structure(std::span<const uint8_t> table, Visit visit) {
  loader::SmbiosStructures structures(table);
  while (const auto structure = structures.next()) visit(*structure);
}

// A module of something else than main memory (flash, cache) has an array that says so.
bool is_of_main_memory(std::span<const uint8_t> table, uint16_t array) {
  constexpr uint8_t kMemoryArray = 16;
  bool main = true;
  each_structure(table, [&](const loader::SmbiosStructure& structure) {
    if (structure.type == kMemoryArray && structure.handle == array) {
      main = loader::memory_array(structure).has_value();
    }
  });
  return main;
}

// The firmware's text, whatever it is.
void print_text(std::string_view text, const mm::Printer& out) {
  for (const char c : text) out.text({c >= ' ' && c <= '~' ? &c : "?", 1});
}

}  // namespace

void MemoryModules::read(std::span<const uint8_t> table) {
  *this = {};
  read_modules(table);
  if (!too_many_) read_ranges(table);
}

void MemoryModules::read_modules(std::span<const uint8_t> table) {
  each_structure(table, [&](const loader::SmbiosStructure& structure) {
    const auto device = loader::memory_device(structure);
    if (!device || !device->installed || too_many_) return;
    if (!is_of_main_memory(table, device->array)) return;
    too_many_ = count_ == modules_.size();
    if (too_many_) return;
    modules_[count_++] = {structure.handle, device->array, device->locator, device->bank};
  });
}

void MemoryModules::read_ranges(std::span<const uint8_t> table) {
  const auto add = [&](mm::Range range, const Answering& answering) {
    if (range.empty() || answering.modules.count() == 0) return;
    too_many_ = too_many_ || row_count_ == rows_.size();
    if (!too_many_) rows_[row_count_++] = {range, answering};
  };
  each_structure(table, [&](const loader::SmbiosStructure& structure) {
    const auto range = loader::device_range(structure);
    const auto module = range ? with_handle(range->device) : std::nullopt;
    if (!module) return;
    Answering answering;
    answering.interleaved = range->interleaved;
    answering.modules.add(*module);
    add(range->range, answering);
  });
  by_device_ = row_count_;
  each_structure(table, [&](const loader::SmbiosStructure& structure) {
    const auto range = loader::mapped_range(structure);
    const auto array = loader::mapped_array(structure);
    if (!range || !array) return;
    Answering answering;
    for (size_t i = 0; i < count_; ++i) {
      if (modules_[i].array == *array) answering.modules.add(i);
    }
    add(*range, answering);
  });
}

std::optional<size_t> MemoryModules::with_handle(uint16_t handle) const {
  for (size_t i = 0; i < count_; ++i) {
    if (modules_[i].handle == handle) return i;
  }
  return {};
}

Answering MemoryModules::answering(mm::Phys address) const {
  Answering all;
  if (too_many_) return all;
  if (count_ == 1) {  // whatever the ranges say
    all.modules.add(0);
    return all;
  }
  const auto take = [&](std::span<const Row> rows) {
    for (const Row& row : rows) {
      if (!row.range.contains(address)) continue;
      all.interleaved = all.interleaved || row.answering.interleaved;
      all.modules.add(row.answering.modules);
    }
  };
  take({rows_.data(), by_device_});
  if (all.modules.count() == 0) take({rows_.data() + by_device_, row_count_ - by_device_});
  return all;
}

std::string_view MemoryModules::bank_of(const ModuleSet& set) const {
  std::optional<std::string_view> bank;
  for (size_t i = 0; i < count_; ++i) {
    if (!set.has(i)) continue;
    if (bank && *bank != modules_[i].bank) return {};
    bank = modules_[i].bank;
  }
  return bank.value_or(std::string_view());
}

void MemoryModules::print_one(size_t module, const mm::Printer& out) const {
  const MemoryModule& one = modules_[module];
  if (one.locator.empty()) return out.part("SMBIOS handle {:#x}", one.handle);
  print_text(one.locator, out);
}

void MemoryModules::print(const ModuleSet& set, const mm::Printer& out) const {
  constexpr size_t kMostNamed = 3;
  const size_t count = set.count();
  if (count == 0) return;
  if (count > kMostNamed) {
    out.part("one of {} modules", count);
  } else {
    const char* between = "";
    for (size_t i = 0; i < count_; ++i) {
      if (!set.has(i)) continue;
      out.text(between);
      print_one(i, out);
      between = " or ";
    }
  }
  const std::string_view bank = bank_of(set);
  if (bank.empty()) return;
  out.text(", ");
  print_text(bank, out);
}

void MemoryModules::name(mm::Phys address, std::span<char> out) const {
  const ModuleSet set = answering(address).modules;
  struct Text {
    std::array<char, 80> text;
    size_t length = 0;
  } text;
  const mm::Printer to{[](void* self, std::string_view more) {
                         auto& t = *static_cast<Text*>(self);
                         for (const char c : more) {
                           if (t.length < t.text.size()) t.text[t.length++] = c;
                         }
                       },
                       &text};
  print(set, to);
  if (set.count() > 1 && text.length >= out.size()) {
    text.length = 0;
    to.part("one of {} modules", set.count());
  }
  const size_t length = std::min(text.length, out.size() - 1);
  std::copy_n(text.text.begin(), length, out.begin());
  std::fill(out.begin() + static_cast<ptrdiff_t>(length), out.end(), '\0');
}

// --- Errors --------------------------------------------------------------------------------------

ModuleErrors::Row& ModuleErrors::row_of(const Answering& who) {
  for (Row& row : std::span(rows_).first(count_)) {
    if (row.who == who) return row;
  }
  if (count_ == rows_.size()) {
    rows_.back().who = {};
    return rows_.back();
  }
  rows_[count_].who = who;
  return rows_[count_++];
}

void ModuleErrors::add(const Answering& who, std::optional<mm::NodeId> node, Kind kind,
                       uint64_t count) {
  row_of(who).counts[static_cast<size_t>(kind)] += count;
  several_nodes_ = several_nodes_ || !node || (node_ && *node_ != *node);
  node_ = node;
}

void ModuleErrors::add_page(const Answering& who) { ++row_of(who).pages; }

void ModuleErrors::print(const MemoryModules& modules, const mm::Printer& out) const {
  if (count_ == 0) return;
  std::array<Row, 64> sorted = rows_;
  const auto rows = std::span(sorted).first(count_);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    if (a.errors(true) != b.errors(true)) return a.errors(true) > b.errors(true);
    return a.errors(false) > b.errors(false);
  });
  constexpr size_t kShown = 8;
  for (const Row& row : rows.first(std::min(rows.size(), kShown))) print_row(row, modules, out);
  if (rows.size() > kShown)
    out.line("memtest: and {} more with fewer errors", rows.size() - kShown);
  print_pull(modules, out);
}

void ModuleErrors::print_row(const Row& row, const MemoryModules& modules,
                             const mm::Printer& out) const {
  out.text("memtest: module ");
  if (row.who.modules.count() == 0) {
    out.text("not told");
  } else {
    modules.print(row.who.modules, out);
  }
  if (row.who.is_known()) {
    for (size_t i = 0; i < modules.count(); ++i) {
      if (row.who.modules.has(i) && !modules[i].locator.empty())
        out.part(", SMBIOS handle {:#x}", modules[i].handle);
    }
  }
  out.line("{}: {} wrong words, {} lost, {} corrected, in {} bad pages",
           row.who.interleaved ? ", interleaved" : "", row.counts[0], row.counts[1], row.counts[2],
           row.pages);
}

void ModuleErrors::print_pull(const MemoryModules& modules, const mm::Printer& out) const {
  const auto rows = std::span(rows_).first(count_);
  const auto sum = [&](bool lost) {
    uint64_t all = 0;
    for (const Row& row : rows) all += row.errors(lost);
    return all;
  };
  const bool lost = sum(true) != 0;
  ModuleSet first, common;
  uint64_t most = 0;
  bool any = false;
  for (const Row& row : rows) {
    const uint64_t errors = row.errors(lost);
    if (errors == 0) continue;
    if (any) {
      common.keep(row.who.modules);
    } else {
      common = row.who.modules;
    }
    any = true;
    if (!row.who.is_known() || errors < most) continue;
    if (errors > most) first = {};
    first.add(row.who.modules);
    most = errors;
  }
  const char* const kind = lost ? "errors" : "corrected errors";
  if (first.count() != 0) {
    out.text("memtest: pull first: ");
    modules.print(first, out);
    return out.line(": {} of {} {}{}", most, sum(lost), kind, first.count() == 1 ? "" : " each");
  }
  const bool named = std::none_of(rows.begin(), rows.end(), [&](const Row& row) {
    return row.errors(lost) != 0 && row.who.modules.count() == 1;
  });
  if (count_ > 1 && named && common.count() == 1) {
    out.text("memtest: pull first: ");
    modules.print(common, out);
    return out.line(": the only one that all {} {} may be of", sum(lost), kind);
  }
  print_unknown(modules, lost, out);
}

void ModuleErrors::print_unknown(const MemoryModules& modules, bool lost,
                                 const mm::Printer& out) const {
  ModuleSet all;
  bool interleaved = false, untold = false;
  for (const Row& row : std::span(rows_).first(count_)) {
    if (row.errors(lost) == 0) continue;
    all.add(row.who.modules);
    interleaved = interleaved || row.who.interleaved;
    untold = untold || row.who.modules.count() == 0;
  }
  out.text("memtest: pull first: cannot be known: ");
  if (modules.too_many()) {
    out.part("SMBIOS has more modules or ranges than there is room for ({}, {})", ModuleSet::kRoom,
             MemoryModules::kMostRanges);
  } else if (modules.count() == 0) {
    out.text("SMBIOS names no memory module");
  } else if (untold) {
    out.text("SMBIOS does not tell who answers these addresses");
  } else if (all.count() == 1) {
    modules.print(all, out);
    out.text(" shares these addresses with modules that SMBIOS does not name");
  } else {
    modules.print(all, out);
    out.text(interleaved ? ", which are interleaved" : ", as SMBIOS does not tell them apart");
    out.text(": test each alone");
  }
  if (node_ && !several_nodes_) out.part("; all errors are on node {}", *node_);
  out.text("\n");
}

std::span<const uint8_t> smbios_of(const TableFacts& facts) {
  return loader::smbios_table(facts.map, facts.smbios, facts.smbios_version,
                              [&](uint64_t at, uint64_t size) { return facts.can_read(at, size); });
}

}  // namespace kernel
