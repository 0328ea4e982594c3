#include "efi/bad_pages.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "efi/directory.h"
#include "efi/memory_map.h"
#include "efi/own_variables.h"
#include "efi/sheet.h"
#include "loader/bad_pages.h"

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

// The one of the two that is whole, where a start that wrote them was cut short.
mm::Result<File> read_list(const Firmware& firmware, const Volume& volume, const Printer& out) {
  if (!BATON_TRY(Directory::open(firmware, loader::kBadPagesDirectory)).there()) return File{};
  File file = BATON_TRY(read_small(firmware, volume, kPath));
  if (file.size != 0 && loader::is_whole(text_in(file))) return file;
  File spare = BATON_TRY(read_small(firmware, volume, kSparePath));
  if (spare.size == 0 || !loader::is_whole(text_in(spare))) return file;
  out.line("{}: was not written whole; going by {}", kPath, kSparePath);
  return spare;
}

mm::Result<> write_list(const Firmware& firmware, std::string_view text) {
  const Directory directory = BATON_TRY(Directory::create(firmware, loader::kBadPagesDirectory));
  if (!directory.there()) return mm::Error{"cannot be made", loader::kBadPagesDirectory};
  const auto replace = [&](const char* name) -> mm::Result<> {
    if (BATON_TRY(directory.has(name))) BATON_TRY(directory.remove(name));
    return directory.write_new(name, text);
  };
  BATON_TRY(replace(loader::kBadPagesSpare));
  BATON_TRY(replace(loader::kBadPagesFile));
  return directory.remove(loader::kBadPagesSpare);
}

// The ranges that a list has.
struct Listed {
  Pages storage;
  size_t count = 0;
  [[nodiscard]] std::span<Range> ranges() const { return {storage.as<Range>(), count}; }
};
mm::Result<Listed> ranges_of(const Firmware& firmware, std::string_view text,
                             std::string_view by_hand, const Printer& out) {
  const size_t most = loader::most_bad_ranges(text) + loader::most_bad_ranges(by_hand);
  Listed listed{BATON_TRY(allocate_array<Range>(firmware, most, "list of bad pages"))};
  const std::span<Range> room = listed.storage.span<Range>();
  const size_t in_file = loader::read_bad_pages(text, kPath, room, out);
  const size_t in_words = loader::read_bad_words(by_hand, "badpages", room.subspan(in_file), out);
  listed.count = loader::merge_ranges(room.first(in_file + in_words));
  return listed;
}

// What the last run found goes into the list; it stays in the variable where it cannot be written.
mm::Result<> take_in_last_run(const Firmware& firmware, const Volume& volume, const Printer& out) {
  std::array<uint8_t, loader::kMaxBadPages> stored;
  const auto size = BATON_TRY(read_variable(firmware, kVariable, stored));
  if (!size.has_value()) return {};
  const auto found = loader::parse_found(std::span(stored).first(*size));
  if (!found.ok()) {
    out.error("bad pages: thrown away", found.error());
    return delete_variable(firmware, kVariable);
  }
  const File before = BATON_TRY(read_list(firmware, volume, out));
  // What is wrong in it is told when it is read for good.
  const Listed known = BATON_TRY(ranges_of(firmware, text_in(before), {}, {}));
  size_t added = 0;
  const Text text = BATON_TRY(text_of(firmware, kPath, [&](const Printer& to) {
    added = loader::write_bad_pages(text_in(before), known.ranges(), found.value(), to);
  }));
  if (added != 0) {
    BATON_TRY(write_list(firmware, text.view()));
    out.line("{}: {} of what the last run found are new", kPath, added);
  }
  return delete_variable(firmware, kVariable);
}

// --- Keeping them --------------------------------------------------------------------------------

// Whether they are taken, for good.
bool take(const Firmware& firmware, Range range, const Printer& out) {
  const auto pages = static_cast<UINTN>(range.size() / mm::kPageSize);
  EFI_STATUS status = EFI_SUCCESS;
  for (const EFI_MEMORY_TYPE type : {EfiUnusableMemory, EfiReservedMemoryType}) {
    EFI_PHYSICAL_ADDRESS address = range.start.v;
    status = firmware.boot->AllocatePages(AllocateAddress, type, pages, &address);
    if (status == EFI_SUCCESS) return true;
  }
  out.line("bad pages: {}: the firmware does not give it: {}", mem(range),
           status_name(status) != nullptr ? status_name(status) : "unknown status");
  return false;
}

void tell_held(const loader::HeldPages& held, const Printer& out) {
  using Type = loader::EfiMemoryType;
  const bool freed = held.type == Type::BootServicesCode || held.type == Type::BootServicesData ||
                     held.type == Type::LoaderCode || held.type == Type::LoaderData ||
                     held.type == Type::AcpiReclaim;
  out.line("bad pages: {}: the firmware has it itself ({}){}", mem(held.range), printed(held.type),
           freed ? ", and gives it to the operating system afterwards" : "");
}

mm::Result<HeldBadPages> withhold(const Firmware& firmware, const Listed& listed,
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
  uint64_t bytes = 0;
  auto* const refused = result.storage.as<Range>();
  for (const Range& range : taken.first(plan.take)) {
    if (take(firmware, range, out)) {
      bytes += range.size();
    } else {
      refused[result.count++] = range;
    }
  }
  for (const loader::HeldPages& one : held.first(plan.held)) {
    tell_held(one, out);
    refused[result.count++] = one.range;
  }
  out.line(
      "bad pages: {} ranges are listed; {} KiB kept from whatever is started, {} ranges held by "
      "the firmware",
      listed.count, bytes / mm::kKiB, result.count);
  if (plan.good != 0) {
    out.line("bad pages: of that {} KiB are good: neighbours were joined to {} ranges",
             plan.good / mm::kKiB, plan.take);
  }
  if (plan.nowhere != 0) {
    out.line("bad pages: {} KiB of them are in no memory of this machine", plan.nowhere / mm::kKiB);
  }
  return result;
}

}  // namespace

HeldBadPages withhold_bad_pages(const Firmware& firmware, const Volume& volume, const char* by_hand,
                                const Printer& out) {
  if (const auto taken = take_in_last_run(firmware, volume, out); !taken.ok()) {
    out.error("bad pages: the last run's", taken.error());
  }
  const auto file = read_list(firmware, volume, out);
  if (!file.ok()) out.error("bad pages", file.error());
  if ((!file.ok() || file.value().size == 0) && *by_hand == '\0') return {};
  const auto listed =
      ranges_of(firmware, file.ok() ? text_in(file.value()) : std::string_view(), by_hand, out);
  if (!listed.ok()) {
    out.error("bad pages", listed.error());
  } else if (listed.value().count != 0) {
    auto held = withhold(firmware, listed.value(), out);
    if (held.ok()) return std::move(held.value());
    out.error("bad pages", held.error());
  }
  return {};
}

}  // namespace efi
