#include "efi/map_over_boots.h"

#include <algorithm>

#include "efi/memory_map.h"

namespace efi {
namespace {

using loader::MapRange;
using mm::Printer;

constexpr const char* kPath = "\\baton\\map.txt";
constexpr const char* kBeforePath = "\\baton\\map.old";

// A file's record; not there: nothing of it is.
struct Kept {
  bool there = false;
  File file;
  Pages storage;
  loader::MapRecord record;

  [[nodiscard]] std::span<MapRange> ranges() const {
    return {storage.as<MapRange>(), record.count};
  }
  [[nodiscard]] std::string_view text() const { return {file.pages.as<char>(), file.size}; }
};

mm::Result<Kept> read_one(const Firmware& firmware, const Volume& volume, const char* path) {
  Kept kept;
  if (!BATON_TRY(volume.has(path))) return kept;
  kept.file = BATON_TRY(volume.read(firmware, path));
  if (kept.file.size > loader::kMaxMapFile) {
    return mm::Error{"is too long, and not read (bytes {}, most {})", path, kept.file.size,
                     loader::kMaxMapFile};
  }
  const size_t most = loader::most_map_ranges(kept.text());
  kept.storage = BATON_TRY(allocate_array<MapRange>(firmware, most, path));
  kept.record =
      BATON_TRY(loader::parse_map_record(kept.text(), path, kept.storage.span<MapRange>()));
  kept.there = true;
  return kept;
}

// The last start's, or where that was not written whole the one before; what is wrong is told.
struct Last {
  Kept kept;
  bool whole = false;  // it is map.txt, and right
};
Last read_last(const Firmware& firmware, const Volume& volume, const Printer& out) {
  auto now = read_one(firmware, volume, kPath);
  if (!now.ok()) out.error("the last start's map", now.error());
  if (now.ok() && now.value().there) return {std::move(now.value()), true};
  auto before = read_one(firmware, volume, kBeforePath);
  if (!before.ok()) {
    out.error("the last start's map", before.error());
    return {};
  }
  if (before.value().there) out.line("{}: not there whole; going by {}", kPath, kBeforePath);
  return {std::move(before.value()), false};
}

mm::Result<> replace(const Directory& own, const char* name, std::string_view text) {
  if (BATON_TRY(own.has(name))) BATON_TRY(own.remove(name));
  return own.write_new(name, text);
}

loader::MapDate date_of(const Firmware& firmware) {
  EFI_TIME time{};
  if (firmware.system->RuntimeServices->GetTime(&time, nullptr) != EFI_SUCCESS) return {};
  return loader::map_date(time.Year, time.Month, time.Day, time.Hour, time.Minute);
}

mm::Result<> write_now(const Firmware& firmware, const Directory& own, const Last& last,
                       std::span<const MapRange> now) {
  const loader::MapDate date = date_of(firmware);
  const Text text = BATON_TRY(text_of(
      firmware, kPath, [&](const Printer& out) { loader::print_map_record(now, date, out); }));
  if (text.length > loader::kMaxMapFile) {
    return mm::Error{"would become too long (bytes {}, most {})", kPath, text.length,
                     loader::kMaxMapFile};
  }
  // First, so that one of the two is always whole.
  if (last.whole) BATON_TRY(replace(own, loader::kMapBefore, last.kept.text()));
  return replace(own, loader::kMapFile, text.view());
}

mm::Result<> tell(const Firmware& firmware, const Last& last, std::span<MapRange> now,
                  MapOverBoots& boots, const Printer& out) {
  const size_t room = loader::map_changes_room(last.kept.record.count, now.size());
  boots.storage = BATON_TRY(allocate_array<loader::MapChange>(firmware, room, "map changes"));
  boots.count =
      loader::compare_maps(last.kept.ranges(), now, boots.storage.span<loader::MapChange>());
  boots.text = BATON_TRY(text_of(firmware, "map changes", [&](const Printer& to) {
    loader::print_map_changes(boots.changes(), last.kept.record.since, to);
  }));
  boots.known = true;
  if (boots.count != 0) out.text(boots.text.view());
  return {};
}

mm::Result<> compare(const Firmware& firmware, const Volume& volume, const Directory& own,
                     std::span<const mm::Range> listed, MapOverBoots& boots, const Printer& out) {
  const Last last = read_last(firmware, volume, out);
  const MemoryMap map = BATON_TRY(get_memory_map(firmware));
  const Pages storage = BATON_TRY(allocate_array<MapRange>(firmware, map.view().count(), kPath));
  const auto now = storage.span<MapRange>().first(
      loader::record_map(map.view(), listed, storage.span<MapRange>()));
  if (last.kept.there) BATON_TRY(tell(firmware, last, now, boots, out));
  if (last.whole && boots.count == 0) return {};
  return write_now(firmware, own, last, now);
}

}  // namespace

MapOverBoots compare_with_last_boot(const Firmware& firmware, const Volume& volume,
                                    const Directory& own, std::span<const mm::Range> listed,
                                    const Printer& out) {
  MapOverBoots boots;
  if (!own.there()) return boots;
  const auto compared = compare(firmware, volume, own, listed, boots, out);
  if (!compared.ok()) out.error("the map for the next start", compared.error());
  return boots;
}

}  // namespace efi
