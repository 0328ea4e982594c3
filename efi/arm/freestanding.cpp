// The functions that the compiler and <string_view> may call by themselves, besides those of
// memory_functions.S.
#include <cstddef>
#include <cstdint>
#include <exception>

extern "C" {

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

// As in efi/ia32/freestanding.cpp. NOLINTBEGIN(readability-identifier-naming): the names are the
// library's
namespace std {
void terminate() noexcept { __builtin_trap(); }
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...);
void __throw_out_of_range_fmt(const char*, ...) { __builtin_trap(); }
}  // namespace std
extern "C" void __cxa_pure_virtual() { __builtin_trap(); }
// NOLINTEND(readability-identifier-naming)
// What GCC's library asks for where its division is by zero, which no input may cause; and for
// tables to unwind by, which there are none of.
extern "C" {
// NOLINTBEGIN(readability-identifier-naming): the library's
void __aeabi_idiv0() { __builtin_trap(); }
void __aeabi_ldiv0() { __builtin_trap(); }
void __aeabi_unwind_cpp_pr0() {}
// NOLINTEND(readability-identifier-naming)
}
