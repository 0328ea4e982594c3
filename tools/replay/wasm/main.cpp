// The replay as the page runs it, in WebAssembly: its arguments are replay's (what if, --boot), on
// standard input are pieces that describe a machine, each `NAME`, 0, its length in decimal, 0 and so
// many bytes; on standard output comes the machine as data for the page (docs/replay-page.md). Status
// 0; 2 when that cannot be used, and why on standard error.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mm/size_text.h"
#include "tools/replay/findings.h"
#include "tools/replay/must.h"
#include "tools/replay/picture/page_data.h"
#include "tools/replay/program/arguments.h"
#include "tools/replay/program/asked.h"
#include "tools/replay/program/given.h"
#include "tools/replay/program/memmap_tree.h"
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

// What stands in front of the next zero byte.
std::string take_word(std::string_view& rest) {
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) replay::give_up("the pieces are cut");
  std::string word(rest.substr(0, end));
  rest.remove_prefix(end + 1);
  return word;
}

std::vector<replay::Piece> pieces_in(std::string_view rest) {
  std::vector<replay::Piece> pieces;
  while (!rest.empty()) {
    const std::string name = take_word(rest);
    const std::string length = take_word(rest);
    const auto bytes = mm::number_of(length, 10, rest.size());
    if (!bytes) replay::give_up("the pieces are cut");
    pieces.push_back({name, std::string(rest.substr(0, static_cast<size_t>(*bytes)))});
    rest.remove_prefix(static_cast<size_t>(*bytes));
  }
  replay::gather_memmap(pieces);
  return pieces;
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

int main(int count, char** words) {
  const replay::Arguments arguments = replay::parse(count, words);
  // What a log has that is odd is among the machine's remarks, too.
  replay::Given given =
      replay::read_given(pieces_in(input()), arguments.boot, [](const std::string&) {});
  const replay::ReplayOptions options = as_asked(arguments, given.machine);
  const auto replayed = std::make_unique<replay::Replayed>();
  const auto result = replayed->run(std::move(given.machine), options);
  if (!result.ok()) replay::give_up(words_for(result.error(), *replayed).c_str());
  const std::string data =
      page_data({given.name, answers(*replayed, arguments)}, *replayed, findings_of(*replayed));
  std::fwrite(data.data(), 1, data.size(), stdout);
  return 0;
}
