/* What the checker asks of each CPU: the state it began in, and what its page tables say of an
 * address, by a walk of our own. */
#ifndef CHECKER_CPU_H
#define CHECKER_CPU_H

#include "include/baton/handoff.h"

/* At the first instruction: stack pointer and flags. */
extern uintptr_t entry_stack, entry_flags;
uintptr_t entry_stack, entry_flags;

struct mapping {
  uint64_t physical;
  int there, writable, executable, cached;
};

#define CR(name)                                           \
  __extension__({                                          \
    uintptr_t value_;                                      \
    __asm__ volatile("mov %%" name ", %0" : "=r"(value_)); \
    value_;                                                \
  })
#define SYSTEM(name)                                  \
  __extension__({                                     \
    uint64_t value_;                                  \
    __asm__ volatile("mrs %0, " name : "=r"(value_)); \
    value_;                                           \
  })
#define CP15(numbers)                                            \
  __extension__({                                                \
    uint32_t value_;                                             \
    __asm__ volatile("mrc p15, 0, %0, " numbers : "=r"(value_)); \
    value_;                                                      \
  })

#if defined(__x86_64__)
__asm__(
    ".text\n.globl kernel_entry\nkernel_entry:\n"
    "mov %rsp, entry_stack(%rip)\npushfq\npopq entry_flags(%rip)\njmp checker\n");
enum { STACK_REST = 8 }; /* the stack pointer modulo 16 */
#elif defined(__i386__)
__asm__(
    ".text\n.globl kernel_entry\nkernel_entry:\n"
    "mov %esp, entry_stack\npushf\npopl entry_flags\njmp checker\n");
enum { STACK_REST = 12 };
#elif defined(__aarch64__)
__asm__(
    ".text\n.globl kernel_entry\nkernel_entry:\n"
    "mov x1, sp\nadrp x2, entry_stack\nstr x1, [x2, :lo12:entry_stack]\n"
    "mrs x1, daif\nadrp x2, entry_flags\nstr x1, [x2, :lo12:entry_flags]\nb checker\n");
enum { STACK_REST = 0 };
#else
__asm__(
    ".text\n.globl kernel_entry\nkernel_entry:\n"
    "ldr r1, =entry_stack\nstr sp, [r1]\nldr r1, =entry_flags\nmrs r2, cpsr\nstr r2, [r1]\nb "
    "checker\n"
    ".ltorg\n");
enum { STACK_REST = 0 };
#endif

#if defined(__x86_64__) || defined(__i386__)

/* EFER.NXE; without PAE no entry has the bit. */
static inline int no_execute_is_on(void) {
  uint32_t low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080u));
  return (low >> 11 & 1) != 0 && (CR("cr4") >> 5 & 1) != 0;
}
static inline uint64_t table_root(void) { return CR("cr3") & ~(uint64_t)0xfff; }

static inline const char* wrong_state(const struct baton_handoff* handoff) {
  if (entry_flags & 1u << 9) return "interrupts are off";
  if (entry_flags & 1u << 10) return "the direction flag is clear";
  if (!(CR("cr0") & 1u << 16)) return "CR0.WP is set";
  if (CR("cr4") & 1u << 23) return "CR4.CET is clear";
  if ((handoff->flags & BATON_FLAG_NX) && !no_execute_is_on()) return "EFER.NXE is set";
  if (((CR("cr4") >> 12 & 1) != 0) != (handoff->paging_levels == 5))
    return "paging_levels is CR4.LA57's";
  return NULL;
}

static inline struct mapping translate(const struct baton_handoff* handoff,
                                       uint64_t virtual_address) {
  const uint32_t levels = handoff->paging_levels, wide = levels > 2, bits = wide ? 9 : 10;
  struct mapping found = {0, 1, 1, no_execute_is_on(), 1};
  uint64_t table = handoff->page_tables;
  uint32_t level;
  for (level = levels; level > 0; --level) {
    const uint32_t shift = 12 + bits * (level - 1);
    const uint64_t index =
        virtual_address >> shift & ((levels == 3 && level == 3) ? 3u : (1u << bits) - 1);
    const void* const entries = baton_at(handoff, table);
    const uint64_t entry =
        wide ? ((const uint64_t*)entries)[index] : ((const uint32_t*)entries)[index];
    if (!(entry & 1)) return (struct mapping){0, 0, 0, 0, 0};
    if (levels != 3 || level != 3) found.writable &= (entry & 2) != 0;
    if (entry >> 63) found.executable = 0;
    table = entry & 0x000ffffffffff000ull;
    if (level == 1 || ((entry & 128) && level < 4)) {
      const uint64_t inside = ((uint64_t)1 << shift) - 1;
      found.cached = (entry & 16) == 0;
      found.physical = (table & ~inside) | (virtual_address & inside);
      return found;
    }
  }
  return found;
}

