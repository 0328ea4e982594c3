// The functions that the compiler and <string_view> may call by themselves. String instructions, so
// that they are short, and so that the compiler does not find the very loop in them that it would
// replace.
#include <cstddef>
#include <cstdint>
#include <exception>

extern "C" {

void* memcpy(void* to, const void* from, size_t size) {
  void* const result = to;
  size_t words = size / 4;
  size_t rest = size % 4;
  asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
  return result;
}

void* memmove(void* to, const void* from, size_t size) {
  const auto target = reinterpret_cast<uintptr_t>(to);
  const auto source = reinterpret_cast<uintptr_t>(from);
  if (target - source >= size) return memcpy(to, from, size);  // also when `to` is the lower one
  auto* last_to = static_cast<char*>(to) + size - 1;
  const auto* last_from = static_cast<const char*>(from) + size - 1;
  asm volatile("std\n\trep movsb\n\tcld"
               : "+D"(last_to), "+S"(last_from), "+c"(size)
               :
               : "memory", "cc");
  return to;
}

void* memset(void* to, int value, size_t size) {
  void* const result = to;
  const uint32_t pattern = uint32_t{0x0101'0101} * static_cast<uint8_t>(value);
  size_t words = size / 4;
  size_t rest = size % 4;
  asm volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
  asm volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
  return result;
}

int memcmp(const void* left, const void* right, size_t size) {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  for (; size != 0; --size, ++a, ++b) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

void* memchr(const void* in, int value, size_t size) {
  const auto* at = static_cast<const unsigned char*>(in);
  for (; size != 0; --size, ++at) {
    if (*at == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(at);
  }
  return nullptr;
}

size_t strlen(const char* text) {
  const char* end = text;
  while (*end != '\0') {
    asm volatile("" : "+r"(end));  // or else this loop is found to be strlen
    ++end;
  }
  return static_cast<size_t>(end - text);
}

}  // extern "C"

// What <string_view> calls for a position behind the end, where a hosted program would throw. It is
// a fault of ours that no input may cause, so all it needs is to end at once and be seen. From GCC
// 14 on the library's assertions end in terminate(). NOLINTBEGIN(readability-identifier-naming):
// the names are the library's
namespace std {
void terminate() noexcept { __builtin_trap(); }
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...);
void __throw_out_of_range_fmt(const char*, ...) { __builtin_trap(); }
}  // namespace std
// What a virtual function that was never defined would call. There is none.
extern "C" void __cxa_pure_virtual() { __builtin_trap(); }
// NOLINTEND(readability-identifier-naming)
