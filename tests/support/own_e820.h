// An e820 table with room of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mm/e820.h"
#include "tools/replay/must.h"

namespace test {

constexpr mm::Range range(uint64_t start, uint64_t end) { return {mm::Phys{start}, mm::Phys{end}}; }

struct OwnE820 {
  explicit OwnE820(size_t slots = 64) : storage(slots), e820(storage) {}
  OwnE820(const OwnE820&) = delete;
  OwnE820& operator=(const OwnE820&) = delete;

  OwnE820& add(uint64_t start, uint64_t end, mm::E820Type type = mm::E820Type::Ram) {
    replay::must(e820.append(range(start, end), type));
    return *this;
  }

  std::vector<mm::E820Entry> storage;
  mm::E820Table e820;
};

}  // namespace test
