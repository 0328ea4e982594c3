#include "tools/replay/program/memmap_tree.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

namespace replay {
namespace {

// A path that ends in `memmap/7/start`: the entry's number and which of the three it is; the folder before them.
bool is_memmap(const std::string& name, std::string& folder, std::string& attribute) {
  const size_t slash = name.rfind('/');
  if (slash == std::string::npos || slash == 0) return false;
  const std::string last = name.substr(slash + 1);
  if (last != "start" && last != "end" && last != "type") return false;
  const size_t number = name.find_last_of("/:", slash - 1);
  const std::string digits = name.substr(number + 1, slash - number - 1);
  const bool good =
      !digits.empty() && std::all_of(digits.begin(), digits.end(),
                                     [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!good) return false;
  folder = number == std::string::npos ? "memmap" : name.substr(0, number);
  attribute = digits + "/" + last;
  return true;
}

}  // namespace

void gather_memmap(std::vector<Piece>& pieces) {
  std::vector<Piece> kept;
  for (Piece& piece : pieces) {
    std::string folder;
    std::string attribute;
    if (!is_memmap(piece.name, folder, attribute)) {
      kept.push_back(std::move(piece));
      continue;
    }
    const std::string value = piece.bytes.substr(0, piece.bytes.find('\n'));
    auto at = std::find_if(kept.begin(), kept.end(),
                           [&](const Piece& each) { return each.name == folder; });
    if (at == kept.end()) at = kept.insert(kept.end(), {folder, {}});
    at->bytes.append("/").append(attribute).append(":").append(value).append("\n");
  }
  pieces = std::move(kept);
}

}  // namespace replay
