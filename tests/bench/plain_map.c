/* The least that BENCH_WITH can be pointed at, and the example of how: a byte for each frame, under one
   lock, the first that fits. */
#include <stdlib.h>

#include "tests/bench/other_allocator.h"

static unsigned char* taken;
static uint64_t count, next;
static int locked;

static void lock(void) {
  while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE)) {
  }
}
static void unlock(void) { __atomic_store_n(&locked, 0, __ATOMIC_RELEASE); }

const char* bench_name(void) { return "plain-map"; }

int bench_init(void* memory, uint64_t frames, unsigned cores) {
  (void)memory;
  (void)cores;
  free(taken);
  taken = calloc(frames, 1);
  count = frames;
  next = 0;
  return taken == NULL;
}

static int all(uint64_t first, uint64_t size, unsigned char what) {
  for (uint64_t i = first; i < first + size; ++i) {
    if (taken[i] != what) return 0;
  }
  return 1;
}

int64_t bench_get(unsigned core, unsigned order) {
  const uint64_t size = (uint64_t)1 << order;
  int64_t got = -1;
  (void)core;
  lock();
  for (uint64_t tries = 0; tries < count && got < 0; tries += size) {
    next = (next + size - 1) / size * size % count;
    if (next + size <= count && all(next, size, 0)) got = (int64_t)next;
    next += size;
  }
  for (uint64_t i = 0; got >= 0 && i < size; ++i) taken[(uint64_t)got + i] = 1;
  unlock();
  return got;
}

int bench_put(unsigned core, int64_t frame, unsigned order) {
  const uint64_t size = (uint64_t)1 << order;
  int wrong;
  (void)core;
  lock();
  wrong = frame < 0 || (uint64_t)frame + size > count || !all((uint64_t)frame, size, 1);
  for (uint64_t i = 0; !wrong && i < size; ++i) taken[(uint64_t)frame + i] = 0;
  unlock();
  return wrong;
}
