// What the parts of the picture of memory share: its colours, its names for e820 types, short
// texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <type_traits>

#include "kernel/screen/framebuffer.h"
#include "mm/e820.h"
#include "mm/format.h"
#include "mm/picture/pieces.h"
#include "mm/zones.h"

namespace kernel::picture_parts {

inline constexpr Colour kBack{12, 14, 20};
inline constexpr Colour kPanel{22, 26, 36};
inline constexpr Colour kText{214, 219, 228};
inline constexpr Colour kDim{128, 138, 156};
inline constexpr Colour kBright{250, 252, 255};
inline constexpr Colour kUsed{240, 138, 60};
inline constexpr Colour kEmpty{30, 34, 44};
inline constexpr Colour kTested{70, 150, 255};
inline constexpr Colour kTesting{255, 255, 255};
inline constexpr Colour kBad{255, 30, 60};

// --- e820 ---

struct TypeLook {
  mm::E820Type type;
  const char* name;
  Colour colour;
};
// In the order of mm::kPictureTypes.
inline constexpr TypeLook kTypes[] = {
    {mm::E820Type::Ram, "usable", {74, 122, 96}},
    {mm::E820Type::Unaccepted, "unaccepted", {150, 150, 90}},
    {mm::E820Type::SoftReserved, "soft reserved", {170, 120, 200}},
    {mm::E820Type::Pmem, "persistent", {120, 110, 220}},
    {mm::E820Type::Pram, "persistent (legacy)", {100, 90, 200}},
    {mm::E820Type::Acpi, "ACPI data", {90, 180, 230}},
    {mm::E820Type::Nvs, "ACPI NVS", {60, 120, 230}},
    {mm::E820Type::Reserved, "reserved", {200, 80, 90}},
    {mm::E820Type::Unusable, "unusable", {255, 30, 60}},
};
static_assert([] {
  size_t i = 0;
  for (const TypeLook& look : kTypes) {
    if (look.type != mm::kPictureTypes[i++]) return false;
  }
  return i == std::size(mm::kPictureTypes);
}());

// --- Zones, orders, reservations ---

[[nodiscard]] constexpr Colour of_zone(mm::ZoneType zone) {
  const uint32_t rgb = mm::traits(zone).colour;
  return {static_cast<uint8_t>(rgb >> 16), static_cast<uint8_t>(rgb >> 8),
          static_cast<uint8_t>(rgb)};
}

// Small blocks are glaring, large ones calm: order 0 to 18, in sixteenths.
[[nodiscard]] Colour of_order(uint32_t order_times_16);

// Of the reservation with that place among the largest.
[[nodiscard]] Colour of_name(size_t index);

// --- Text ---

struct Text {
  char chars[96];
  size_t length = 0;
  [[nodiscard]] std::string_view view() const { return {chars, length}; }
};

// What does not fit is cut.
Text text_of(mm::Wording format, const uint64_t* values);
template <class... Args>
[[gnu::always_inline]] inline Text text(mm::Format<std::type_identity_t<Args>...> format,
                                        Args... args) {
  return text_of(format, mm::Values<Args...>(args...).v);
}

// Three digits that count: 1.98 GiB, 15.9 MiB, 640 KiB.
Text amount(uint64_t bytes);

}  // namespace kernel::picture_parts
