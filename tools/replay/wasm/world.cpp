#include "tools/replay/wasm/world.h"

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <typeinfo>

namespace replay {

void give_up(const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::exit(2);
}

}  // namespace replay

extern "C" {

// --- Memory --------------------------------------------------------------------------------------
// wasi-libc's stand-in for mmap() allocates and clears all of it. What memory.grow gives is zero,
// and costs nothing until it is touched; it is never given back, but the program is run only once.

void* mmap(void* /*address*/, size_t bytes, int /*protection*/, int /*flags*/, int /*file*/,
           off_t /*offset*/) {
  constexpr size_t kWasmPage = 65536;
  const size_t pages = bytes / kWasmPage + (bytes % kWasmPage != 0 ? 1 : 0);
  const size_t before = __builtin_wasm_memory_grow(0, pages);
  if (before == SIZE_MAX) return MAP_FAILED;
  return reinterpret_cast<void*>(before * kWasmPage);
}

int munmap(void* /*address*/, size_t /*bytes*/) { return 0; }

// --- Exceptions ----------------------------------------------------------------------------------
// clang 14 makes none for WASI: it lets every `throw` call these (Itanium C++ ABI: exception
// handling, 2.4), and leaves handlers out. All that is thrown here is a std::exception, whose words
// are for who uses the program: they are its last.

void* __cxa_allocate_exception(size_t size) { return std::malloc(size); }
void __cxa_free_exception(void* thrown) { std::free(thrown); }
[[noreturn]] void __cxa_throw(void* thrown, std::type_info* /*type*/, void (* /*destroy*/)(void*)) {
  replay::give_up(static_cast<const std::exception*>(thrown)->what());
}

}  // extern "C"
