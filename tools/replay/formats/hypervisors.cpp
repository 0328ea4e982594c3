// e820 as Xen and FreeBSD print it.
//
//   (XEN)  [0000000000000000, 000000000009fbff] (usable)           last byte
//   (XEN)  0000000000000000 - 000000000009fc00 (usable)            before 4.14, one past it
//   (XEN) SRAT: Node 0 PXM 0 [0000000000000000, 000000007fffffff]  or 0-80000000
//   SMAP type=01 base=0000000000000000 len=000000000009fc00        FreeBSD with boot -v
//   SMAP type=01, xattr=01, base=..., len=...                      its sysctl machdep.smap
//   SRAT: Found memory domain 0 addr 0x0 len 0xa0000: enabled
#include "tools/replay/formats/format.h"

namespace replay {
namespace {

using mm::E820Type;
using LineKind = MapLine::Kind;

// `[FIRST, LAST]`, `START - END`, `START-END`.
std::optional<Spelled> take_xen_range(std::string_view& text) {
  if (!text.starts_with("[")) {
    std::string_view rest = text;
    const auto bare = take_bare(rest);
    if (bare) text = rest;
    return bare;
  }
  std::string_view rest = text.substr(1);
  const auto first = take_number(rest, 16);
  if (!first || !take_word(rest, ",")) return std::nullopt;
  take_blanks(rest);
  const auto last = take_number(rest, 16);
  if (!last || !take_word(rest, "]")) return std::nullopt;
  text = rest;
  return Spelled{.first = *first, .last = *last, .nothing = false};
}

MapLine xen_affinity(std::string_view rest) {
  const auto node = take_number(rest, 10);
  if (!node || !take_word(rest, " PXM ") || !take_number(rest, 10) || !take_word(rest, " ")) {
    return {.kind = LineKind::Bad};
  }
  const auto bytes = take_xen_range(rest);
  if (!bytes || *node >= mm::kMaxNodes) return {.kind = LineKind::Bad};
  return {.kind = LineKind::Affinity,
          .bytes = *bytes,
          .node = static_cast<mm::NodeId>(*node),
          .hotplug = rest.find("(hotplug)") != std::string_view::npos};
}

MapLine xen_line(std::string_view text) {
  std::string_view rest = behind(text, "(XEN)");
  if (const auto affinity = behind(rest, "SRAT: Node "); !affinity.empty()) {
    return xen_affinity(affinity);
  }
  rest = rest.substr(std::min(rest.find_first_of("[0123456789abcdef"), rest.size()));
  const auto bytes = take_xen_range(rest);
  if (!bytes) return {};
  take_blanks(rest);
  if (!rest.starts_with("(")) return {};
  const auto type = take_type(rest);
  if (!type) return {};
  return {.kind = LineKind::Entry, .bytes = *bytes, .type = *type};
}

// A length in the same base; nothing where it goes beyond what 64 bits have.
std::optional<Spelled> sized(uint64_t start, uint64_t length) {
  if (start > UINT64_MAX - length) return std::nullopt;
  return Spelled{.first = start, .last = start + length - 1, .nothing = length == 0};
}

// What stands behind both words, the second somewhere behind the first.
std::optional<Spelled> take_sized(std::string_view text, std::string_view start,
                                  std::string_view length) {
  std::string_view first = behind(text, start);
  std::string_view second = behind(first, length);
  const auto at = take_number(first, 16);
  const auto bytes = take_number(second, 16);
  if (!at || !bytes) return std::nullopt;
  return sized(*at, *bytes);
}

MapLine freebsd_affinity(std::string_view rest) {
  const auto node = take_number(rest, 10);
  const auto bytes = take_sized(rest, " addr ", " len ");
  if (!node || *node >= mm::kMaxNodes || !bytes) return {.kind = LineKind::Bad};
  if (rest.find("enabled") == std::string_view::npos) return {};
  return {.kind = LineKind::Affinity, .bytes = *bytes, .node = static_cast<mm::NodeId>(*node)};
}

MapLine freebsd_line(std::string_view text) {
  if (const auto rest = behind(text, "SRAT: Found memory domain "); !rest.empty()) {
    return freebsd_affinity(rest);
  }
  std::string_view rest = behind(text, "SMAP type=");
  if (rest.empty()) return {};
  const auto type = take_number(rest, 16);
  const auto bytes = take_sized(rest, "base=", "len=");
  if (!type || *type > UINT32_MAX || !bytes) return {.kind = LineKind::Bad};
  return {.kind = LineKind::Entry, .bytes = *bytes, .type = E820Type{static_cast<uint32_t>(*type)}};
}

}  // namespace

constinit const Format kXenFormat{.name = "the log of a Xen hypervisor", .line = xen_line};
constinit const Format kFreeBsdFormat{.name = "the log of a FreeBSD boot", .line = freebsd_line};

}  // namespace replay
