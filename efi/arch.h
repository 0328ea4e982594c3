// The seam: what the application asks of the architecture it runs on, defined in efi/<arch>/.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "efi/firmware.h"
#include "loader/arch.h"
#include "loader/fdt/fdt.h"
#include "loader/handoff/handoff.h"
#include "loader/world.h"
#include "mm/types.h"

namespace loader {
class RandomPool;
}

namespace efi {

// --- What the CPU is, and what of it the firmware has put to use ---
struct Cpu {
  loader::PagingFeatures paging;
  uint32_t id = 0;  // of the one that runs, as firmware's tables name it
  loader::NamedRange
      controller{};  // its own interrupt controller's registers; empty: there are none
  // For a kernel wider than the firmware (mixed mode); nothing: it runs none.
  std::optional<loader::PagingFeatures> wide;
};
[[nodiscard]] Cpu examine_cpu(const Firmware& firmware);

// What the firmware's CPU state points to, which is live until the kernel's own replaces it.
struct LiveState {
  std::array<loader::NamedRange, 2> tables{};  // of descriptors or vectors
  loader::LiveTables page_tables;
  mm::Phys stack;  // where the stack pointer is
};
[[nodiscard]] LiveState live_state();

// How the firmware's page tables, which are in use, map an address. Nothing: not mapped.
struct LivePermissions {
  bool writable = false, executable = false;
};
[[nodiscard]] std::optional<LivePermissions> live_page(uint64_t address);

[[nodiscard]] uint64_t read_counter();  // the CPU's time; its rate is not known here

// Adds random numbers of the CPU's own generators, where it has any that work.
void ask_cpu(loader::RandomPool& pool);

// The first serial port: here, in FirstSerialRegisters and in the handoff. The tables say where
// one is that does not lie where all machines have it; the device
// tree, where there are none.
[[nodiscard]] loader::HandoffSerial find_first_serial(std::span<const loader::AcpiTable> tables,
                                                      const loader::Fdt& tree);

// --- Leaving ---
void disable_interrupts();

// From now on nothing of the firmware's descriptor tables is used, and a CPU exception is told as
// last words instead of running handlers whose firmware is gone; on a stack of its own, so that a
// bad stack is no silent reset. That holds until the kernel loads its own tables: its code selector
// is ours, and its page tables map our image too. Both arguments must live on.
void take_over_descriptors(const Firmware& firmware, const loader::HandoffFramebuffer& framebuffer);

// Where our code lies, which goes on running while page tables change under it.
[[nodiscard]] mm::Range our_text();

// Code of it that is to be copied to pages that the kernel's world has at their own addresses, as
// there is no room for all of ours; empty: ours has its place there.
[[nodiscard]] std::span<const uint8_t> jump_code();

// Enters the kernel as loader/handoff/handoff.h says. Interrupts are off; `stack` is the range its
// stack grows down in; `entry` is virtual; `text` is our_text(), or where jump_code() was copied to.
[[noreturn]] void enter_kernel(const loader::World& world, uint64_t entry, mm::Range stack,
                               mm::Range text, const loader::PagingFeatures& paging);

// --- Last words ---
// The registers of the first serial port, for loader/serial/uart.h.
struct FirstSerialRegisters {
  [[nodiscard]] static uint8_t read(unsigned reg);
  static void write(unsigned reg, uint8_t value);
  [[nodiscard]] static uint64_t microseconds();  // may run fast, not slow by more than five times
};
// The firmware's timers are dead.
void wait_seconds(uint64_t seconds);
// For when ResetSystem returns or cannot be asked.
[[noreturn]] void reset_hard();

}  // namespace efi
