/* All that mm/ as a library asks of a kernel, and what compilers call by themselves. Included by one source
 * of each kernel; plain, as the examples have little to move. */
#ifndef EXAMPLES_MEMORY_FUNCTIONS_H
#define EXAMPLES_MEMORY_FUNCTIONS_H

#include <stddef.h>
#include <stdint.h>

void* memcpy(void* to, const void* from, size_t size) {
  size_t i;
  for (i = 0; i < size; ++i) ((volatile char*)to)[i] = ((const char*)from)[i];
  return to;
}
void* memmove(void* to, const void* from, size_t size) {
  if ((uintptr_t)to <= (uintptr_t)from) return memcpy(to, from, size);
  while (size-- > 0) ((volatile char*)to)[size] = ((const char*)from)[size];
  return to;
}
void* memset(void* to, int value, size_t size) {
  size_t i;
  for (i = 0; i < size; ++i) ((volatile char*)to)[i] = (char)value;
  return to;
}
int memcmp(const void* a, const void* b, size_t size) {
  const unsigned char *x = (const unsigned char*)a, *y = (const unsigned char*)b;
  for (; size > 0; --size, ++x, ++y)
    if (*x != *y) return *x - *y;
  return 0;
}

#if defined(__i386__)
/* What compilers call for atomic words of 64 bits where they have the general registers only. Here is one
 * CPU, and nothing interrupts it. */
uint64_t load_8(uint64_t* at, int order) __asm__("__atomic_load_8");
uint64_t load_8(uint64_t* at, int order) {
  (void)order;
  return *at;
}
void store_8(uint64_t* at, uint64_t value, int order) __asm__("__atomic_store_8");
void store_8(uint64_t* at, uint64_t value, int order) {
  (void)order;
  *at = value;
}
uint64_t add_8(uint64_t* at, uint64_t value, int order) __asm__("__atomic_fetch_add_8");
uint64_t add_8(uint64_t* at, uint64_t value, int order) {
  (void)order;
  *at += value;
  return *at - value;
}
uint64_t sub_8(uint64_t* at, uint64_t value, int order) __asm__("__atomic_fetch_sub_8");
uint64_t sub_8(uint64_t* at, uint64_t value, int order) {
  (void)order;
  *at -= value;
  return *at + value;
}
#endif

#endif
