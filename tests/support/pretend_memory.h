// Physical memory for host tests: the replay's.
#pragma once

#include <gtest/gtest.h>

#include "tools/replay/pretend_memory.h"

namespace test {
using replay::PretendMemory;
}

// In front of what needs memory touched that lies where 32 bits do not reach.
#define NEEDS_64_BITS() \
  if (sizeof(void*) < 8) GTEST_SKIP() << "touches memory where 32 bits do not reach"
