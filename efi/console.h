// The firmware's text console, as a Printer. Only before exit.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "efi/firmware.h"
#include "mm/print.h"

namespace efi {

// Gathers text and gives the firmware whole lines, as every call into it costs far more than a
// character. Text that is not printable ASCII is shown as '?'.
class Console {
 public:
  explicit Console(const Firmware& firmware) : firmware_(firmware) {}
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  [[nodiscard]] mm::Printer printer() { return {&Console::sink, this}; }

  // Waits until a key is pressed or that many seconds are over.
  void wait_for_key(uint32_t seconds) const;

 private:
  static void sink(void* self, std::string_view text);
  void put(char c);
  void flush();

  static constexpr size_t kLine = 256;  // a longer line goes out in pieces

  const Firmware& firmware_;
  std::array<CHAR16, kLine + 3> line_{};  // and room for "\r\n" and the end
  size_t length_ = 0;
};

}  // namespace efi
