#include "loader/handoff/handoff.h"

#include <bit>

namespace loader {
namespace {

// A later loader's has more at its end; this is the most that is looked at.
constexpr uint32_t kMostSize = 4096;

uint32_t sum_of_words(const Handoff& handoff) {
  static_assert(sizeof(Handoff) % sizeof(uint32_t) == 0);
  const auto* bytes = reinterpret_cast<const unsigned char*>(&handoff);
  uint32_t sum = 0;
  for (size_t i = 0; i < handoff.size; i += 4) {
    sum += uint32_t{bytes[i]} | uint32_t{bytes[i + 1]} << 8 | uint32_t{bytes[i + 2]} << 16 |
           uint32_t{bytes[i + 3]} << 24;
  }
  return sum;
}

template <class T>
mm::Result<> check_array(const char* field, const HandoffArray<T>& array) {
  if (array.count == 0) return {};
  if (array.element_size != sizeof(T)) {
    return mm::Error{"element size differs (given {}, understood {})", field, array.element_size,
                     sizeof(T)};
  }
  if (array.address == 0 || array.address % 8 != 0 || array.address >= mm::kMaxPhys) {
    return mm::Error{"address is null, unaligned or impossible (address {:#x}, count {})", field,
                     array.address, array.count};
  }
  return {};
}

mm::Result<> check_text(const char* field, const char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (text[i] == '\0') return {};
  }
  return mm::Error{"text does not end (size {})", field, size, 0};
}

// With two levels it depends, on Arm, on where RAM begins; with four and five on chance.
mm::Result<> check_direct_map(const Handoff& h) {
  struct Room {
    uint64_t first, last, align;
  };
  static constexpr Room kRooms[] = {
      {0, ~uint32_t{0}, kNarrowAlign},
      {kNarrowDirectMap, kNarrowDirectMap, 1},
      {kDirectMap4Level, kDirectMapEnd4Level - mm::kGiB, mm::kGiB},
      {kDirectMap5Level, kDirectMapEnd5Level - mm::kGiB, mm::kGiB},
  };
  const Room& room = kRooms[h.paging_levels - 2];
  if (h.direct_map >= room.first && h.direct_map <= room.last && h.direct_map % room.align == 0) {
    return {};
  }
  return mm::Error{"unexpected (given {:#x}, usually {:#x})", "direct_map", h.direct_map,
                   room.first};
}

}  // namespace

uint32_t bytes_per_pixel(const HandoffFramebuffer& facts) {
  if (facts.format == kPixelRgbx || facts.format == kPixelBgrx) return 4;
  if (facts.format != kPixelByMasks) return 0;
  const uint32_t all = facts.red_mask | facts.green_mask | facts.blue_mask | facts.reserved_mask;
  return (static_cast<uint32_t>(std::bit_width(all)) + 7) / 8;
}

mm::Result<> check_room(size_t options_length, size_t segments, size_t results,
                        size_t map_changes_length) {
  const auto check = [](const char* field, size_t count, size_t most) -> mm::Result<> {
    if (count <= most) return {};
    return mm::Error{"more than a kernel takes (given {}, most {})", field, count, most};
  };
  BATON_TRY(check("options", options_length, kMaxHandoffOptions));
  BATON_TRY(check("segments", segments, kMaxHandoffSegments));
  BATON_TRY(check("results", results, kMaxHandoffResults));
  return check("map_changes", map_changes_length, kMaxHandoffMapChanges);
}

void seal(Handoff& handoff) {
  handoff.checksum = 0;
  handoff.checksum = 0 - sum_of_words(handoff);
}

mm::Result<> check(const Handoff& h) {
  if (h.magic != kHandoffMagic) {
    return mm::Error{"not a handoff (given {:#x}, expected {:#x})", "magic", h.magic,
                     kHandoffMagic};
  }
  if (h.version != kHandoffVersion) {
    return mm::Error{"another version (given {}, understood {})", "version", h.version,
                     kHandoffVersion};
  }
  if (h.size < sizeof(Handoff) || h.size > kMostSize || h.size % sizeof(uint32_t) != 0) {
    return mm::Error{"too small, too large or no multiple of 4 (given {}, understood {})", "size",
                     h.size, sizeof(Handoff)};
  }
  if (const uint32_t sum = sum_of_words(h); sum != 0) {
    return mm::Error{"the words do not sum to zero (checksum {:#x}, sum {:#x})", "checksum",
                     h.checksum, sum};
  }
  BATON_TRY(check_array("e820", h.e820));
  if (h.e820.count == 0) return mm::Error{"no entries", "e820"};
  BATON_TRY(check_array("reservations", h.reservations));
  BATON_TRY(check_array("acpi_tables", h.acpi_tables));
  BATON_TRY(check_array("results", h.results));
  BATON_TRY(check_array("segments", h.segments));
  BATON_TRY(check_array("device_tree", h.device_tree));
  BATON_TRY(check_array("map_changes", h.map_changes));
  BATON_TRY(check_array("modules", h.modules));
  if (h.paging_levels < 2 || h.paging_levels > 5) {
    return mm::Error{"neither 2, 3, 4 nor 5 (levels {})", "paging_levels", h.paging_levels};
  }
  BATON_TRY(check_direct_map(h));
  if (h.efi_map_size != 0 && h.efi_descriptor_size == 0) {
    return mm::Error{"zero, but there is a map (descriptor size {}, map size {})",
                     "efi_descriptor_size", 0, h.efi_map_size};
  }
  BATON_TRY(check_text("loader_name", h.names.loader, sizeof(h.names.loader)));
  BATON_TRY(check_text("loader_version", h.names.version, sizeof(h.names.version)));
  BATON_TRY(check_text("loader_build", h.names.build, sizeof(h.names.build)));
  return check_text("firmware_vendor", h.names.firmware, sizeof(h.names.firmware));
}

}  // namespace loader
