// Names for addresses in the kernel's text, from the table that the second link puts into the
// image.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kernel {

// One function, by kernel/symbols.awk; sorted.
struct SymbolEntry {
  uint32_t address;  // from where the text begins
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
  // `start`: where the text begins.
  constexpr SymbolTable(std::span<const SymbolEntry> entries, std::string_view names,
                        uint64_t start)
      : entries_(entries), names_(names), start_(start) {}

  [[nodiscard]] Symbol find(uint64_t address) const;

 private:
  std::span<const SymbolEntry> entries_;
  std::string_view names_;
  uint64_t start_ = 0;
};

}  // namespace kernel
