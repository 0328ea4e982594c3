// What the console's outputs cost so far, in ticks of the machine's counter: at the first prompt, most
// of what a start costs (kernel/bench.h).
#pragma once

#include <cstdint>

#include "kernel/arch.h"

namespace kernel {

struct Spent {
  uint64_t screen = 0, serial = 0;
};
inline constinit Spent spent;

// From here to the end of the scope.
class Spending {
 public:
  explicit Spending(uint64_t& on) : on_(on) {}
  Spending(const Spending&) = delete;
  Spending& operator=(const Spending&) = delete;
  ~Spending() { on_ += arch::cycles() - start_; }

 private:
  uint64_t& on_;
  uint64_t start_ = arch::cycles();
};

}  // namespace kernel
