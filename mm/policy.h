// What differs between the worlds a page allocator runs in; it is told at compile time.
//
// A policy is a struct with
//     struct Lock { void lock(); bool try_lock(); void unlock(); };  // made by default; 64 bytes
//                                              // at most
//     struct Masked { Masked(); ~Masked(); };  // while it lives, whatever may interrupt this CPU
//                                              // stays out of the allocator; nests
//     template <class T> static void add(T& own, T n);
//                                              // own += n; only this CPU writes `own`, others read
//     static bool spend(int32_t& own, int32_t n);
//                                              // own -= n, as add(); whether it is below 0 then
//     static bool claim(uint32_t& word, uint32_t from, uint32_t to);
//                                              // makes `word`, which was seen to be `from`, `to`;
//                                              // false: another CPU was faster
//     static uint64_t* page_at(const DirectMap& map, Phys page);
//                                              // what lies in a page, which may be highmem
// OneCpu below is one. ManyCpus is the base of those with more than one CPU, which bring their own
// Lock and Masked.
#pragma once

#include <cstdint>

#include "mm/direct_map.h"
#include "mm/types.h"

namespace mm {

// A program of one thread, or a kernel with one CPU that takes no memory in interrupt handlers:
// nothing to lock, nothing to mask.
struct OneCpu {
  struct Lock {
    void lock() {}
    bool try_lock() { return true; }
    void unlock() {}
  };
  struct Masked {
    Masked() {}   // NOLINT: not defaulted, so that a variable of it does not count as unused
    ~Masked() {}  // NOLINT
  };
  template <class T>
  static void add(T& own, T n) {
    own += n;
  }
  static bool spend(int32_t& own, int32_t n) { return (own -= n) < 0; }
  static bool claim(uint32_t& word, uint32_t /*from*/, uint32_t to) {
    word = to;
    return true;
  }
  static uint64_t* page_at(const DirectMap& map, Phys page) { return map.at<uint64_t>(page); }
};

struct ManyCpus {
  template <class T>
  static void add(T& own, T n) {
    __atomic_store_n(&own, __atomic_load_n(&own, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
  }
  static bool spend(int32_t& own, int32_t n) {
    add(own, -n);
    return own < 0;
  }
  static bool claim(uint32_t& word, uint32_t from, uint32_t to) {
    return __atomic_compare_exchange_n(&word, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
  }
  static uint64_t* page_at(const DirectMap& map, Phys page) { return map.at<uint64_t>(page); }
};

}  // namespace mm
