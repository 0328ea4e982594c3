// The replay's result held against what the log says Linux made of the same machine.
#pragma once

#include <string>

#include "mm/relay.h"
#include "tools/replay/log_reader.h"

namespace replay {

// A line for each zone, node range and total that differs, under a heading; empty when nothing
// does. What the log does not say is not compared.
std::string differences(const LinuxMade& linux, const mm::RelayCore& relay);

// What may be behind such differences, and what to look for.
std::string explained(const LinuxMade& linux);

}  // namespace replay
