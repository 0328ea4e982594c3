// The firmware's memory map from start to start: what of it is kept on the ESP, and what has moved
// since.
//
// \baton\map.txt has a comment, `since` with a date, a line for each range (its first and last address
// in hexadecimal, the number of its UEFI type, the type's name), and at the end a CRC32 of all that
// stands before. map.old is the same of the map before that one; while map.txt is written anew it is
// what a start goes by that finds it torn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "loader/efi_memory_map.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"

namespace loader {

inline constexpr const char* kMapFile = "map.txt";
inline constexpr const char* kMapBefore = "map.old";
inline constexpr size_t kMaxMapFile = 64 * mm::kKiB;

// --- The record ---

struct MapRange {
  mm::Range range;
  EfiMemoryType type = EfiMemoryType::Reserved;
  bool matched = false;  // compare_maps()'s own

  friend bool operator==(const MapRange& a, const MapRange& b) {
    return a.range == b.range && a.type == b.type;
  }
};

// Year 0: the firmware had no clock.
struct MapDate {
  uint16_t year = 0;
  uint8_t month = 0, day = 0, hour = 0, minute = 0;
};

// What a clock says, where that can be: otherwise there is none.
[[nodiscard]] MapDate map_date(unsigned year, unsigned month, unsigned day, unsigned hour,
                               unsigned minute);

// The map as who comes after the firmware finds it: ascending, ranges of one type that touch as one,
// and all that e820 calls usable as Conventional, whoever has it now; so nothing that a program
// allocated makes a difference. Descriptors that cannot be right are left out (the self-tests
// efi.map.* name them). What a start of Baton before this one took, since it is `listed` as bad
// (loader/bad_pages.h), is usable here, as it was. How many ranges there are; `out` has room for one
// for each descriptor.
size_t record_map(const EfiMemoryMap& map, std::span<const mm::Range> listed,
                  std::span<MapRange> out);

// A file's content. The ranges lie in what parse_map_record() was given.
struct MapRecord {
  MapDate since;
  size_t count = 0;
};
// As many ranges as the text can have, at most.
[[nodiscard]] size_t most_map_ranges(std::string_view text);
// Fails when anything of it is not as print_map_record() writes it: torn, damaged, made up.
mm::Result<MapRecord> parse_map_record(std::string_view text, const char* name,
                                       std::span<MapRange> out);
void print_map_record(std::span<const MapRange> map, const MapDate& since, const mm::Printer& out);

// --- What has moved ---

struct MapChange {
  // Moved: a range of the same type begins or ends elsewhere. Retyped: the same range. Usable: bytes
  // of usable memory, as ranges from 0; told as a whole, since it gives way to every other change.
  enum class Kind : uint8_t { Moved, Retyped, Appeared, Went, Usable };
  Kind kind = Kind::Moved;
  MapRange before, after;  // Appeared and Went: the one that there is; the other is empty

  [[nodiscard]] mm::Phys at() const {
    return kind == Kind::Appeared ? after.range.start : before.range.start;
  }
};
[[nodiscard]] constexpr size_t map_changes_room(size_t before, size_t after) {
  return before + after + 1;
}
// What differs between two records, by address, usable memory first; how many. Ranges belong together
// that are the same but for their type; then of one type: those of one size, those that overlap, and
// what is left where both maps have left as many.
size_t compare_maps(std::span<MapRange> before, std::span<MapRange> after,
                    std::span<MapChange> out);

// What an operating system that was put to sleep on disk finds where it was, or does not wake up:
// ACPI's tables and NVS, and runtime services.
[[nodiscard]] bool must_stay(EfiMemoryType type);
[[nodiscard]] bool must_stay(const MapChange& change);

// One without its end of line.
void print_map_change(const MapChange& change, const mm::Printer& out);
// All, a line each: no more than what the handoff has room for, and then how many more there are.
void print_map_changes(std::span<const MapChange> changes, const MapDate& since,
                       const mm::Printer& out);

}  // namespace loader
