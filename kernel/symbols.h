// Names for addresses in the kernel's text, from the table that the second link puts into the
// image.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kernel {

// One function, by kernel/symbols.awk; sorted by address.
struct SymbolEntry {
  uint32_t address;  // low half; the image lies in the top 2 GiB, or all with 32 bits
  uint32_t name;     // offset of the NUL-terminated name in the names
};

struct Symbol {
  std::string_view
      name;             // empty: the address lies before the first function, or no table was linked
  uint64_t offset = 0;  // of the address in the function
  uint64_t size = 0;    // to the next function; 0 for the last one
};

class SymbolTable {
 public:
  constexpr SymbolTable() = default;
  constexpr SymbolTable(std::span<const SymbolEntry> entries, std::string_view names)
      : entries_(entries), names_(names) {}

  [[nodiscard]] Symbol find(uint64_t address) const;

 private:
  std::span<const SymbolEntry> entries_;
  std::string_view names_;
};

}  // namespace kernel
