#include "efi/bad_pages.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "efi/directory.h"
#include "efi/memory_map.h"
#include "efi/own_variables.h"
#include "efi/sheet.h"
#include "loader/bad_pages.h"
#include "loader/own_directory.h"

namespace efi {
namespace {

using mm::Printer;
using mm::Range;

constexpr OwnVariable kVariable{loader::kBadPagesVariable, "BatonBadPages"};
constexpr const char* kPath = "\\baton\\badpages.txt";
constexpr const char* kSparePath = "\\baton\\badpages.new";

// --- The list on the ESP -------------------------------------------------------------------------

mm::Result<File> read_small(const Firmware& firmware, const Volume& volume, const char* path) {
  if (!BATON_TRY(volume.has(path))) return File{};
  File file = BATON_TRY(volume.read(firmware, path));
  if (file.size > loader::kMaxBadPagesFile) {
    return mm::Error{"is too long, and not read (bytes {}, most {})", path, file.size,
                     loader::kMaxBadPagesFile};
  }
  return file;
}

std::string_view text_in(const File& file) { return {file.pages.as<char>(), file.size}; }

File remove_spare(const Directory& directory, File file, const Printer& out) {
  const auto removed = directory.remove(loader::kBadPagesSpare);
  if (!removed.ok()) out.error("bad pages", removed.error());
  return file;
}

// The one of the two that is whole, where a start that wrote them was cut short.
mm::Result<File> read_list(const Firmware& firmware, const Volume& volume,
                           const mm::Result<Directory>& own, const Printer& out) {
  if (!own.ok()) return own.error();
  const Directory& directory = own.value();
  if (!directory.there()) return File{};
  File file = BATON_TRY(read_small(firmware, volume, kPath));
  const bool whole = file.size != 0 && loader::is_whole(text_in(file));
  if (!BATON_TRY(directory.has(loader::kBadPagesSpare))) return file;
  // One that was left would come back when a person deletes the list.
  if (whole) return remove_spare(directory, std::move(file), out);
  File spare = BATON_TRY(read_small(firmware, volume, kSparePath));
  if (spare.size == 0 || !loader::is_whole(text_in(spare))) return file;
  out.line("{}: was not written whole; going by {}", kPath, kSparePath);
  return spare;
}

mm::Result<> write_list(const Firmware& firmware, std::string_view text) {
  const Directory directory = BATON_TRY(Directory::create(firmware, loader::kOwnDirectory));
  if (!directory.there()) return mm::Error{"cannot be made", loader::kOwnDirectory};
  const auto replace = [&](const char* name) -> mm::Result<> {
    if (BATON_TRY(directory.has(name))) BATON_TRY(directory.remove(name));
    return directory.write_new(name, text);
  };
  BATON_TRY(replace(loader::kBadPagesSpare));
  BATON_TRY(replace(loader::kBadPagesFile));
  return directory.remove(loader::kBadPagesSpare);
}

// What the last run left in the variable; empty: nothing.
struct LastRuns {
  std::array<uint8_t, loader::kMaxBadPages> bytes;
  loader::FoundBadPages found;
};
mm::Result<> read_last_run(const Firmware& firmware, LastRuns& last, const Printer& out) {
  const auto size = BATON_TRY(read_variable(firmware, kVariable, last.bytes));
  if (!size.has_value()) return {};
  const auto found = loader::parse_found(std::span<const uint8_t>(last.bytes).first(*size));
  if (found.ok()) {
    last.found = found.value();
    return {};
  }
  out.error("bad pages: thrown away", found.error());
  return delete_variable(firmware, kVariable);
}

// Goes into the list, of which `known` is what it has; it stays in the variable where the list cannot
// be written.
mm::Result<> write_last_run(const Firmware& firmware, std::string_view before,
                            std::span<const Range> known, const loader::FoundBadPages& found,
                            const Printer& out) {
  size_t added = 0;
  const Text text = BATON_TRY(text_of(firmware, kPath, [&](const Printer& to) {
    added = loader::write_bad_pages(before, known, found, to);
  }));
  if (text.length > loader::kMaxBadPagesFile) {
    return mm::Error{"would become too long (bytes {}, most {})", kPath, text.length,
                     loader::kMaxBadPagesFile};
  }
  if (added != 0) {
    BATON_TRY(write_list(firmware, text.view()));
    out.line("{}: {} of what the last run found are new", kPath, added);
  }
  return delete_variable(firmware, kVariable);
}

mm::Result<BadPageList> read_all(const Firmware& firmware, const Volume& volume, const Tpm& tpm,
                                 const mm::Result<Directory>& own, const char* words,
                                 const Printer& out) {
  const std::string_view by_hand(words);
  LastRuns last{};
  if (const auto read = read_last_run(firmware, last, out); !read.ok()) {
    out.error("bad pages: the last run's", read.error());
  }
  const loader::FoundBadPages& found = last.found;
  auto file = read_list(firmware, volume, own, out);
  if (!file.ok()) out.error("bad pages", file.error());
  const std::string_view text = file.ok() ? text_in(file.value()) : std::string_view();
  if (text.empty() && by_hand.empty() && found.head.count == 0) return BadPageList{};
  if (!text.empty()) tpm.measure(Pcr::Options, text, "baton: bad pages", kPath);
  if (!by_hand.empty()) tpm.measure(Pcr::Options, by_hand, "baton: bad pages", words);
  const size_t most =
      loader::most_bad_ranges(text) + loader::most_bad_ranges(by_hand) + found.head.count;
  BadPageList listed{BATON_TRY(allocate_array<Range>(firmware, most, "list of bad pages"))};
  const std::span<Range> room = listed.storage.span<Range>();
  size_t count = loader::read_bad_pages(text, kPath, room, out);
  if (found.head.count != 0 && file.ok()) {
    const auto written = write_last_run(firmware, text, room.first(count), found, out);
    if (!written.ok()) out.error("bad pages: the last run's", written.error());
  }
  count += loader::read_bad_words(by_hand, "badpages", room.subspan(count), out);
  for (size_t i = 0; i < found.head.count; ++i) room[count++] = found.at(i).range;
  listed.count = loader::merge_ranges(room.first(count));
  return listed;
}

// --- Keeping them --------------------------------------------------------------------------------

// Whether they are taken, for good. Prints nothing: a console that scrolls takes memory.
bool take(const Firmware& firmware, Range range) {
  const auto pages = static_cast<UINTN>(range.size() / mm::kPageSize);
  for (const EFI_MEMORY_TYPE type : {EfiUnusableMemory, EfiReservedMemoryType}) {
    EFI_PHYSICAL_ADDRESS address = range.start.v;
    if (firmware.boot->AllocatePages(AllocateAddress, type, pages, &address) == EFI_SUCCESS &&
        address == range.start.v) {
      return true;
    }
  }
  return false;
}

// As much of it as the firmware gives; what it does not is added to `refused`, as far as there is
// room. Returns how many bytes were taken.
struct Refused {
  std::span<Range> room;
  size_t count = 0;
  void add(Range range) {
    if (count != 0 && room[count - 1].end == range.start) {
      room[count - 1].end = range.end;
    } else if (count < room.size()) {
      room[count++] = range;
    }
  }
};
uint64_t take_parts(const Firmware& firmware, Range range, Refused& refused) {
  if (take(firmware, range)) return range.size();
  if (range.size() == mm::kPageSize) {
    refused.add(range);
    return 0;
  }
  const mm::Phys middle = range.start + mm::align_down(range.size() / 2, mm::kPageSize);
  return take_parts(firmware, {range.start, middle}, refused) +
         take_parts(firmware, {middle, range.end}, refused);
}

void tell_held(const loader::HeldPages& held, const Printer& out) {
  using Type = loader::EfiMemoryType;
  const bool freed = held.type == Type::BootServicesCode || held.type == Type::BootServicesData ||
                     held.type == Type::LoaderCode || held.type == Type::LoaderData ||
                     held.type == Type::AcpiReclaim;
  out.line("bad pages: {}: the firmware has it itself ({}){}", mem(held.range), printed(held.type),
           freed ? ", and gives it to the operating system afterwards" : "");
}

// `kept` grows by the bytes that are taken. With the list, and the buffers that are only needed on the
// way.
mm::Result<HeldBadPages> withhold(const Firmware& firmware, BadPageList listed, uint64_t& kept,
                                  const Printer& out) {
  MemoryMap map = BATON_TRY(get_memory_map(firmware));
  const size_t room = loader::withholding_room(listed.count, map.capacity());
  const Pages take_storage = BATON_TRY(allocate_array<Range>(firmware, room, "bad pages"));
  const Pages held_storage =
      BATON_TRY(allocate_array<loader::HeldPages>(firmware, room, "bad pages"));
  HeldBadPages result{BATON_TRY(allocate_array<Range>(firmware, 2 * room, "bad pages"))};
  // Again, as what was just allocated may lie on one.
  if (const EFI_STATUS status = map.fetch(firmware); status != EFI_SUCCESS) {
    return failed("cannot be had", "the firmware's map", status);
  }
  const auto taken = take_storage.span<Range>();
  const auto held = held_storage.span<loader::HeldPages>();
  const loader::Withholding plan =
      BATON_TRY(loader::plan_withholding(map.view(), listed.ranges(), taken, held));
  Refused refused{result.storage.span<Range>()};
  for (const Range& range : taken.first(plan.take)) kept += take_parts(firmware, range, refused);
  for (const Range& range : refused.room.first(refused.count)) {
    out.line("bad pages: {}: the firmware does not give it", mem(range));
  }
  constexpr size_t kShown = 16;
  for (size_t i = 0; i < plan.held; ++i) {
    if (i < kShown) tell_held(held[i], out);
    refused.add(held[i].range);
  }
  if (plan.held > kShown) out.line("bad pages: and {} more that it has", plan.held - kShown);
  result.count = refused.count;
  if (plan.good != 0) {
    out.line(
        "bad pages: {} KiB between them are good, and kept too: neighbours were joined to {} "
        "ranges",
        plan.good / mm::kKiB, plan.take);
  }
  if (plan.nowhere != 0) {
    out.line("bad pages: {} KiB of them are in no memory of this machine", plan.nowhere / mm::kKiB);
  }
  return result;
}

// What our own buffers lay on is free by now.
void take_what_was_ours(const Firmware& firmware, HeldBadPages& held, uint64_t& kept) {
  const auto ranges = held.storage.span<Range>();
  size_t still = 0;
  for (size_t i = 0; i < held.count; ++i) {
    if (take(firmware, ranges[i])) {
      kept += ranges[i].size();
    } else {
      ranges[still++] = ranges[i];
    }
  }
  held.count = still;
}

}  // namespace

BadPageList read_bad_pages(const Firmware& firmware, const Volume& volume, const Tpm& tpm,
                           const mm::Result<Directory>& own, const char* by_hand,
                           const Printer& out) {
  auto listed = read_all(firmware, volume, tpm, own, by_hand, out);
  if (listed.ok()) return std::move(listed.value());
  out.error("bad pages", listed.error());
  return {};
}

HeldBadPages withhold_bad_pages(const Firmware& firmware, BadPageList listed, const Printer& out) {
  const size_t count = listed.count;
  if (count == 0) return {};
  uint64_t kept = 0;
  auto held = withhold(firmware, std::move(listed), kept, out);
  if (!held.ok()) {
    out.error("bad pages", held.error());
    return {};
  }
  take_what_was_ours(firmware, held.value(), kept);
  out.line(
      "bad pages: {} ranges are listed; {} KiB kept from whatever is started, {} ranges held by "
      "the firmware",
      count, kept / mm::kKiB, held.value().count);
  return std::move(held.value());
}

}  // namespace efi
