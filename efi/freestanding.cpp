// What the compiler and <string_view> may call by themselves, besides an architecture's own
// memory_functions.
#include <cstddef>
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
