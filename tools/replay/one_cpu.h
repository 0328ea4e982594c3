// The page allocator's policy for a host program of one thread: nothing to lock, nothing to mask.
#pragma once

namespace replay {

struct OneCpu {
  struct Lock {
    void lock() {}
    void unlock() {}
  };
  struct Masked {
    Masked() {}   // NOLINT: not defaulted, so that a variable of it does not count as unused
    ~Masked() {}  // NOLINT
  };
};

}  // namespace replay
