// What GCC and its headers expect to exist in a freestanding program, besides an architecture's own
// memory_functions.
#include <cstddef>
#include <cstdint>
#include <exception>

#include "kernel/panic.h"

extern "C" {

size_t strlen(const char* text) {
  size_t length = 0;
  for (; text[length] != '\0'; ++length) asm volatile("" : "+r"(length));  // no strlen for itself
  return length;
}

void* memchr(const void* in, int value, size_t size) {
  const auto* at = static_cast<const unsigned char*>(in);
  for (; size > 0; --size, ++at) {
    if (*at == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(at);
  }
  return nullptr;
}

}  // extern "C"

// libstdc++'s bounds checks (std::string_view::substr) end here instead of in an exception; so do
// its assertions from GCC 14 on.
namespace std {
void terminate() noexcept {
  kernel::panic("std::terminate: a check of the standard library failed");
}
__attribute__((noreturn)) void __throw_out_of_range_fmt(const char* format, ...);  // NOLINT: theirs
void __throw_out_of_range_fmt(const char* format, ...) {                           // NOLINT
  kernel::panic("out of range: {}", format);
}
}  // namespace std
