// A CPU of the machine, and what it is asked to do.
#pragma once

#include <cstdint>

#include "mm/layout.h"

namespace kernel {

enum class CpuState : uint32_t {
  Possible,  // it may be plugged in
  Kept,      // it is there, and is not to be started
  Beyond,    // nothing here can address it
  Starting,
  Online,
  Silent,  // it was started and did not answer
};

// What one CPU asks of another, or of several.
struct Errand {
  void (*run)(void* context) = nullptr;
  void* context = nullptr;
  uint32_t left = 0;  // CPUs that have yet to finish it; when there are none it may go
};

struct alignas(64) Cpu {
  uint32_t id = 0;      // the interrupt controller's number for it (APIC id); start code reads both
  uint32_t number = 0;  // ours: 0 is the one that booted
  CpuState state = CpuState::Possible;
  mm::NodeId node = 0;
  Errand* call = nullptr;  // short: run with interrupts masked, whatever the CPU does otherwise
  Errand task{};           // of any length: run where the CPU would sleep
  uint32_t locks = 0;      // how many it has of each LockRank, where that is checked
};

// Another CPU may be changing it.
inline CpuState state_of(const Cpu& cpu) {
  CpuState state;
  __atomic_load(&cpu.state, &state, __ATOMIC_ACQUIRE);
  return state;
}

}  // namespace kernel
