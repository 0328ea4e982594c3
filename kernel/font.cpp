#include "kernel/font.h"

#include "font_data.h"

namespace kernel {

const Typeface& typeface_for(uint32_t width) {
  static constexpr Typeface kSmall{&fonts::kTerminus16, &fonts::kTerminusBold16};
  static constexpr Typeface kMiddle{&fonts::kTerminus24x12, &fonts::kTerminusBold24x12};
  static constexpr Typeface kLarge{&fonts::kTerminus32x16, &fonts::kTerminusBold32x16};
  if (width >= 3000) return kLarge;
  return width >= 2200 ? kMiddle : kSmall;
}

}  // namespace kernel
