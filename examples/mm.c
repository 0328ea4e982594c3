#define _DEFAULT_SOURCE /* mmap's flags */
/* Baton's page allocator in a program in C, on memory that mmap gives:
 *
 *     make release && cd build/release
 *     c++ -std=c++20 -O2 -c baton_mm.cpp && cc -O2 example.c baton_mm.o -o example && ./example */
#include "baton_mm.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define GIB ((uint64_t)1 << 30)

static void say(void* stream, const char* text, size_t length) { fwrite(text, 1, length, stream); }

int main(void) {
  const struct baton_e820_entry e820[] = {{0, 0xa0000, BATON_E820_RAM, 0},
                                          {0x100000, GIB, BATON_E820_RAM, 0}};
  const struct baton_reservation used[] = {{0x100000, 0x400000, "MY KERNEL", 0}};
  struct baton_mm_setup setup;
  struct baton_mm_error error;
  struct baton_mm_counts counts;
  struct baton_mm* mm;
  uint64_t block;
  char who[100];
  void* place;
  char* ram =
      mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (ram == MAP_FAILED) return 1;

  baton_mm_defaults(&setup, sizeof(setup));
  setup.e820 = e820;
  setup.e820_count = sizeof(e820) / sizeof(e820[0]);
  setup.reservations = used;
  setup.reservation_count = 1;
  setup.direct_map = (uintptr_t)ram;
  setup.print = say;
  setup.print_context = stdout;
  place = aligned_alloc(64, (baton_mm_size(&setup) + 63) / 64 * 64);
  if (baton_mm_open(place, baton_mm_size(&setup), &setup, &mm, &error) != BATON_MM_OK) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
  }

  if (baton_mm_alloc(mm, 0, 3, 0, BATON_MM_ZERO, &block) != BATON_MM_OK) return 1;
  *baton_mm_word(mm, block) = 42; /* the owner's */
  baton_mm_explain(mm, block + 5000, who, sizeof(who));
  printf("0x%llx: %s\n", (unsigned long long)block + 5000, who);
  if (baton_mm_free(mm, 0, block, 3, &error) != BATON_MM_OK) return 1;
  if (baton_mm_free(mm, 0, block, 3, &error) != BATON_MM_BAD_FREE) return 1;
  printf("freed again: %s\n", error.text);
  baton_mm_count(mm, BATON_MM_ALL_NODES, &counts);
  printf("%llu pages are managed, %llu allocated\n", (unsigned long long)counts.managed,
         (unsigned long long)counts.allocated);
  return baton_mm_audit(mm, &error) == BATON_MM_OK && baton_mm_ledger(mm, &error) == BATON_MM_OK
             ? 0
             : 1;
}
