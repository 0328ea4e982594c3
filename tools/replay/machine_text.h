// A machine in short forms: to be replayed again, and to be made in QEMU.
#pragma once

#include <string>

#include "mm/result.h"
#include "tools/replay/machine.h"
#include "tools/replay/replayed.h"

namespace replay {

// A file of facts (tests/machines/README.md), which reads back as the same machine.
[[nodiscard]] std::string facts_text(const Machine& machine, const std::string& name);

// QEMU's command line of the nearest machine: its nodes, with as much RAM as they have, rounded up
// to MiB. What the firmware keeps there is QEMU's own. Fails where there are more nodes than QEMU's
// 128.
mm::Result<std::string> qemu_text(const Replayed& replayed);

}  // namespace replay
