#include "kernel/symbols.h"

#include <algorithm>

namespace kernel {

Symbol SymbolTable::find(uint64_t address) const {
  if (address < start_ || address - start_ > ~uint32_t{0}) return {};
  const auto low = static_cast<uint32_t>(address - start_);
  const auto after = std::upper_bound(
      entries_.begin(), entries_.end(), low,
      [](uint32_t value, const SymbolEntry& entry) { return value < entry.address; });
  if (after == entries_.begin()) return {};
  const SymbolEntry& entry = *(after - 1);
  if (entry.name >= names_.size()) return {};
  const std::string_view rest = names_.substr(entry.name);
  const uint64_t size = after == entries_.end() ? 0 : after->address - entry.address;
  return {rest.substr(0, rest.find('\0')), low - entry.address, size};
}

}  // namespace kernel
