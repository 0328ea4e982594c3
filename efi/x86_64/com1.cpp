#include "efi/x86_64/com1.h"

namespace efi {

void Com1::sink(void* self, std::string_view text) {
  auto& com1 = *static_cast<Com1*>(self);
  if (!com1.tried_) (void)com1.uart_.open(115200);
  com1.tried_ = true;
  com1.uart_.write(text);
}

}  // namespace efi
