// Pages that are known to be bad: the list of them on the ESP, and how they are kept from whatever is
// started.
//
// \baton\badpages.txt has a line for each range: its first and last address in hexadecimal (one
// address alone is the page that it is in), then anything. Blank lines, and what begins with #, are
// for people. Where a line ends in `sum=` and eight digits, that is the CRC32 of what stands before
// it, as in every line of Baton's own; lines of a person's own have none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "loader/efi_memory_map.h"
#include "loader/handoff/bad_pages.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"

namespace loader {

inline constexpr const char* kBadPagesFile = "badpages.txt";
// While the file is written anew its content is here, too, so that one of the two is always whole.
inline constexpr const char* kBadPagesSpare = "badpages.new";
inline constexpr size_t kMaxBadPagesFile = 256 * mm::kKiB;

// --- The list ---

// As many ranges as the text can have, at most.
[[nodiscard]] size_t most_bad_ranges(std::string_view text);

// The ranges that a text lists, in whole pages, ascending, disjoint and not touching; how many there
// are. `out` must have room for most_bad_ranges(). A line that says nothing valid is named in
// `findings`, with `name` and its number, and left out: a wrong sum, no address, an end before its
// start, beyond the physical address space; and a last line without its end, which may be cut off. Of
// very many the first are named, and the others counted.
size_t read_bad_pages(std::string_view text, const char* name, std::span<mm::Range> out,
                      const mm::Printer& findings);
// Ranges separated by blanks or commas: baton.conf's `badpages`. The same rules.
size_t read_bad_words(std::string_view text, const char* name, std::span<mm::Range> out,
                      const mm::Printer& findings);
// Ranges from two such lists, one behind the other in `all`, as one list; how many there are then.
size_t merge_ranges(std::span<mm::Range> all);

// Whether a range is one that was taken for such a list, in this start or an earlier one that the
// power has outlived: all of it is listed, or lies between two that may be joined.
[[nodiscard]] bool is_of_list(std::span<const mm::Range> listed, mm::Range range);

// Whether nothing of the text's end is missing: what write_bad_pages() wrote last is there.
[[nodiscard]] bool is_whole(std::string_view text);

// Prints the list anew: each line of `before`, then one for each entry whose pages are not all in
// `known` (read_bad_pages() of `before`). How many lines were added.
size_t write_bad_pages(std::string_view before, std::span<const mm::Range> known,
                       const FoundBadPages& found, const mm::Printer& out);

// --- Keeping them ---

// Ranges kept by themselves, at most: beyond that neighbours are joined where what lies between them
// is free, too.
inline constexpr size_t kMostWithheld = 64;

struct HeldPages {
  mm::Range range;
  EfiMemoryType type;
};
// Of bad ranges: what is free in the firmware's map, and so can be taken; and what is not. What is
// unusable there already is in neither. `take` and `held` must each have room for withholding_room();
// fails where descriptors overlap so much that there are more parts, and where more than half of what
// is free would be taken, in all or below 4 GiB or 1 MiB: nothing could be started any more.
struct Withholding {
  size_t take = 0, held = 0;
  uint64_t good = 0;     // bytes of good memory that are taken, too, as neighbours were joined
  uint64_t nowhere = 0;  // bytes of the ranges that the map does not have
};
[[nodiscard]] constexpr size_t withholding_room(size_t ranges, size_t descriptors) {
  return ranges + descriptors;
}
mm::Result<Withholding> plan_withholding(const EfiMemoryMap& map, std::span<const mm::Range> bad,
                                         std::span<mm::Range> take, std::span<HeldPages> held);

}  // namespace loader
