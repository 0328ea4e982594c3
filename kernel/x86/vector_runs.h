// Sweeps of memory under test by vector registers (vector_runs.S).
#pragma once

#include <cstdint>

#include "kernel/memtest/run_form.h"

extern "C" {
void vector_fill_sse2(uint64_t at, uint64_t bytes, uint64_t value);
void vector_copy_sse2(uint64_t to, uint64_t from, uint64_t bytes);
uint64_t vector_same_sse2(uint64_t at, uint64_t bytes, uint64_t value);
uint64_t vector_turn_up_sse2(uint64_t at, uint64_t bytes, uint64_t before, uint64_t after);
uint64_t vector_turn_down_sse2(uint64_t at, uint64_t bytes, uint64_t before, uint64_t after);
void vector_fill_avx2(uint64_t at, uint64_t bytes, uint64_t value);
void vector_copy_avx2(uint64_t to, uint64_t from, uint64_t bytes);
uint64_t vector_same_avx2(uint64_t at, uint64_t bytes, uint64_t value);
uint64_t vector_turn_up_avx2(uint64_t at, uint64_t bytes, uint64_t before, uint64_t after);
uint64_t vector_turn_down_avx2(uint64_t at, uint64_t bytes, uint64_t before, uint64_t after);
}

namespace kernel::x86 {

[[nodiscard]] constexpr RunForm sse2_runs(bool there) {
  return {"sse2",
          there,
          vector_fill_sse2,
          vector_copy_sse2,
          vector_same_sse2,
          vector_turn_up_sse2,
          vector_turn_down_sse2};
}
[[nodiscard]] constexpr RunForm avx2_runs(bool there) {
  return {"avx2",
          there,
          vector_fill_avx2,
          vector_copy_avx2,
          vector_same_avx2,
          vector_turn_up_avx2,
          vector_turn_down_avx2};
}

// Of the CPU that runs this: vector registers may be used (Intel SDM vol. 1, sections 11.6 and
// 13.3).
void enable_vectors();

}  // namespace kernel::x86
