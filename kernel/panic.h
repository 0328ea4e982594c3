// For what cannot be continued.
#pragma once

#include <cstdint>
#include <type_traits>

#include "mm/print.h"
#include "mm/result.h"

namespace kernel {

// Prints the fact, the numbers and a backtrace with names; then the machine stops.
[[noreturn]] void panic_values(mm::Wording format, const uint64_t* values);
template <class... Args>
[[noreturn, gnu::always_inline]] inline void panic(mm::Format<std::type_identity_t<Args>...> format,
                                                   Args... args) {
  panic_values(format, mm::Values<Args...>(args...).v);
}
[[noreturn]] void panic(const char* where, const mm::Error& error);
// The last lines of every report of what cannot be continued.
void print_end(const mm::Printer& out);

// Of a fault no more than what can be said without printing: a fact and two numbers.
struct InShort {
  const char* what = nullptr;
  uint64_t at = 0, about = 0;
};
// The whole of it.
using Report = void (*)(const void* facts, const mm::Printer& out);
// The report is made for the serial ports, and then once more for everybody else; then the machine
// stops. When a report is what breaks, the next call says both faults in short, to COM1 first; the
// third stops at once.
[[noreturn]] void last_words(const InShort& in_short, Report report, const void* facts);

}  // namespace kernel
