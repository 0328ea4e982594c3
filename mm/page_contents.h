// What frames hold while they are free, and when they are handed out: Linux's page_poison,
// init_on_alloc and init_on_free; and whether they have an address meanwhile: its debug_pagealloc.
//
// Poisoned frames are looked at when they are handed out: whoever wrote to one while nobody had it is
// told of then, by address and offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "mm/print.h"
#include "mm/types.h"

namespace mm {

struct PageContents {
  bool poison = false;         // page_poison: free frames hold kPoison, and are looked at
  bool zero_on_alloc = false;  // init_on_alloc
  bool zero_on_free = false;   // init_on_free
  bool absent = false;         // debug_pagealloc: who touches a free frame faults

  // Whether free frames hold something; whether anything is to be done with those that are freed, and
  // with those handed out.
  [[nodiscard]] bool fills() const { return poison || zero_on_free; }
  [[nodiscard]] bool when_freed() const { return fills() || absent; }
  [[nodiscard]] bool when_allocated() const { return poison || zero_on_alloc || absent; }
  [[nodiscard]] bool any() const { return when_freed() || when_allocated(); }
  // What free frames hold, where it fills().
  [[nodiscard]] uint64_t free_word() const { return poison ? kPoison : 0; }

  static constexpr uint64_t kPoison = 0xaaaa'aaaa'aaaa'aaaa;  // Linux's PAGE_POISON, in each byte
};

// Who gives frames their addresses, and takes them away: called with frames before they are looked at
// and handed out (`there`), and after they were filled, before they are free. On any CPU, on several at a
// time, and also where nothing may be waited for. All frames have addresses at first.
struct Presence {
  void (*set)(void* context, PfnRange frames, bool there) = nullptr;
  void* context = nullptr;
};

using PageWords = std::span<const uint64_t, kPageSize / 8>;

// Bytes of a poisoned frame that are something else.
struct Corruption {
  size_t first = 0, last = 0;  // offsets
  size_t count = 0;            // how many
  bool single_bit = false;     // it is one bit in all, as when memory itself is bad
};
[[nodiscard]] std::optional<Corruption> find_corruption(PageWords words);

// Linux's words ("pagealloc: memory corruption", "pagealloc: single bit error"), where it is, and the
// first rows of 16 bytes that are wrong.
void print_corruption(Pfn frame, PageWords words, const Corruption& corruption, const Printer& out);

}  // namespace mm
