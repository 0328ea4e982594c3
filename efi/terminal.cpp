#include "efi/terminal.h"

#include <algorithm>
#include <array>

namespace efi {
namespace {

using loader::MenuKey;

constexpr uint64_t kSecond = 10'000'000;  // in SetTimer's units of 100 ns

}  // namespace

Terminal::Terminal(const Firmware& firmware)
    : out_(firmware.system->ConOut), in_(firmware.system->ConIn), boot_(firmware.boot) {
  UINTN columns = 80;
  UINTN rows = 25;
  if (out_ != nullptr && out_->Mode != nullptr && out_->Mode->Mode >= 0) {
    out_->QueryMode(out_, static_cast<UINTN>(out_->Mode->Mode), &columns, &rows);
  }
  // Less is no mode of UEFI's (2.10 section 12.4), and nothing could be shown there.
  constexpr UINTN kLeastColumns = 40, kLeastRows = 12;
  columns_ = columns < kLeastColumns ? 80 : columns;
  rows_ = rows < kLeastRows ? 25 : rows;
}

void Terminal::clear() const {
  out_->SetAttribute(out_, kNormal);
  out_->ClearScreen(out_);
  out_->EnableCursor(out_, FALSE);
}

void Terminal::leave() const {
  clear();
  out_->EnableCursor(out_, TRUE);
}

void Terminal::row(size_t number, UINTN attribute, std::string_view text) const {
  std::array<CHAR16, 256> line;
  const size_t width = std::min<size_t>(columns_ - 1, line.size() - 1);
  for (size_t i = 0; i < width; ++i) {
    line[i] = i < text.size() ? static_cast<CHAR16>(static_cast<unsigned char>(text[i])) : u' ';
  }
  line[width] = 0;
  out_->SetAttribute(out_, attribute);
  out_->SetCursorPosition(out_, 0, number);
  out_->OutputString(out_, line.data());
}

void Terminal::cursor(size_t column, size_t number, bool visible) const {
  out_->SetCursorPosition(out_, column, number);
  out_->EnableCursor(out_, visible ? TRUE : FALSE);
}

std::optional<MenuKey> Terminal::key() const {
  EFI_INPUT_KEY pressed{};
  if (in_->ReadKeyStroke(in_, &pressed) != EFI_SUCCESS) return std::nullopt;
  using Kind = MenuKey::Kind;
  switch (pressed.ScanCode) {
    case SCAN_NULL:
      if (pressed.UnicodeChar == u'\n') return MenuKey{Kind::Character, '\r'};
      if (pressed.UnicodeChar == 0x7f) return MenuKey{Kind::Character, '\b'};
      if (pressed.UnicodeChar > '~') return MenuKey{};
      return MenuKey{Kind::Character, static_cast<char>(pressed.UnicodeChar)};
    case SCAN_UP:
      return MenuKey{Kind::Up};
    case SCAN_DOWN:
      return MenuKey{Kind::Down};
    case SCAN_LEFT:
      return MenuKey{Kind::Left};
    case SCAN_RIGHT:
      return MenuKey{Kind::Right};
    case SCAN_HOME:
      return MenuKey{Kind::Home};
    case SCAN_END:
      return MenuKey{Kind::End};
    case SCAN_DELETE:
      return MenuKey{Kind::Delete};
    case SCAN_ESC:
      return MenuKey{Kind::Escape};
    default:
      return MenuKey{};
  }
}

std::optional<MenuKey> Terminal::wait(bool bounded) const {
  EFI_EVENT timer = nullptr;
  if (boot_->CreateEvent(EVT_TIMER, 0, nullptr, nullptr, &timer) != EFI_SUCCESS) return poll();
  std::array<EFI_EVENT, 2> events{in_->WaitForKey, timer};
  UINTN happened = 0;
  EFI_STATUS status = events[0] == nullptr ? EFI_UNSUPPORTED : EFI_SUCCESS;
  // Without its timer it would be waited for a key for ever.
  if (status == EFI_SUCCESS && bounded) status = boot_->SetTimer(timer, TimerRelative, kSecond);
  if (status == EFI_SUCCESS) {
    status = boot_->WaitForEvent(bounded ? 2 : 1, events.data(), &happened);
  }
  boot_->CloseEvent(timer);
  if (status != EFI_SUCCESS) return poll();
  return happened == 0 ? key() : std::nullopt;
}

std::optional<MenuKey> Terminal::poll() const {
  constexpr unsigned kTimes = 100, kEach = 10'000;  // Stall's microseconds
  for (unsigned i = 0; i < kTimes; ++i) {
    if (const auto pressed = key(); pressed.has_value()) return pressed;
    boot_->Stall(kEach);
  }
  return std::nullopt;
}

}  // namespace efi
