/* Baton's page allocator as a library, in C: from a memory map to allocated pages. docs/mm-library.md
 * has the guarantees; an allocator is an object in memory of yours, and there may be many.
 *
 * Addresses are physical, sizes bytes, blocks of order n are 2^n pages of 4 KiB, aligned to their size.
 * Every call that can fail returns BATON_MM_OK or why not, and says it in words where `error` is not
 * NULL. `cpu` is the number of the CPU that calls, and stays on it meanwhile. */
#ifndef BATON_MM_H
#define BATON_MM_H

#include "handoff.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_MM_VERSION 1u
#define BATON_MM_PAGE 4096u
#define BATON_MM_MOST_ORDER 18u /* 1 GiB */

struct baton_mm;

enum {
  BATON_MM_OK = 0,
  BATON_MM_NO_MEMORY = 1,   /* nothing is free that this request may take */
  BATON_MM_BAD_REQUEST = 2, /* an order, node, CPU, flags or a range that cannot be */
  BATON_MM_BAD_SETUP = 3,   /* the map, the reservations or the place for it all */
  BATON_MM_BAD_FREE = 4, /* double, of another order, never allocated, unaligned, reserved, ... */
  BATON_MM_BUSY = 5,     /* not all of the range is free RAM of one zone */
  BATON_MM_INCONSISTENT = 6, /* an audit or the ledger found what cannot be */
};

struct baton_mm_error {
  int code;
  char text[200];
};

/* Kinds of machines: which zones there are, and where they end. */
enum {
  BATON_MM_X86_64 = 0,  /* DMA to 16 MiB, DMA32 to 4 GiB, Normal */
  BATON_MM_AARCH64 = 1, /* DMA to 4 GiB, Normal */
  BATON_MM_IA32 = 2,    /* DMA, Normal to end_of_low, HighMem */
  BATON_MM_ARM = 3,     /* Normal to end_of_low, HighMem */
};

/* Memory of a node, as SRAT tells it. */
struct baton_mm_affinity {
  uint64_t start, end;
  uint32_t node;
  uint32_t zero;
};

struct baton_mm_setup {
  uint32_t size;    /* of this struct */
  uint32_t machine; /* BATON_MM_X86_64, ... */
  /* The map: entries in any order, or the firmware's own, one of the two. */
  const struct baton_e820_entry* e820;
  size_t e820_count;
  const void* efi_map;
  size_t efi_map_size, efi_descriptor_size;
  /* What of it is in use: sorted and disjoint. What is not named here is taken. */
  const struct baton_reservation* reservations;
  size_t reservation_count;
  const struct baton_mm_affinity* affinities; /* none: all is node 0 */
  size_t affinity_count;
  /* Physical address p is at direct_map + p, modulo what a pointer holds: all RAM below end_of_low. */
  uint64_t direct_map;
  uint64_t end_of_low; /* of 32 bits, and of these only */
  uint32_t cpus;       /* that may ever call; CPU 0 may at once */
  uint32_t zero;
  void (*print)(void* context, const char* text, size_t length); /* the log; NULL: none */
  void* print_context;
};
/* Its size, one CPU, and nothing else: begin with it, so that fields of later versions are 0, too. */
void baton_mm_defaults(struct baton_mm_setup* setup, size_t size);

/* Bytes for baton_mm_open()'s `place`, which is aligned to 64. */
size_t baton_mm_size(const struct baton_mm_setup* setup);
/* Takes over all free memory of the map. `place` must stay, and what the setup points to need not. */
int baton_mm_open(void* place, size_t size, const struct baton_mm_setup* setup,
                  struct baton_mm** mm, struct baton_mm_error* error);
/* Before a CPU but 0 calls; its node is its own memory's, asked first. */
int baton_mm_start_cpu(struct baton_mm* mm, unsigned cpu, unsigned node,
                       struct baton_mm_error* error);

/* Where a block may come from. None: from any zone that is always mapped, and it may wait for memory. */
#define BATON_MM_DMA 1u        /* the DMA zone */
#define BATON_MM_DMA32 2u      /* below 4 GiB */
#define BATON_MM_HIGHMEM 4u    /* HighMem, too, which nothing maps */
#define BATON_MM_MOVABLE 8u    /* its content can be moved elsewhere */
#define BATON_MM_ZERO 16u      /* filled with zeros; not with HIGHMEM */
#define BATON_MM_ATOMIC 32u    /* may take what is kept for those who cannot wait */
#define BATON_MM_THIS_NODE 64u /* from no other node */

int baton_mm_alloc(struct baton_mm* mm, unsigned cpu, unsigned order, unsigned node, unsigned flags,
                   uint64_t* physical);
int baton_mm_free(struct baton_mm* mm, unsigned cpu, uint64_t physical, unsigned order,
                  struct baton_mm_error* error);
/* Exactly these pages, all free and in one zone; freed as a range, too. */
int baton_mm_alloc_at(struct baton_mm* mm, unsigned cpu, uint64_t start, uint64_t end,
                      struct baton_mm_error* error);
int baton_mm_free_range(struct baton_mm* mm, unsigned cpu, uint64_t start, uint64_t end,
                        struct baton_mm_error* error);
/* For NMIs and lock holders: they wait for nothing. */
int baton_mm_try_alloc(struct baton_mm* mm, unsigned cpu, unsigned order, unsigned node,
                       unsigned flags, uint64_t* physical);
int baton_mm_try_free(struct baton_mm* mm, unsigned cpu, uint64_t physical, unsigned order,
                      struct baton_mm_error* error);

/* A word of the owner's for each allocated block, of any content at first; NULL: none begins there. */
uint64_t* baton_mm_word(struct baton_mm* mm, uint64_t physical);

/* Ends the reservations of a name that the setup gave, and hands their memory over. */
int baton_mm_give_back(struct baton_mm* mm, const char* name, struct baton_mm_error* error);
/* Pages on the CPU's own lists back to all. */
void baton_mm_drain(struct baton_mm* mm, unsigned cpu);

/* In pages; node BATON_MM_ALL_NODES: of all. */
#define BATON_MM_ALL_NODES 0xffffffffu
struct baton_mm_counts {
  uint64_t spanned, present, managed;
  uint64_t free, on_cpu_lists, allocated;
};
int baton_mm_count(const struct baton_mm* mm, unsigned node, struct baton_mm_counts* counts);

/* Who has an address, in words. Returns the text's length, of which `size` - 1 are written. From here on
 * nothing may allocate or free meanwhile. */
size_t baton_mm_explain(const struct baton_mm* mm, uint64_t physical, char* text, size_t size);
/* Every structure against every other. */
int baton_mm_audit(const struct baton_mm* mm, struct baton_mm_error* error);
/* Every byte of the map under a name; printed where the setup prints. */
int baton_mm_ledger(const struct baton_mm* mm, struct baton_mm_error* error);

/* Yours, when the library is built with BATON_MM_MASKS: keeps whatever may interrupt this CPU and call
 * the allocator out until it is told, with what came back. It nests. */
uintptr_t baton_mm_mask(void);
void baton_mm_unmask(uintptr_t before);

#ifdef __cplusplus
}
#endif

#endif