#elif defined(__aarch64__)

static inline int no_execute_is_on(void) { return 1; }
static inline uint64_t table_root(void) { return SYSTEM("ttbr0_el1"); }

static inline const char* wrong_state(const struct baton_handoff* handoff) {
  if (entry_flags != 0x3c0) return "all of DAIF is masked";
  if (SYSTEM("CurrentEL") != 1 << 2) return "it is EL1";
  if (SYSTEM("SPSel") != 1) return "SPSel is 1";
  if (SYSTEM("ttbr1_el1") != handoff->page_tables + 2048) return "TTBR1 is the root's second half";
  if ((SYSTEM("tcr_el1") & 0x3f) != 17 || (SYSTEM("tcr_el1") >> 16 & 0x3f) != 17)
    return "T0SZ and T1SZ are 17";
  if (SYSTEM("mair_el1") != 0xffbb4400) return "MAIR is 0xffbb4400";
  return NULL;
}

static inline struct mapping translate(const struct baton_handoff* handoff,
                                       uint64_t virtual_address) {
  struct mapping found = {0, 0, 0, 0, 0};
  uint64_t table = handoff->page_tables;
  int level;
  for (level = 4; level > 0; --level) {
    const int shift = 12 + 9 * (level - 1);
    const uint64_t entry =
        ((const uint64_t*)baton_at(handoff, table))[virtual_address >> shift & 511];
    const uint64_t inside = ((uint64_t)1 << shift) - 1;
    if (!(entry & 1)) return found;
    table = entry & 0x0000fffffffff000ull;
    if (level > 1 && (entry & 2)) continue;
    found.there = 1;
    found.writable = (entry >> 7 & 1) == 0;
    found.executable = (entry >> 53 & 1) == 0;
    found.cached = (entry >> 2 & 7) >= 2;
    found.physical = (table & ~inside) | (virtual_address & inside);
    return found;
  }
  return found;
}

#else

static inline int no_execute_is_on(void) { return 1; }
static inline uint64_t table_root(void) { return CP15("c2, c0, 0") & ~0x3fffu; }

static inline const char* wrong_state(const struct baton_handoff* handoff) {
  (void)handoff;
  if ((entry_flags & 0x1f) != 0x13) return "it is Supervisor mode";
  if ((entry_flags & 0x1c0) != 0x1c0) return "A, I and F are masked";
  if ((CP15("c1, c0, 0") & 0x1005) != 0x1005) return "MMU and caches are on";
  if ((CP15("c1, c0, 0") & 3u << 28) != 0) return "TRE and AFE are 0";
  if (CP15("c2, c0, 2") != 0) return "TTBCR is 0";
  if (CP15("c3, c0, 0") != 1) return "domain 0 is a client";
  return NULL;
}

static inline struct mapping translate(const struct baton_handoff* handoff,
                                       uint64_t virtual_address) {
  const uint32_t at = (uint32_t)virtual_address;
  struct mapping found = {0, 0, 0, 0, 0};
  const uint32_t first = ((const uint32_t*)baton_at(handoff, handoff->page_tables))[at >> 20];
  if ((first & 3) == 2) { /* a section */
    found.there = 1;
    found.writable = (first >> 15 & 1) == 0;
    found.executable = (first >> 4 & 1) == 0;
    found.cached = (first >> 3 & 1) != 0;
    found.physical = (first & 0xfff00000u) | (at & 0xfffff);
  } else if ((first & 3) == 1) {
    const uint32_t* const second = (const uint32_t*)baton_at(handoff, first & ~0x3ffu);
    const uint32_t entry = second[at >> 12 & 255];
    found.there = (entry & 2) != 0;
    found.writable = (entry >> 9 & 1) == 0;
    found.executable = (entry & 1) == 0;
    found.cached = (entry >> 3 & 1) != 0;
    found.physical = (entry & ~0xfffu) | (at & 0xfff);
  }
  return found;
}

#endif

#endif
