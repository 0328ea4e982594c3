#include "loader/own_kernel.h"

#include <algorithm>

namespace loader {
namespace {

// `path` with these two before the extension of its last part.
void with_suffix(std::string_view path, std::string_view first, std::string_view second,
                 std::span<char> out) {
  const size_t last = path.find_last_of("\\/") + 1;  // 0 where there is none
  const size_t dot = path.find_last_of('.');
  const size_t stem = dot == std::string_view::npos || dot <= last ? path.size() : dot;
  char* at = std::copy_n(path.data(), stem, out.data());
  at = std::copy(first.begin(), first.end(), at);
  at = std::copy(second.begin(), second.end(), at);
  at = std::copy(path.begin() + static_cast<ptrdiff_t>(stem), path.end(), at);
  *at = '\0';
}

}  // namespace

void own_kernel_path(std::string_view path, std::string_view id, std::span<char> out) {
  with_suffix(path, "-", id, out);
}

void wide_kernel_path(std::string_view path, std::span<char> out) {
  with_suffix(path, "64", {}, out);
}

}  // namespace loader
