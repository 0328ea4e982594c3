// e820 as GRUB's lsmmap and Limine print it.
//
//   base_addr = 0x0, length = 0x9fc00, available RAM
//   e820: [0x0 -> 0x9fc00] : 0x9fc00  <Usable RAM>                  the second is one past the end
#include "tools/replay/formats/format.h"

namespace replay {
namespace {

using mm::E820Type;

struct Name {
  std::string_view name;
  E820Type type;
};

// grub-core/commands/lsmmap.c.
constexpr Name kGrub[] = {
    {"available RAM", E820Type::Ram},
    {"reserved RAM", E820Type::Reserved},
    {"ACPI reclaimable RAM", E820Type::Acpi},
    {"ACPI non-volatile storage RAM", E820Type::Nvs},
    {"faulty RAM (BadRAM)", E820Type::Unusable},
    {"persistent RAM (legacy)", E820Type::Pram},
    {"persistent RAM", E820Type::Pmem},
    {"RAM holding coreboot tables", E820Type::Reserved},
    {"RAM holding firmware code", E820Type::Reserved},
};
constexpr Name kLimine[] = {
    {"Usable RAM", E820Type::Ram},
    {"Usable", E820Type::Ram},
    {"Reserved", E820Type::Reserved},
    {"ACPI reclaimable", E820Type::Acpi},
    {"ACPI NVS", E820Type::Nvs},
    {"Bad memory", E820Type::Unusable},
    {"Framebuffer", E820Type::Reserved},
    {"Kernel/Modules", E820Type::Ram},
    {"Bootloader reclaimable", E820Type::Ram},
    {"EFI reclaimable", E820Type::Ram},
};

template <size_t count>
std::optional<E820Type> type_of(std::string_view text, const Name (&names)[count]) {
  for (const Name& name : names) {
    if (text.starts_with(name.name)) return name.type;
  }
  return std::nullopt;
}

Spelled sized(uint64_t start, uint64_t length) {
  return {.first = start, .last = start + length - 1, .nothing = length == 0};
}

MapLine grub_line(std::string_view text) {
  std::string_view rest = behind(text, "base_addr = ");
  if (rest.empty()) return {};
  const auto start = take_number(rest, 16);
  const auto length = take_word(rest, ", length = ") ? take_number(rest, 16) : std::nullopt;
  if (!start || !length || !take_word(rest, ", ") || *start > UINT64_MAX - *length) {
    return {.kind = MapLine::Kind::Bad};
  }
  // What it does not know it calls "type = 0x14 RAM" or so: no RAM for us.
  return {.kind = MapLine::Kind::Entry,
          .bytes = sized(*start, *length),
          .type = type_of(rest, kGrub).value_or(E820Type::Reserved)};
}

MapLine limine_line(std::string_view text) {
  const size_t arrow = text.find(" -> ");
  const size_t bracket = text.rfind('[', arrow);
  if (arrow == std::string_view::npos || bracket == std::string_view::npos) return {};
  std::string_view rest = text.substr(bracket + 1);
  const auto start = take_number(rest, 16);
  const auto end = take_word(rest, " -> ") ? take_number(rest, 16) : std::nullopt;
  if (!start || !end || !take_word(rest, "] : ")) return {};
  const auto length = take_number(rest, 16);
  take_blanks(rest);
  if (!length || !take_word(rest, "<")) return {};
  const auto type = type_of(rest, kLimine);
  if (!type || *end - *start != *length) return {.kind = MapLine::Kind::Bad};
  return {.kind = MapLine::Kind::Entry, .bytes = sized(*start, *length), .type = *type};
}

}  // namespace

constinit const Format kGrubFormat{.name = "what GRUB's lsmmap prints", .line = grub_line};
constinit const Format kLimineFormat{.name = "the map that Limine prints", .line = limine_line};

}  // namespace replay
