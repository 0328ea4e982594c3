// UEFI's map as Linux prints it with efi=debug.
//
//   efi: mem00: [Conventional Memory|   |  |  |  |  |  |  |  |  |   |WB|WT|WC|UC] range=[0x0-0xfff] (0MB)
//   efi: mem00: type=7, attr=0xf, range=[0x0-0x1000) (0MB)            before 4.2, end exclusive
//   efi:   0x000040000000-0x00004007ffff [Loader Data |...|WB|WT|WC|UC]     arm64
#include "tools/replay/formats/format.h"

namespace replay {
namespace {

// drivers/firmware/efi/efi.c: newer and older words begin alike.
constexpr EfiNames kNames = {"Reserved",  "Loader Code",  "Loader Data",  "Boot Code",
                             "Boot Data", "Runtime Code", "Runtime Data", "Conventional",
                             "Unusable",  "ACPI Reclaim", "ACPI Mem",     "M",
                             "MMIO Port", "PAL Code",     "Persistent",   "Unaccepted"};

// `|MR|`, `|SP|` among the others, a column each.
bool has_column(std::string_view columns, std::string_view name) {
  for (size_t at = columns.find(name); at != std::string_view::npos;
       at = columns.find(name, at + 1)) {
    const size_t end = at + name.size();
    if (at > 0 && columns[at - 1] == '|' && end < columns.size() &&
        (columns[end] == '|' || columns[end] == ']')) {
      return true;
    }
  }
  return false;
}

std::optional<Spelled> take_efi_range(std::string_view& text) {
  auto found = take_first_last(text);
  if (found && text.starts_with(")")) {
    if (found->last < found->first) return std::nullopt;
    found->nothing = found->last == found->first;
    --found->last;
  }
  return found;
}

MapLine with(MapLine found, const std::optional<Spelled>& bytes) {
  if (!bytes) return {.kind = MapLine::Kind::Bad};
  found.bytes = *bytes;
  return found;
}

// `[TYPE |columns]`, and what the range is.
MapLine by_name(std::string_view description, const std::optional<Spelled>& bytes) {
  const auto type = take_efi_type(description, kNames);
  if (!type) return {.kind = MapLine::Kind::Bad};
  const std::string_view columns = description.substr(0, description.find(']') + 1);
  const uint64_t attributes = (has_column(columns, "MR") ? kEfiMoreReliable : 0) |
                              (has_column(columns, "SP") ? kEfiSpecificPurpose : 0);
  return with(efi_line(*type, attributes, 0, 1), bytes);
}

MapLine read_line(std::string_view text) {
  std::string_view rest = behind(text, "efi: ");
  take_blanks(rest);
  if (rest.starts_with("0x")) {
    const auto bytes = take_efi_range(rest);
    take_blanks(rest);
    if (!bytes || !take_word(rest, "[")) return {};
    return by_name(rest, bytes);
  }
  if (!take_word(rest, "mem") || !take_number(rest, 10) || !take_word(rest, ":")) return {};
  std::string_view range = behind(rest, "range=[");
  const auto bytes = take_efi_range(range);
  take_blanks(rest);
  if (take_word(rest, "[")) return by_name(rest, bytes);
  if (!take_word(rest, "type=")) return {.kind = MapLine::Kind::Bad};
  const auto type = take_number(rest, 10);
  const auto attributes = take_word(rest, ", attr=") ? take_number(rest, 16) : std::nullopt;
  if (!type || !attributes) return {.kind = MapLine::Kind::Bad};
  return with(efi_line(static_cast<unsigned>(*type), *attributes, 0, 1), bytes);
}

}  // namespace

constinit const Format kEfiLogFormat{.name = "an EFI memory map as Linux prints it with efi=debug",
                                     .line = read_line};

}  // namespace replay
