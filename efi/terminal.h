// The firmware's console as a menu needs it: rows of text, and keys (UEFI 2.10 sections 12.3 and 12.4).
// Only before exit.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "efi/firmware.h"
#include "loader/menu/boot_menu.h"

namespace efi {

class Terminal {
 public:
  static constexpr UINTN kNormal = EFI_LIGHTGRAY | EFI_BACKGROUND_BLACK;
  static constexpr UINTN kFaint = EFI_CYAN | EFI_BACKGROUND_BLACK;
  static constexpr UINTN kTitle = EFI_WHITE | EFI_BACKGROUND_BLACK;
  static constexpr UINTN kChosen = EFI_BLACK | EFI_BACKGROUND_LIGHTGRAY;

  explicit Terminal(const Firmware& firmware);

  [[nodiscard]] bool usable() const { return in_ != nullptr && out_ != nullptr; }
  [[nodiscard]] size_t columns() const { return columns_; }
  [[nodiscard]] size_t rows() const { return rows_; }

  void clear() const;
  void leave() const;
  // One row, blank up to the last column but one: some consoles scroll when the last is written.
  void row(size_t number, UINTN attribute, std::string_view text) const;
  void cursor(size_t column, size_t number, bool visible) const;

  // The key that waits, if any.
  [[nodiscard]] std::optional<loader::MenuKey> key() const;
  // A key; or nothing when a second has passed first.
  [[nodiscard]] std::optional<loader::MenuKey> wait(bool bounded) const;

 private:
  // A key or a second, where the firmware has no events to wait for.
  [[nodiscard]] std::optional<loader::MenuKey> poll() const;

  SIMPLE_TEXT_OUTPUT_INTERFACE* out_;
  SIMPLE_INPUT_INTERFACE* in_;
  EFI_BOOT_SERVICES* boot_;
  size_t columns_ = 80, rows_ = 25;
};

}  // namespace efi
