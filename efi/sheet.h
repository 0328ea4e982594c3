// Text on its way into a file.
#pragma once

#include <string_view>

#include "efi/memory.h"
#include "mm/print.h"

namespace efi {

// Counted, and kept as far as there is room.
struct Sheet {
  char* at;
  size_t room;
  size_t length = 0;

  static void take(void* self, std::string_view text) {
    auto& sheet = *static_cast<Sheet*>(self);
    for (const char c : text) {
      if (sheet.length < sheet.room) sheet.at[sheet.length] = c;
      ++sheet.length;
    }
  }
};

// All that write(printer) prints.
struct Text {
  Pages pages;
  size_t length = 0;
  [[nodiscard]] std::string_view view() const { return {pages.as<char>(), length}; }
};
template <class Write>
mm::Result<Text> text_of(const Firmware& firmware, const char* what, Write write) {
  Sheet measure{nullptr, 0};
  write(mm::Printer(&Sheet::take, &measure));
  Text text{BATON_TRY(allocate(firmware, measure.length, what)), measure.length};
  Sheet sheet{text.pages.as<char>(), measure.length};
  write(mm::Printer(&Sheet::take, &sheet));
  return text;
}

}  // namespace efi
