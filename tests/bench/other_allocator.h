/* What a shared library has to have so that `make bench-host BENCH_WITH=path` puts the allocator in it
   beside Baton's: these four functions, under these names. Plain C. Frames have 4 KiB; a block is
   2^order of them, aligned to their number. */
#pragma once

#include <stdint.h> /* NOLINT: C's, too */

#ifdef __cplusplus
extern "C" {
#endif

/* What it is called in the tables. */
const char* bench_name(void);

/* All of `frames` frames at `memory` are free, also those that it had given away before. It may keep
   what it needs anywhere: in `memory`, too, which holds zeroes, but those frames are lost to it.
   `cores` threads will call it, numbered from 0. Returns 0, or what else it likes when it cannot. */
int bench_init(void* memory, uint64_t frames, unsigned cores);

/* The number of a block's first frame, counted from `memory`; below 0 when there is none. */
int64_t bench_get(unsigned core, unsigned order);

/* Takes it back; returns 0, or what else it likes when that is wrong. */
int bench_put(unsigned core, int64_t frame, unsigned order);

#ifdef __cplusplus
}
#endif
