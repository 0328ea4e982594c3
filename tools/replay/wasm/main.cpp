// The replay as the page runs it, in WebAssembly: what describes a machine on standard input, the machine as data for
// the page (docs/replay-page.md) on standard output. Status 0; 2 when that cannot be used, and
// why on standard error.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/replay/findings.h"
#include "tools/replay/must.h"
#include "tools/replay/picture/page_data.h"
#include "tools/replay/program/given.h"
#include "tools/replay/replayed.h"
#include "tools/replay/wasm/world.h"

namespace {

std::string input() {
  std::string bytes;
  char part[65536];
  for (ssize_t count = 0; (count = read(STDIN_FILENO, part, sizeof part)) > 0;) {
    bytes.append(part, static_cast<size_t>(count));
  }
  return bytes;
}

// What a log has that is odd is among the machine's remarks, too.
replay::Machine machine_of(std::string bytes) {
  const std::vector<replay::Piece> pieces{{"The log", std::move(bytes)}};
  return replay::read_given(pieces, 0, [](const std::string&) {}).machine;
}

// Why the machine could not go on. One that the page is too small for is told so.
std::string words_for(const mm::Error& error, const replay::Replayed& replayed) {
  std::string words = replay::describe(error);
  const mm::Phys end = mm::phys(replayed.first_e820().last_pfn());
  if (end.v > replay::PretendMemory::kReach) {
    words +=
        "The page may be too small for this machine: WebAssembly has addresses for 4 GiB, and "
        "of a machine's memory the first 3 GiB, in which the tables of all of it must lie. The "
        "program `replay --html` has no such limit.";
  }
  return words;
}

}  // namespace

int main() {
  const auto replayed = std::make_unique<replay::Replayed>();
  const auto result = replayed->run(machine_of(input()));
  if (!result.ok()) replay::give_up(words_for(result.error(), *replayed).c_str());
  const std::string data = page_data("standard input", *replayed, findings_of(*replayed));
  std::fwrite(data.data(), 1, data.size(), stdout);
  return 0;
}
