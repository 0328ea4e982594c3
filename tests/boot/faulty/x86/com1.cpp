#include "tests/boot/faulty/faulty.h"

namespace faulty {

void say_on_serial_port(const char* text) {
  constexpr UINT16 kData = 0x3f8;
  constexpr UINT16 kLineStatus = 0x3fd;
  constexpr UINT8 kRoomForOne = 0x20;
  for (; *text != '\0'; ++text) {
    UINT8 status = 0;
    do {
      asm volatile("inb %1, %0" : "=a"(status) : "Nd"(kLineStatus));
    } while ((status & kRoomForOne) == 0);
    asm volatile("outb %0, %1" : : "a"(*text), "Nd"(kData));
  }
}

}  // namespace faulty
