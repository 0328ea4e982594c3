// The kernel's log: every line stamped, kept for later, and written to whatever can show it.
//
// Text arrives in pieces of any length; a stamp `[    0.000000] ` goes in front of each line of the
// log, and none in front of bare lines (KTAP, the monitor). What was written is kept in a ring, so
// that an output found late (a framebuffer, say) gets all of it and the monitor can show it again.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernel/policy.h"
#include "mm/print.h"

namespace kernel {

class Console {
 public:
  using Output = void (*)(std::string_view text);
  using Flush = void (*)();
  using Clock = uint64_t (*)();  // microseconds since the kernel was entered

  static constexpr size_t kRingSize = size_t{1} << 17;
  static constexpr size_t kMaxOutputs = 4;

  // Before there is a clock, the time is 0.
  void set_clock(Clock clock) { clock_ = clock; }
  // Writes to `output` all that the ring still holds, and from now on everything. False when there
  // are kMaxOutputs already. A line is a serial port: little can go wrong with it, so lines are
  // served before all others.
  bool add_line(Output output);
  bool add_output(Output output, Flush show = nullptr);

  // An output may keep what it was given for a moment (a screen, which is drawn when there is
  // something to see): afterwards it is shown. For whoever is about to wait for somebody, to work
  // long without a word, or to do what may not come back. Last words are shown as they come.
  void flush();

  // One CPU at a time.
  void log(std::string_view text) { write(text, true); }
  void bare(std::string_view text) { write(text, false); }
  // Ends a line that was begun.
  void finish_line() {
    if (mid_line_) put("\n");
  }

  // Hands what the ring still holds to `output`, oldest first, in one or two pieces. The oldest
  // line may be cut at its front.
  void replay(Output output) const;

  // The same of what was written after `from` characters; how many there are now.
  uint64_t replay_since(uint64_t from, Output output) const;

  // The same, to all outputs.
  void show_again() const;

  // Last words are said twice: to the lines alone, and then to the other outputs and the ring,
  // whatever may break there. A line of text that was begun is ended; another CPU, which was
  // stopped in the middle, is waited for no more. There is no way back to All.
  enum class Hearers : uint8_t { All, Lines, Others };
  void speak_to(Hearers hearers);

  [[nodiscard]] mm::Printer log_printer();
  [[nodiscard]] mm::Printer bare_printer();

 private:
  void write(std::string_view text, bool stamped);
  void put(std::string_view text);

  SpinLock<LockRank::Console> lock_;
  std::array<char, kRingSize> ring_{};
  uint64_t written_ = 0;  // characters ever; the ring holds the last kRingSize of them
  std::array<Output, kMaxOutputs> outputs_{};
  std::array<Flush, kMaxOutputs> flushes_{};  // null: it keeps nothing
  size_t output_count_ = 0, line_count_ = 0;  // the lines come first
  Hearers hearers_ = Hearers::All;
  Clock clock_ = nullptr;
  bool mid_line_ = false;
  bool others_mid_line_ = false;  // of those who wait while lines are spoken to
};

// The machine's one console.
Console& console();
inline mm::Printer log() { return console().log_printer(); }
inline mm::Printer bare() { return console().bare_printer(); }

}  // namespace kernel
