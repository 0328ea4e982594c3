#include "loader/framebuffer_choice.h"

namespace loader {

const char* why_not_drawn_on(const HandoffFramebuffer& framebuffer) {
  if (framebuffer.format == kPixelBltOnly || framebuffer.address == 0)
    return "the graphics output can only be drawn on by the firmware";
  const uint64_t bytes = bytes_per_pixel(framebuffer);
  if (bytes == 0) return "its pixels have no format that UEFI names";
  if (framebuffer.width == 0 || framebuffer.height == 0 ||
      framebuffer.pixels_per_line < framebuffer.width ||
      framebuffer.size / (bytes * framebuffer.pixels_per_line) < framebuffer.height)
    return "its mode does not fit into its framebuffer";
  return nullptr;
}

void FramebufferChoice::offer(const HandoffFramebuffer& framebuffer, bool of_console) {
  const char* const wrong = why_not_drawn_on(framebuffer);
  if (wrong != nullptr) {
    if (!offered_) why_none_ = wrong;
  } else if (chosen_.address == 0 || (of_console && !of_console_)) {
    chosen_ = framebuffer;
    of_console_ = of_console;
  }
  offered_ = true;
}

}  // namespace loader
