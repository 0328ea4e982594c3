/* What the examples share: a word among the options, and of the CPU one way to put a character out
 * and two to stop. */
#ifndef EXAMPLES_MACHINE_H
#define EXAMPLES_MACHINE_H

#include "include/baton/handoff.h"

/* UEFI's calling convention is the compiler's own but on x86-64 (UEFI 2.10 section 2.3). */
#if defined(__x86_64__)
#define EFIAPI __attribute__((ms_abi))
#else
#define EFIAPI
#endif

/* Whether a word is among those of the options, which blanks separate. */
static inline int is_asked_for(const struct baton_handoff* handoff, const char* word) {
  const char* at = (const char*)baton_at(handoff, handoff->options);
  while (*at != '\0') {
    const char* w = word;
    while (*w != '\0' && *at == *w) ++at, ++w;
    if (*w == '\0' && (*at == ' ' || *at == '\0')) return 1;
    while (*at != ' ' && *at != '\0') ++at;
    while (*at == ' ') ++at;
  }
  return 0;
}

static inline void machine_put(const struct baton_handoff* handoff, char c) {
  if (handoff->serial.kind == BATON_SERIAL_PL011) {
    volatile uint32_t* uart = (volatile uint32_t*)baton_at(handoff, handoff->serial.address);
    while (uart[6] & 1u << 5) continue; /* UARTFR.TXFF */
    uart[0] = (unsigned char)c;
  }
#if defined(__x86_64__) || defined(__i386__)
  if (handoff->serial.kind == BATON_SERIAL_16550) {
    uint16_t port = (uint16_t)handoff->serial.address;
    uint8_t status = 0;
    int turns; /* a port that is not there is never ready */
    for (turns = 0; turns < 100000 && !(status & 0x20); ++turns) {
      __asm__ volatile("inb %1, %0" : "=a"(status) : "Nd"((uint16_t)(port + 5)));
    }
    __asm__ volatile("outb %0, %1" : : "a"(c), "Nd"(port));
  }
#endif
}

static inline void machine_use_tables(uint64_t root) {
#if defined(__x86_64__) || defined(__i386__)
  __asm__ volatile("mov %0, %%cr3" : : "r"((uintptr_t)root) : "memory");
#elif defined(__aarch64__)
  __asm__ volatile("msr ttbr0_el1, %0\n\tisb\n\ttlbi vmalle1\n\tdsb nsh\n\tisb"
                   :
                   : "r"(root)
                   : "memory");
#elif defined(__arm__)
  uint32_t ttbr; /* how tables are read stays as it is */
  __asm__ volatile("mrc p15, 0, %0, c2, c0, 0" : "=r"(ttbr));
  ttbr = (uint32_t)root | (ttbr & 0x3fff);
  __asm__ volatile(
      "dsb\n\tmcr p15, 0, %0, c2, c0, 0\n\tisb\n\tmcr p15, 0, %1, c8, c7, 0\n\tdsb\n\tisb"
      :
      : "r"(ttbr), "r"(0)
      : "memory");
#endif
}

/* By the firmware's ResetSystem (UEFI 2.10 section 8.5.1), in the address space that is kept for it: it
 * has the firmware's memory, the kernel and the direct map, but not the handoff at its own address.
 * Returns where there is no such service. */
static inline void machine_power_off(const struct baton_handoff* handoff) {
  typedef void EFIAPI reset_system(int type, uintptr_t status, uintptr_t size, void* data);
  const uintptr_t* table = (const uintptr_t*)(uintptr_t)(handoff->firmware.system_table + 24);
  if (handoff->runtime_root == 0) return;
  machine_use_tables(handoff->runtime_root);
  table =
      (const uintptr_t*)(table[8] + 24); /* RuntimeServices; each table has a header of 24 bytes */
  ((reset_system*)table[10])(2 /* EfiResetShutdown */, 0, 0, NULL);
}

static inline void machine_halt(void) {
  for (;;) {
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("hlt");
#else
    __asm__ volatile("wfi");
#endif
  }
}

#endif
