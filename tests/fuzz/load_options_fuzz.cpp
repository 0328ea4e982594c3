// Load options of any bytes: what is taken is text without a program's name, and what a boot manager
// makes of it says the same once more.
#include "loader/menu/config.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::Bytes;
using fuzz::check;

std::optional<std::string> read(const Bytes& bytes, bool from_shell) {
  std::vector<char> out(bytes.size() / 2 + 1, '~');
  const auto options = loader::parse_load_options(bytes, from_shell, out);
  if (!options.ok() || !options.value()) return std::nullopt;
  return std::string(*options.value());
}

}  // namespace

// Its first byte says whether a shell passes the rest.
FUZZ_TARGET(load_options) {
  fuzz::Input input(data, size);
  const bool from_shell = (input.byte() & 1) != 0;
  const auto said = read(input.rest(), from_shell);
  if (!said) return;
  check(!said->empty() && said->front() != ' ' && said->back() != ' ');
  for (const char c : *said) check(c == '\t' || (c >= ' ' && c <= '~'));
  Bytes again;
  for (const char c : "baton.efi " + *said) {
    again.push_back(static_cast<uint8_t>(c));
    again.push_back(0);
  }
  for (const bool shell : {false, true}) check(read(again, shell) == said);
}
