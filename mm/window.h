// Window: addresses at which pieces of RAM lie in a row.
//
// A node's mem_map is one array, so that a frame's Page is found without a question. Where no stretch
// of RAM is long enough for it, who runs the relay makes one of addresses: a kernel by page tables
// (Linux calls it vmemmap), a host by its own.
#pragma once

#include <cstdint>

#include "mm/types.h"

namespace mm {

struct Window {
  static constexpr uint64_t kLargePiece = 2 * kMiB;  // from here on pieces are aligned to it

  // A page for the window's own tables, which stays reserved; 0 when there is none.
  struct Tables {
    Phys (*take)(void* context) = nullptr;
    void* context = nullptr;

    [[nodiscard]] Phys page() const { return take(context); }
  };

  // Addresses for so many bytes, aligned to kLargePiece; null when there are none.
  void* (*reserve)(void* context, uint64_t bytes) = nullptr;
  // `frames`, whole pages, are at `at` from now on. Whether there were tables enough.
  bool (*map)(void* context, void* at, Range frames, const Tables& tables) = nullptr;
  void* context = nullptr;
  bool always = false;  // also where a stretch would do

  [[nodiscard]] bool exists() const { return reserve != nullptr; }
};

}  // namespace mm
