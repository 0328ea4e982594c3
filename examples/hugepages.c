#define _GNU_SOURCE
/* Baton's mm/ as an allocator of huge pages in a program: 1 GiB of each NUMA node, and 2 MiB of it in a
 * hundred instructions, where malloc and mmap ask the kernel for each. What that is worth is measured
 * beside them, in one run:
 *
 *     make bench-hugepages              # or: cc -O2 hugepages.c baton_mm.o -lnuma */
#include "baton_mm.h"

#include <numa.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define GIB ((uint64_t)1 << 30)
#define HUGE ((size_t)2 << 20)
#ifndef ROUNDS
#define ROUNDS 50
#endif
enum { ORDER = 9, MOST_NODES = 16, BLOCKS = 400 };

static struct baton_mm* mm;
static char* ram; /* node n's GiB is the n-th */
static const char* kind = "pages of MAP_HUGETLB";

static void fail(const char* why) {
  fprintf(stderr, "hugepages: %s\n", why);
  exit(1);
}

/* Pages that the kernel keeps for that where there are enough (vm.nr_hugepages), else ones that it may
 * make of ordinary memory. */
static void map_nodes(unsigned nodes) {
  const size_t size = nodes * GIB;
  unsigned node;
  char* at = mmap(NULL, size + GIB, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) fail("no room for 1 GiB of each node");
  ram = (char*)(((uintptr_t)at + GIB - 1) / GIB * GIB);
  if (mmap(ram, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB,
           -1, 0) == MAP_FAILED) {
    kind = "transparent huge pages, as far as the kernel has them";
    if (mmap(ram, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
      fail("no room for 1 GiB of each node");
    if (madvise(ram, size, MADV_HUGEPAGE) != 0)
      kind = "ordinary pages: the kernel has no huge ones";
  }
  if (numa_available() < 0) return;
  for (node = 0; node < nodes; ++node) numa_tonode_memory(ram + node * GIB, GIB, (int)node);
}

static void open_allocator(unsigned nodes) {
  struct baton_e820_entry e820 = {0, nodes * GIB, BATON_E820_RAM, 0};
  struct baton_mm_affinity affinities[MOST_NODES];
  struct baton_mm_setup setup;
  struct baton_mm_error error;
  unsigned node;
  size_t size;
  for (node = 0; node < nodes; ++node)
    affinities[node] = (struct baton_mm_affinity){node * GIB, (node + 1) * GIB, node, 0};
  baton_mm_defaults(&setup, sizeof(setup));
  setup.machine = BATON_MM_AARCH64; /* nothing is special about low addresses */
  setup.e820 = &e820;
  setup.e820_count = 1;
  setup.affinities = affinities;
  setup.affinity_count = nodes;
  setup.direct_map = (uintptr_t)ram;
  size = baton_mm_size(&setup);
  if (baton_mm_open(aligned_alloc(64, (size + 63) / 64 * 64), size, &setup, &mm, &error) !=
      BATON_MM_OK)
    fail(error.text);
}

static void* by_baton(void) {
  uint64_t block;
  return baton_mm_alloc(mm, 0, ORDER, 0, 0, &block) == BATON_MM_OK ? ram + block : NULL;
}
static void baton_free(void* block) {
  struct baton_mm_error error;
  if (baton_mm_free(mm, 0, (uint64_t)((char*)block - ram), ORDER, &error) != BATON_MM_OK)
    fail(error.text);
}
static void* by_malloc(void) { return aligned_alloc(HUGE, HUGE); }
static void* by_mmap(void) {
  void* at = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? NULL : at;
}
static void mmap_free(void* block) { munmap(block, HUGE); }

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Nanoseconds for a block to be had and given back, in rounds of BLOCKS at a time; `touched`: and written
 * to at its beginning. */
static double measure(void* (*take)(void), void (*give)(void*), int touched) {
  static void* blocks[BLOCKS];
  double began = 0;
  int round, i;
  for (round = -1; round < ROUNDS; ++round) {
    if (round == 0) began = now(); /* the first one only makes the memory be there */
    for (i = 0; i < BLOCKS; ++i) {
      blocks[i] = take();
      if (blocks[i] == NULL) fail("out of memory");
      if (touched) *(volatile char*)blocks[i] = 1;
    }
    for (i = 0; i < BLOCKS; ++i) give(blocks[i]);
  }
  return (now() - began) / ROUNDS / BLOCKS;
}

static void compare(const char* name, void* (*take)(void), void (*give)(void*)) {
  printf("%-28s %10.0f ns %10.0f ns\n", name, measure(take, give, 0), measure(take, give, 1));
}

int main(void) {
  const int known = numa_available() < 0 ? 1 : numa_max_node() + 1;
  const unsigned nodes = known > MOST_NODES ? MOST_NODES : (unsigned)known;
  struct baton_mm_error error;
  map_nodes(nodes);
  open_allocator(nodes);
  printf("1 GiB on each of %u nodes, %s\n%-28s %13s %13s\n", nodes, kind,
         "2 MiB, had and given back", "as it is", "and touched");
  compare("baton_mm_alloc", by_baton, baton_free);
  compare("aligned_alloc", by_malloc, free);
  compare("mmap", by_mmap, mmap_free);
  if (baton_mm_audit(mm, &error) != BATON_MM_OK) fail(error.text);
  return 0;
}
