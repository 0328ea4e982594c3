// The two forms of IA-32's page tables (Intel SDM vol. 3A, sections 4.3 and 4.4). Which of them is in
// use the loader has decided, and CR4.PAE says.
#pragma once

#include "kernel/page_walk.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/page_bits.h"

namespace kernel::ia32 {

// With physical address extension.
struct PaeEntry : x86::PageBits {
  static constexpr unsigned kRootLevel = 3;  // its four entries have no rights of their own
  static unsigned levels() { return kRootLevel; }
  static bool writable(uint64_t entry, unsigned level) {
    return level == kRootLevel || (entry & kWrite) != 0;
  }
  static uint64_t table(uint64_t table, unsigned level) {
    return table | kPresent | (level == kRootLevel ? 0 : kWrite);
  }
  // RAM is nowhere at its own address.
  static uint64_t as_data(uint64_t /*leaf*/) { return 0; }
};

// Without: 1024 entries of 4 bytes in each of two levels.
struct PlainEntry : x86::PageBits {
  using Word = uint32_t;
  static constexpr unsigned kIndexBits = 10;
  static constexpr bool kSigned = false;
  static unsigned levels() { return 2; }
  static bool writable(uint64_t entry, unsigned /*level*/) { return (entry & kWrite) != 0; }
  static uint64_t table(uint64_t table, unsigned /*level*/) { return table | kPresent | kWrite; }
  static uint64_t as_data(uint64_t /*leaf*/) { return 0; }
};

// Calls it with a walk of the tables that are in use.
template <class Call>
auto by_form(Call call) {
  return x86::has_wide_entries() ? call(PageWalk<PaeEntry>()) : call(PageWalk<PlainEntry>());
}

// The kernel's own windows behind its image (space.h) have tables, in the kernel's tree and in that of
// the runtime services, which shares what the kernel's root has of the last GiB. That is one entry
// with PAE; without it every 4 MiB has one of its own, so that none may come later.
void open_windows(mm::Phys runtime_root);

}  // namespace kernel::ia32
