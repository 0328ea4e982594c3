// Interrupts: other CPUs' calls, this CPU's timer, and nothing that the firmware left on.
#pragma once

#include <cstdint>

namespace kernel::bsa {

void handle_interrupts();
// What came while this CPU held calls back.
void take_due_calls();
// Of each CPU: its timers are off, and it takes interrupts once they are let. False where it could
// not be told anything.
[[nodiscard]] bool begin_interrupts();

}  // namespace kernel::bsa
