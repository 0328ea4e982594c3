// A flattened device tree (*.dtb, /sys/firmware/fdt) as a machine.
#pragma once

#include <string_view>

#include "tools/replay/machine.h"
#include "tools/replay/program/pieces.h"

namespace replay {

[[nodiscard]] bool is_device_tree(std::string_view bytes);

// RAM of its /memory nodes, what its reservation block and /reserved-memory want left alone, nodes,
// distances and CPUs by numa-node-id (Devicetree Specification 0.4, 3.4, 3.5, 3.8, 5.3; Linux's
// numa.txt). What cannot be read of these is a remark. No RAM: whoever starts the machine fills it
// in. Throws BadInput where the tree as a whole cannot be walked.
[[nodiscard]] Machine machine_of_tree(const Piece& piece);

}  // namespace replay
