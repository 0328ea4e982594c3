// Physical memory for host tests: the replay's.
#pragma once

#include <gtest/gtest.h>

#include "tools/replay/pretend_memory.h"

namespace test {
using replay::PretendMemory;
}

// In front of what is true of 64-bit addresses only.
#define NEEDS_64_BITS(why) \
  if (sizeof(void*) < 8) GTEST_SKIP() << why
