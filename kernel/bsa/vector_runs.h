// Sweeps of memory under test by the registers of Advanced SIMD (kernel/{aarch64,arm}/vector_runs.S).
#pragma once

#include <cstdint>

#include "kernel/memtest/run_form.h"

extern "C" {
void vector_fill_neon(uint64_t at, uint64_t bytes, uint64_t value);
void vector_copy_neon(uint64_t to, uint64_t from, uint64_t bytes);
uint64_t vector_same_neon(uint64_t at, uint64_t bytes, uint64_t value);
uint64_t vector_turn_up_neon(uint64_t at, uint64_t bytes, uint64_t before, uint64_t after);
uint64_t vector_turn_down_neon(uint64_t at, uint64_t bytes, uint64_t before, uint64_t after);
}

namespace kernel::bsa {

[[nodiscard]] constexpr RunForm neon_runs(bool there) {
  return {"neon",
          there,
          vector_fill_neon,
          vector_copy_neon,
          vector_same_neon,
          vector_turn_up_neon,
          vector_turn_down_neon};
}

}  // namespace kernel::bsa
