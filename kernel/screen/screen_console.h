// The console on the machine's screen, where the firmware left a framebuffer.
#pragma once

#include "loader/handoff/handoff.h"
#include "mm/direct_map.h"
#include "mm/result.h"

namespace kernel {

class Screen;

// Shows the log so far there, and from now on everything. Nothing happens where there is no
// framebuffer; fails when there is one that cannot be used, and says why.
mm::Result<> open_screen_console(const loader::HandoffFramebuffer& facts, const mm::DirectMap& map);

// The machine's one screen; is_open() tells whether there is one.
[[nodiscard]] Screen& screen();

}  // namespace kernel
