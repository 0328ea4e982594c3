// What the command line asks for.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "mm/relay.h"
#include "mm/types.h"
#include "tools/replay/what_if.h"

namespace replay {

// A command line that cannot be followed; says so in words.
struct BadArguments : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Verb { Replay, Explain, Diff, Help };
// What a replay gives.
enum class Form { Text, Json, Facts, Qemu };

struct Arguments {
  Verb verb = Verb::Replay;
  mm::Phys address;  // explain
  std::vector<std::string> files;
  mm::Road road = mm::Road::Memblock;
  unsigned columns = 64;
  unsigned boot = 0;      // the last
  std::string html, svg;  // files to draw into; empty: not asked for
  Form form = Form::Text;
  // What if.
  std::string options;
  std::vector<std::string> dimms, reservations;
  std::optional<CrashKernel> crashkernel;
  std::optional<unsigned> hugepages;
  std::vector<mm::Phys> bad;
  bool json = false, machine = false, qemu = false;
};

[[nodiscard]] Arguments parse(int count, char** words);

[[nodiscard]] const char* usage();
[[nodiscard]] const char* help();

}  // namespace replay
