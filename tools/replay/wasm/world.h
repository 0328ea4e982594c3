// What a host has and WebAssembly has not: memory that is only addresses until it is touched, and
// exceptions.
#pragma once

namespace replay {

// Ends the program with status 2, and why on standard error.
[[noreturn]] void give_up(const char* why);

}  // namespace replay
