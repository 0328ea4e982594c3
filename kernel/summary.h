// What of a log a person takes away: a screenful of its lines, by rules. Pure.
//
// First what the machine is, then how it went, then what is wrong, each as far as there is room; a
// last line says how many of those that matter are left out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kernel {

class Summary {
 public:
  static constexpr size_t kRoom = 1200;  // bytes of the answer, loader/report.h's limit

  // Takes the log, in pieces of any length.
  void take(std::string_view text);
  // Makes the answer, lines with '\n', of the log up to here; more of it may follow, as a new line.
  std::string_view finish();

 private:
  enum class Kind : uint8_t { Machine, Outcome, Trouble };
  static constexpr size_t kKinds = 3;
  static constexpr size_t kEach[kKinds] = {520, 260, 520};  // room of each before they are joined

  struct Part {
    std::array<char, 520> text{};
    size_t length = 0;
    size_t left_out = 0;
  };
  void end_line();
  void keep(Kind kind, std::string_view line);

  std::array<char, 200> line_{};
  size_t line_length_ = 0;  // longer lines are cut here, as the screen would
  std::array<Part, kKinds> parts_{};
  std::array<char, kRoom> answer_{};
  size_t answer_length_ = 0;
};

}  // namespace kernel
