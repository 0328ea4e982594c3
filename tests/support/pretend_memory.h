// Physical memory for host tests: the replay's.
#pragma once

#include "tools/replay/pretend_memory.h"

namespace test {
using replay::PretendMemory;
}
