// Which of the firmware's graphics outputs is drawn on when the firmware has gone.
//
// A machine has one for each adapter, and one more for the console where the firmware shows several
// as one ("console splitter"). That one can often be drawn on by the firmware only.
#pragma once

#include "loader/handoff/handoff.h"

namespace loader {

inline constexpr uint32_t kPixelBltOnly = 3;  // EFI_GRAPHICS_PIXEL_FORMAT: no linear framebuffer

// What is wrong with a framebuffer; null when it can be drawn on.
[[nodiscard]] const char* why_not_drawn_on(const HandoffFramebuffer& framebuffer);

// As Linux chooses (drivers/firmware/efi/libstub/gop.c): the first that can be drawn on and belongs
// to the console, or else the first that can be drawn on.
class FramebufferChoice {
 public:
  // In the firmware's order.
  void offer(const HandoffFramebuffer& framebuffer, bool of_console);

  // Address 0 when there is none.
  [[nodiscard]] const HandoffFramebuffer& chosen() const { return chosen_; }
  // Why there is none: what is wrong with the first that was offered.
  [[nodiscard]] const char* why_none() const { return why_none_; }

 private:
  HandoffFramebuffer chosen_{};
  bool of_console_ = false;
  bool offered_ = false;
  const char* why_none_ = "there is no graphics output";
};

}  // namespace loader
