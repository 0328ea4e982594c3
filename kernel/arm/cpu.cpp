#include "kernel/arm/cpu.h"

#include "bsa_registers.h"
#include "kernel/arch.h"
#include "kernel/bsa/vector_runs.h"

extern "C" uint32_t enable_neon();  // vector_runs.S

namespace kernel {
namespace arm {

void clean_and_forget(uint64_t virt, uint64_t bytes) {
  const uint32_t line = uint32_t{4} << (KERNEL_READ_CP15(0, c0, c0, 1) >> 16 & 0xf);  // CTR
  for (uint64_t at = virt & ~uint64_t{line - 1}; at < virt + bytes; at += line) {
    KERNEL_WRITE_CP15(0, c7, c14, 1, at);  // DCCIMVAC
  }
  dsb();
}

// CPACR's fields of coprocessors that are not there, or kept from us, do not take what is written; nor
// does ASEDIS, which is set where Advanced SIMD is off. MVFR1 says whether there are loads, stores and
// integers (ARM ARM DDI 0406C, sections B1.11 and B4.1).
bool open_vectors() {
  constexpr uint32_t kCp10And11 = 0xfu << 20, kSimdOff = 1u << 31, kHalfOff = 1u << 30;
  const uint32_t wanted = KERNEL_READ_CP15(0, c1, c0, 2) | kCp10And11;
  KERNEL_WRITE_CP15(0, c1, c0, 2, wanted & ~(kSimdOff | kHalfOff));
  isb();
  const uint32_t access = KERNEL_READ_CP15(0, c1, c0, 2);
  if ((access & kCp10And11) != kCp10And11 || (access & kSimdOff) != 0) return false;
  const uint32_t has = enable_neon();
  return (has >> 8 & 0xf) != 0 && (has >> 12 & 0xf) != 0;
}

// Linux's line, of which the revision is MIDR's.
void print_facts(const mm::Printer& out) {
  const uint32_t midr = KERNEL_READ_CP15(0, c0, c0, 0);
  out.line("Booting on physical CPU {:#x}", bsa::own_id());
  out.line("CPU: ARMv7 Processor [{:08x}] revision {} (ARMv7), cr={:08x}", midr, midr & 0xf,
           read_sctlr());
  out.line("CPU: 32 physical and 32 virtual address bits, short descriptors");
}

}  // namespace arm

namespace arch {

// ARMv7 has nothing that keeps the kernel from a user's pages.
std::span<const Protection> protections() { return {}; }

void print_cpu(const mm::Printer& out) { arm::print_facts(out); }

// Short descriptors lead no further (but for supersections, which nobody here makes).
mm::Phys physical_end() { return mm::Phys{uint64_t{1} << 32}; }

uint32_t hardware_id() { return bsa::own_id(); }

bool has_wide_cpu_ids() { return true; }

bool has_no_execute() { return true; }

const char* why_no_execute_is_missing() { return ""; }

// The device tree has them.
uint64_t own_controller() { return 0; }

std::array<Register, 4> common_registers() {
  return {{{"SCTLR", arm::read_sctlr()},
           {"TTBCR", KERNEL_READ_CP15(0, c2, c0, 2)},
           {"DACR", arm::read_dacr()},
           {"CPACR", KERNEL_READ_CP15(0, c1, c0, 2)}}};
}

// ARMv7 has no generator.
uint64_t unpredictable() {
  constexpr uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
  const uint64_t word = bsa::counter() * kOdd;
  return word ^ word >> 32;
}

uint64_t microcode(unsigned /*cpu*/) { return 0; }

// Nothing beside page tables says what is cached.
size_t uncached_frames(std::span<mm::PfnRange, kMostUncachedRuns> /*room*/,
                       const mm::Printer& /*out*/) {
  return 0;
}

void copy_words(uint64_t to, uint64_t from, uint64_t words) {
  __builtin_memcpy(reinterpret_cast<void*>(static_cast<uintptr_t>(to)),
                   reinterpret_cast<const void*>(static_cast<uintptr_t>(from)),
                   static_cast<size_t>(words * sizeof(uint64_t)));
}

std::span<const RunForm> run_forms() {
  static constinit std::array<RunForm, 1> all{bsa::neon_runs(false)};
  all[0].there = arm::open_vectors();
  return all;
}

void write_back_caches(uint64_t virt, uint64_t bytes) { arm::clean_and_forget(virt, bytes); }

// Errors come as aborts that are not precise, and end the kernel by their name.
unsigned open_error_banks() { return 0; }
void collect_errors() {}
bool attempt(void (*run)(void* context), void* context) {
  run(context);
  return true;
}

}  // namespace arch
}  // namespace kernel
