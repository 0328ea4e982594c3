#include "efi/console.h"

namespace efi {

void Console::sink(void* self, std::string_view text) {
  for (const char c : text) static_cast<Console*>(self)->put(c);
}

void Console::put(char c) {
  if (c == '\n') {
    line_[length_++] = u'\r';
    line_[length_++] = u'\n';
    flush();
    return;
  }
  const bool printable = c >= ' ' && c <= '~';
  line_[length_++] = printable ? static_cast<CHAR16>(c) : CHAR16{u'?'};
  if (length_ == kLine) flush();
}

void Console::flush() {
  line_[length_] = 0;
  length_ = 0;
  // A machine may be without a console.
  if (SIMPLE_TEXT_OUTPUT_INTERFACE* const out = firmware_.system->ConOut; out != nullptr) {
    out->OutputString(out, line_.data());
  }
}

void Console::wait_for_key(uint32_t seconds) const {
  constexpr uint64_t kSecond = 10'000'000;  // in SetTimer's units of 100 ns
  EFI_BOOT_SERVICES* const boot = firmware_.boot;
  EFI_EVENT timer = nullptr;
  if (boot->CreateEvent(EVT_TIMER, 0, nullptr, nullptr, &timer) != EFI_SUCCESS) return;
  if (boot->SetTimer(timer, TimerRelative, seconds * kSecond) == EFI_SUCCESS) {
    SIMPLE_INPUT_INTERFACE* const in = firmware_.system->ConIn;
    std::array<EFI_EVENT, 2> events{timer, in == nullptr ? nullptr : in->WaitForKey};
    UINTN happened = 0;
    boot->WaitForEvent(events[1] == nullptr ? 1 : 2, events.data(), &happened);
    if (in != nullptr && happened == 1) {
      EFI_INPUT_KEY key;
      in->ReadKeyStroke(in, &key);  // so that it is not left to whoever comes next
    }
  }
  boot->CloseEvent(timer);
}

}  // namespace efi
