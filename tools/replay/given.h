// What a person hands over, as a machine.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "tools/replay/machine.h"

namespace replay {

// Input that cannot be used; says which, and why.
struct BadInput : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Given {
  std::string name;               // of the file or files, to be shown
  Machine machine;                // its remarks name lines of `name`
  std::vector<std::string> said;  // what a reader of the input should know, a line each
};

// `-` is standard input. `boot`: which of a log's several, from 1; 0 is the last. Throws BadInput.
[[nodiscard]] Given read_given(const std::vector<std::string>& files, unsigned boot);

}  // namespace replay
