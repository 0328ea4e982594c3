// The page allocator's policy for a test of one thread: the replay's.
#pragma once

#include "tools/replay/one_cpu.h"

namespace test {
using replay::OneCpu;
}
