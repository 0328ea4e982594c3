/* A kernel for Baton whose allocator is Baton's mm/, as the two files that `make release` makes of it:
 * all memory that the handoff calls free becomes pages to be had, and pages to be given back.
 *
 *     make run KERNEL=examples/buddy */
#include "baton_mm.h"

#include "examples/machine.h"
#include "examples/memory_functions.h"

BATON_NOTE(65536);

/* Where lowmem ends in the direct map of 32 bits (on IA-32 without PAE, with it a little later). */
#if defined(__i386__)
enum { MACHINE = BATON_MM_IA32 };
#define LOW_ENDS_AT 0xf6bfe000u
#elif defined(__arm__)
enum { MACHINE = BATON_MM_ARM };
#define LOW_ENDS_AT 0xf0000000u
#else
#if defined(__aarch64__)
enum { MACHINE = BATON_MM_AARCH64 };
#else
enum { MACHINE = BATON_MM_X86_64 };
#endif
#define LOW_ENDS_AT 0u
#endif

enum { MOST_RESERVATIONS = 256, BLOCKS = 1000 };

static const struct baton_handoff* handoff;
static struct baton_reservation reserved[MOST_RESERVATIONS];
static uint64_t blocks[BLOCKS];

static void say(void* context, const char* text, size_t length) {
  size_t i;
  (void)context;
  for (i = 0; i < length; ++i) {
    if (text[i] == '\n') machine_put(handoff, '\r');
    machine_put(handoff, text[i]);
  }
}
static void put(const char* text) {
  while (*text != '\0') say(NULL, text++, 1);
}
static void put_number(uint64_t value) {
  if (value >= 10) put_number(value / 10);
  say(NULL, &"0123456789"[value % 10], 1);
}

static void end(const char* why) {
  put("buddy: ");
  put(why);
  put("\n");
  if (is_asked_for(handoff, "poweroff")) machine_power_off(handoff);
  machine_halt();
}
static void expect(int code, const struct baton_mm_error* error) {
  if (code != BATON_MM_OK) end(error->text);
}

/* The lowest free memory of that size that the direct map has on every machine, which becomes a reservation
 * more. Reservations are sorted, and so is the map. */
static uint64_t reserve_place(size_t* count, uint64_t size) {
  const struct baton_e820_entry* e820 =
      (const struct baton_e820_entry*)baton_at(handoff, handoff->e820.address);
  uint32_t i;
  for (i = 0; i < handoff->e820.count; ++i) {
    uint64_t from = (e820[i].start + 4095) & ~(uint64_t)4095;
    size_t r, at = 0;
    if (e820[i].type != BATON_E820_RAM || e820[i].end <= 0x100000) continue;
    for (r = 0; r < *count && reserved[r].start < e820[i].end; ++r) {
      if (reserved[r].end <= from) continue;
      if (reserved[r].start >= from + size) break;
      from = (reserved[r].end + 4095) & ~(uint64_t)4095;
    }
    if (from + size > e820[i].end) continue;
    while (at < *count && reserved[at].start < from) ++at;
    memmove(&reserved[at + 1], &reserved[at], (*count - at) * sizeof(reserved[0]));
    reserved[at] = (struct baton_reservation){from, from + size, "ALLOCATOR", 0};
    ++*count;
    return from;
  }
  end("no room for the allocator");
  return 0;
}

static struct baton_mm* open_allocator(void) {
  struct baton_mm_setup setup;
  struct baton_mm_error error;
  struct baton_mm* mm = NULL;
  size_t size;
  baton_mm_defaults(&setup, sizeof(setup));
  setup.e820 = (const struct baton_e820_entry*)baton_at(handoff, handoff->e820.address);
  setup.e820_count = handoff->e820.count;
  setup.reservation_count = handoff->reservations.count;
  if (setup.reservation_count >= MOST_RESERVATIONS) end("more reservations than there is room for");
  memcpy(reserved, baton_at(handoff, handoff->reservations.address),
         setup.reservation_count * sizeof(reserved[0]));
  setup.reservations = reserved;
  setup.direct_map = handoff->direct_map;
  setup.machine = MACHINE;
  if (LOW_ENDS_AT != 0) setup.end_of_low = (uint32_t)(LOW_ENDS_AT - handoff->direct_map);
  setup.print = say;
  size = baton_mm_size(&setup) + 4096; /* one reservation more */
  expect(baton_mm_open(baton_at(handoff, reserve_place(&setup.reservation_count, size)), size,
                       &setup, &mm, &error),
         &error);
  return mm;
}

static uint64_t allocated(const struct baton_mm* mm) {
  struct baton_mm_counts counts;
  baton_mm_count(mm, BATON_MM_ALL_NODES, &counts);
  return counts.allocated;
}

#ifdef __arm__
int raise(int signal) { /* libgcc's division by zero */
  machine_halt();
  return signal;
}
#endif

BATON_ENTRY void kernel_entry(void* argument) {
  struct baton_mm_error error;
  struct baton_mm* mm;
  uint64_t before;
  unsigned i;
  handoff = BATON_HANDOFF_AT(argument);
  if (!baton_is_good(handoff)) machine_halt();
  mm = open_allocator();
  before = allocated(mm);
  for (i = 0; i < BLOCKS; ++i) {
    if (baton_mm_alloc(mm, 0, i % 4, 0, 0, &blocks[i]) != BATON_MM_OK) end("out of memory");
    *(uint64_t*)baton_at(handoff, blocks[i]) = i;
  }
  put("buddy: pages allocated: ");
  put_number(allocated(mm) - before);
  put("\n");
  for (i = 0; i < BLOCKS; ++i) {
    if (*(uint64_t*)baton_at(handoff, blocks[i]) != i) end("two blocks are one");
    expect(baton_mm_free(mm, 0, blocks[i], i % 4, &error), &error);
  }
  /* The handoff itself is last: from here on it is a page like others. */
  expect(baton_mm_audit(mm, &error), &error);
  expect(baton_mm_ledger(mm, &error), &error);
  if (allocated(mm) != before) end("a page is lost");
  end("all is given back, and every byte has a name");
}
