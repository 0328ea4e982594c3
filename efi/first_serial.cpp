#include "efi/first_serial.h"

namespace efi {

void FirstSerial::sink(void* self, std::string_view text) {
  auto& serial = *static_cast<FirstSerial*>(self);
  if (!serial.tried_) (void)serial.uart_.open(115200);
  serial.tried_ = true;
  serial.uart_.write(text);
}

}  // namespace efi
