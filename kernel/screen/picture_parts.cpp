#include "kernel/screen/picture_parts.h"

#include <algorithm>

namespace kernel::picture_parts {

Colour of_order(uint32_t order_times_16) {
  constexpr Colour kStops[] = {{250, 232, 110}, {150, 214, 92}, {52, 176, 122}, {24, 120, 120}};
  const uint32_t at = std::min<uint32_t>(order_times_16, 18 * 16);
  const uint32_t part = at * 3;  // of 18 * 16 for each stop
  const uint32_t stop = std::min<uint32_t>(part / (18 * 16), 2);
  return mix(kStops[stop], kStops[stop + 1], (part - stop * 18 * 16) * 255 / (18 * 16));
}

constexpr Colour kNameColours[] = {
    {232, 96, 160},  {126, 116, 240}, {86, 200, 230},  {226, 92, 76},   {190, 130, 250},
    {250, 170, 190}, {120, 150, 190}, {206, 176, 126}, {160, 220, 240}, {180, 90, 120}};
Colour of_name(size_t index) {
  const size_t count = sizeof kNameColours / sizeof kNameColours[0];
  const Colour base = kNameColours[index % count];
  return index < count ? base : mix(base, kText, 90);
}

Text text_of(mm::Wording format, const uint64_t* values) {
  Text out;
  const mm::Printer printer(
      [](void* self, std::string_view piece) {
        auto& to = *static_cast<Text*>(self);
        for (const char c : piece) {
          if (to.length < sizeof to.chars) to.chars[to.length++] = c;
        }
      },
      &out);
  printer.part_of(format, values);
  return out;
}

Text amount(uint64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  unsigned unit = 0;
  while (unit + 1 < 6 && bytes >> (10 * (unit + 1)) != 0) ++unit;
  if (unit == 0) return text("{} bytes", bytes);
  const unsigned shift = 10 * unit;
  const uint64_t whole = bytes >> shift;
  const uint64_t thousandths = ((bytes >> (shift - 10)) & 1023) * 1000 >> 10;
  if (thousandths == 0 || whole >= 100) return text("{} {}", whole, kUnits[unit]);
  if (whole >= 10) return text("{}.{} {}", whole, thousandths / 100, kUnits[unit]);
  return text("{}.{:02} {}", whole, thousandths / 10, kUnits[unit]);
}

}  // namespace kernel::picture_parts
