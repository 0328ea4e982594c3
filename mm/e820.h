// The e820 table: the machine's physical address space by type, as Linux calls it.
//
// The table is sane at every moment: sorted by address, disjoint, and merged (touching entries of
// one type are one entry; Pram and SoftReserved are kept apart, as Linux does, because their
// borders can mean something). What lies in no entry is a gap: address space that nobody described.
// Storage is the caller's; when it is full a call fails and the table is as it was before.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"

namespace mm {

// Values are ACPI 6.5 table 15.14's where it has them, Linux's own above (Pram, SoftReserved).
// Other numbers that a firmware reports are kept as they are and treated as Reserved.
enum class E820Type : uint32_t {
  Ram = 1,
  Reserved = 2,
  Acpi = 3,
  Nvs = 4,
  Unusable = 5,
  Pmem = 7,
  Pram = 12,
  Unaccepted =
      0xeffffffe,  // UEFI 2.10 section 7.2: RAM the guest has not accepted yet; Baton's number
  SoftReserved = 0xefffffff,
};

// How strict a type is where two overlap: unusable > reserved > NVS > ACPI > persistent > soft
// reserved > unaccepted > usable. Unknown types rank with (just below) reserved.
[[nodiscard]] unsigned strictness(E820Type type);

// Linux's word for a type in the BIOS-e820 lines ("usable", "ACPI data", ...); null for unknown
// numbers, which Linux prints as "type 20".
[[nodiscard]] const char* e820_type_name(E820Type type);
void print_e820_type(const Printer& out, const Spec& spec, uint64_t type, uint64_t none);
// As the word or, where there is none, as that number.
inline Printed printed(E820Type type) { return {print_e820_type, static_cast<uint64_t>(type)}; }

// Also the form it has in the handoff: 24 bytes, half-open.
struct E820Entry {
  Range range;
  E820Type type = E820Type::Reserved;
  uint32_t zero = 0;

  friend bool operator==(const E820Entry&, const E820Entry&) = default;
};
static_assert(sizeof(E820Entry) == 24);

class E820Table {
 public:
  E820Table() = default;
  explicit E820Table(std::span<E820Entry> storage) : storage_(storage) {}

  // Storage that is enough for `appends` calls of append(), whatever their ranges.
  [[nodiscard]] static constexpr size_t capacity_for(size_t appends) { return 4 * appends + 4; }

  // Adds a range; where it overlaps what is there the stricter type wins, and of two types that are
  // equally strict (unknown ones) the later. Fails on an empty range, one that ends above kMaxPhys
  // or wraps, and when storage is full. It moves what lies above: many ranges are E820Batch's.
  Result<> append(Range range, E820Type type);
  // Makes `to` of all that is `from` within the range. Returns how many bytes that were.
  Result<uint64_t> update(Range range, E820Type from, E820Type to);
  // Takes all that is `type` (everything, when no type is given) within the range out of the table.
  // Returns how many bytes that were.
  Result<uint64_t> remove(Range range, std::optional<E820Type> type = std::nullopt);
  // Takes entries another table made, which must be sane already; otherwise names the first that
  // is not.
  Result<> adopt(std::span<const E820Entry> entries);

  [[nodiscard]] std::span<const E820Entry> entries() const { return storage_.first(count_); }
  [[nodiscard]] std::span<E820Entry> storage() const { return storage_; }

  // The entry that holds an address; null in a gap.
  [[nodiscard]] const E820Entry* find(Phys address) const;
  // Whether every byte of the range is of this type.
  [[nodiscard]] bool all(Range range, E820Type type) const;
  [[nodiscard]] uint64_t total(E820Type type) const;
  // End of the last whole frame of usable RAM below `limit` (Linux: e820_end_pfn); 0 if there is
  // none.
  [[nodiscard]] Pfn last_pfn(Pfn limit = pfn_down(Phys{kMaxPhys})) const;

  // One line an entry: `<who>: [mem 0x%016lx-0x%016lx] usable`, last byte inclusive, as Linux.
  void print(const Printer& out, const char* who) const;

 private:
  friend class E820Batch;

  template <class Rule>  // std::optional<E820Type>(std::optional<E820Type> old)
  Result<> repaint(Range range, Rule rule);
  void cut_at(Phys at);
  void move_up(size_t index, size_t slots);
  void put(size_t& count, const E820Entry& entry);
  [[nodiscard]] uint64_t bytes_in(Range range, std::optional<E820Type> type) const;
  [[nodiscard]] size_t first_ending_after(Phys at) const;

  std::span<E820Entry> storage_;
  size_t count_ = 0;  // storage_[0, count_) is sorted, disjoint, merged
};

// Many ranges for a table at once, in any order: for n of them n log n, and in one go where they
// come sorted. As Linux does it: e820__range_add() only notes them, e820__update_table() sorts it
// out. They wait in the table's storage, behind its entries, so nothing else may change the table
// between the first append() and finish().
//
// The table becomes what append() of each, in that order, would have made of it, but that an entry
// of a type which is not merged (Pram, SoftReserved) is cut wherever any of the ranges has a border,
// also where two touched that are merged by then: so it is with Linux.
class E820Batch {
 public:
  explicit E820Batch(E820Table& table);

  // Fails as E820Table::append does; what was given before stays. E820Table::capacity_for() all
  // that the table was ever given is room enough.
  Result<> append(Range range, E820Type type);
  // Now they are in the table.
  void finish();

 private:
  E820Table& table_;
  size_t count_;    // the table's entries, and behind them what was appended
  size_t borders_;  // of them all, at most: there will be fewer entries than that
};

// Names every entry that reaches beyond `end`, where the CPU has no addresses: `e820: [mem
// 0x...-0x...] reserved is beyond what the CPU can address (0x...)`. Returns how many there are.
size_t print_beyond(const E820Table& e820, Phys end, const Printer& out);
// How much of what is usable lies in `range`, which the CPU can address and page tables do not lead to.
void print_unreached(const E820Table& e820, Range range, const Printer& out);

}  // namespace mm
