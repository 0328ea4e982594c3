// What the compiler calls for whole objects. String instructions, so that they are short, and so that
// the compiler does not find the very loop in them that it would replace.
#include <cstddef>
#include <cstdint>

namespace {

// A word is what one instruction moves: 8 bytes where there are such registers.
using Word = size_t;

void store_words(void*& to, Word pattern, size_t count) {
  if constexpr (sizeof(Word) == 8) {
    asm volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(pattern) : "memory");
  } else {
    asm volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(pattern) : "memory");
  }
}

void move_words(void*& to, const void*& from, size_t count) {
  if constexpr (sizeof(Word) == 8) {
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  } else {
    asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  }
}

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, size_t size) {
  void* const result = to;
  size_t rest = size % sizeof(Word);
  move_words(to, from, size / sizeof(Word));
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
  const Word pattern = ~Word{0} / 0xff * static_cast<uint8_t>(value);
  size_t rest = size % sizeof(Word);
  store_words(to, pattern, size / sizeof(Word));
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

}  // extern "C"
