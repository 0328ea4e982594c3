// What is wrong or worth knowing about a machine's memory, in plain words, with what to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mm/types.h"
#include "tools/replay/replayed.h"

namespace replay {

struct Finding {
  const char* name = nullptr;  // short and lasting: "mtrr-uncovered"
  std::string text = {};       // what it is: a sentence with sizes
  std::string advice = {};     // what to do
  bool note = false;           // worth knowing, and nobody's fault
  uint64_t bytes = 0;          // that it is about; 0: it is about no memory
  std::vector<mm::Range> where = {};
};

// The worst first, which is what is about most memory; notes behind.
[[nodiscard]] std::vector<Finding> findings_of(const Replayed& replayed);

}  // namespace replay
