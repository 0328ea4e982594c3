#include "tests/boot/faulty/faulty.h"

namespace faulty {

// Where QEMU's virt has it.
void say_on_serial_port(const char* text) {
  constexpr UINTN kPort = 0x0900'0000;
  constexpr UINT32 kFull = 0x20;
  volatile auto* const data = reinterpret_cast<UINT32*>(kPort);
  const volatile auto* const flags = reinterpret_cast<const UINT32*>(kPort + 0x18);
  for (; *text != '\0'; ++text) {
    while ((*flags & kFull) != 0) {
    }
    *data = static_cast<UINT8>(*text);
  }
}

}  // namespace faulty
