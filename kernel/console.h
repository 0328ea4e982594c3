// The kernel's log: every line stamped, kept for later, and written to whatever can show it.
//
// Text arrives in pieces of any length; a stamp `[    0.000000] ` goes in front of each line of the
// log, and none in front of bare lines (KTAP, the monitor). What was written is kept in a ring, so
// that an output found late (a framebuffer, say) gets all of it and the monitor can show it again.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "mm/print.h"

namespace kernel {

class Console {
 public:
  using Output = void (*)(std::string_view text);
  using Clock = uint64_t (*)();  // microseconds since the kernel was entered

  static constexpr size_t kRingSize = size_t{1} << 17;
  static constexpr size_t kMaxOutputs = 4;

  // Before there is a clock, the time is 0.
  void set_clock(Clock clock) { clock_ = clock; }
  // Writes to `output` all that the ring still holds, and from now on everything. False when there
  // are kMaxOutputs already.
  bool add_output(Output output);

  void log(std::string_view text) { write(text, true); }
  void bare(std::string_view text) { write(text, false); }
  // Ends a line that was begun.
  void finish_line() {
    if (mid_line_) put("\n");
  }

  // Hands what the ring still holds to `output`, oldest first, in one or two pieces. The oldest
  // line may be cut at its front.
  void replay(Output output) const;

  // The same, to all outputs.
  void show_again() const;

  [[nodiscard]] mm::Printer log_printer();
  [[nodiscard]] mm::Printer bare_printer();

 private:
  void write(std::string_view text, bool stamped);
  void put(std::string_view text);

  std::array<char, kRingSize> ring_{};
  uint64_t written_ = 0;  // characters ever; the ring holds the last kRingSize of them
  std::array<Output, kMaxOutputs> outputs_{};
  size_t output_count_ = 0;
  Clock clock_ = nullptr;
  bool mid_line_ = false;
};

// The machine's one console.
Console& console();
inline mm::Printer log() { return console().log_printer(); }
inline mm::Printer bare() { return console().bare_printer(); }

}  // namespace kernel
