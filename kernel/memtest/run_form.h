// How the CPU sweeps a run of memory by registers wider than a word, past its caches where it
// writes.
#pragma once

#include <cstdint>

namespace kernel {

// Addresses here are virtual; they and lengths are multiples of kRunLine.
struct RunForm {
  const char* name;  // also the word that asks for it
  bool there;        // the CPUs have it
  void (*fill)(uint64_t at, uint64_t bytes, uint64_t value);
  void (*copy)(uint64_t to, uint64_t from, uint64_t bytes);
  // How many bytes from the start hold nothing but the value, in whole lines.
  uint64_t (*same)(uint64_t at, uint64_t bytes, uint64_t value);
  // Words that hold `before` become `after`, line by line, from the start (up) or the end, as far
  // as every word of a line holds it. How many bytes that was.
  uint64_t (*turn_up)(uint64_t at, uint64_t bytes, uint64_t before, uint64_t after);
  uint64_t (*turn_down)(uint64_t at, uint64_t bytes, uint64_t before, uint64_t after);
};
inline constexpr uint64_t kRunLine = 64;

}  // namespace kernel
