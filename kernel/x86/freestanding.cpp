// What GCC and its headers expect to exist in a freestanding program. String instructions for the
// copies: every x86-64 CPU since 2012 runs them at memory's speed (ERMSB), and without SSE nothing
// beats them.
#include <cstddef>
#include <cstdint>
#include <exception>

#include "kernel/panic.h"

extern "C" {

void* memcpy(void* to, const void* from, size_t size) {
  void* const start = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return start;
}

void* memset(void* to, int value, size_t size) {
  void* const start = to;
  asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
  return start;
}

void* memmove(void* to, const void* from, size_t size) {
  const auto distance = reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from);
  if (distance >= size) return memcpy(to, from, size);
  void* const start = to;
  auto* to_end = static_cast<char*>(to) + size - 1;
  const auto* from_end = static_cast<const char*>(from) + size - 1;
  asm volatile("std\n\trep movsb\n\tcld" : "+D"(to_end), "+S"(from_end), "+c"(size) : : "memory");
  return start;
}

int memcmp(const void* left, const void* right, size_t size) {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  for (; size > 0; --size, ++a, ++b) {
    if (*a != *b) return *a < *b ? -1 : 1;
  }
  return 0;
}

size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

void* memchr(const void* in, int value, size_t size) {
  const auto* at = static_cast<const unsigned char*>(in);
  for (; size > 0; --size, ++at) {
    if (*at == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(at);
  }
  return nullptr;
}
}

// std::popcount, on a CPU that is not known to have the instruction; libgcc's name.
extern "C" int __popcountdi2(uint64_t bits) {  // NOLINT: theirs
  bits -= bits >> 1 & 0x5555'5555'5555'5555;
  bits = (bits & 0x3333'3333'3333'3333) + (bits >> 2 & 0x3333'3333'3333'3333);
  bits = (bits + (bits >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
  return static_cast<int>(bits * 0x0101'0101'0101'0101 >> 56);
}

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
