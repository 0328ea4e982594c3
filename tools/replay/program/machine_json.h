// A machine in JSON, and back: all that it is made of, as docs/replay.schema.json has it under
// "machine".
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string_view>

#include "tools/replay/machine.h"
#include "tools/replay/program/pieces.h"

namespace replay {

// Counts up when what programs read is not there any more, or means something else. Keys may be
// added without that.
inline constexpr int kJsonVersion = 2;

// By MachineKind, and by NodeSpeed::Kind.
inline constexpr const char* kMachineKinds[] = {"pc", "arm64", "arm"};
inline constexpr const char* kSpeedKinds[] = {"latency_ps",          "read_latency_ps",
                                              "write_latency_ps",    "bandwidth_mb_s",
                                              "read_bandwidth_mb_s", "write_bandwidth_mb_s"};

[[nodiscard]] nlohmann::ordered_json json_of(const Machine& machine);

// Whether the bytes begin as `replay --json` does.
[[nodiscard]] bool is_machine_json(std::string_view bytes);
// The same machine again. Throws BadInput, which names the place ("machine.srat[3].node"), where
// something is missing or cannot be, and where the version is none that is known. One of version 1,
// which had no more than maps, nodes and speeds, is taken for a PC of 64 bits, and a remark says so.
[[nodiscard]] Machine machine_of_json(const Piece& piece);

// What JSON has of both the machine and what came of it.
[[nodiscard]] nlohmann::ordered_json json_of(mm::Range range);
[[nodiscard]] nlohmann::ordered_json json_of(std::span<const mm::E820Entry> map);
// The object's keys, then the range's.
[[nodiscard]] nlohmann::ordered_json with_range(nlohmann::ordered_json object, mm::Range range);

}  // namespace replay
