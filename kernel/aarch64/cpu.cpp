#include "kernel/aarch64/cpu.h"

#include <array>

#include "kernel/arch.h"
#include "kernel/bsa/vector_runs.h"
#include "loader/acpi/madt.h"

namespace kernel {
namespace aarch64 {
namespace {

// ID_AA64MMFR1_EL1.PAN: privileged access never.
bool has_pan() { return (KERNEL_READ(id_aa64mmfr1_el1) >> 20 & 0xf) != 0; }

bool pan_is_on() {
  constexpr uint64_t kPan = 1u << 22;
  return has_pan() && (KERNEL_READ(S3_0_C4_C2_3) & kPan) != 0;
}

}  // namespace

uint32_t own_id() { return loader::packed_mpidr(KERNEL_READ(mpidr_el1)); }

// By ID_AA64MMFR0_EL1.PARange; tables of 4 KiB granules reach no further than 48 bits.
unsigned physical_bits() {
  constexpr unsigned kBits[] = {32, 36, 40, 42, 44};
  const uint64_t size = KERNEL_READ(id_aa64mmfr0_el1) & 0xf;
  return size < 5 ? kBits[size] : 48;
}

void clean_and_forget(uint64_t virt, uint64_t bytes) {
  const uint64_t line = uint64_t{4} << (KERNEL_READ(ctr_el0) >> 16 & 0xf);
  for (uint64_t at = virt & ~(line - 1); at < virt + bytes; at += line) {
    asm volatile("dc civac, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb sy" : : : "memory");
}

void protect_supervisor() {
  if (has_pan()) asm volatile(".inst 0xd500419f" : : : "memory");  // msr pan, #1: ARMv8.1
}

// Linux names the boot CPU by the same two registers.
void print_facts(const mm::Printer& out) {
  out.line("CPU: Booted on physical CPU {:#012x} [{:#010x}]", loader::whole_mpidr(own_id()),
           KERNEL_READ(midr_el1));
  out.line("CPU: {} physical and 47 virtual address bits in either half, 4-level paging",
           physical_bits());
}

}  // namespace aarch64

namespace arch {

std::span<const Protection> protections() {
  static constinit std::array<Protection, 1> all{};
  all[0] = {"PAN", aarch64::has_pan(), aarch64::pan_is_on()};
  return all;
}

void print_cpu(const mm::Printer& out) {
  aarch64::print_facts(out);
  const Protection& pan = protections()[0];
  out.line("CPU: {} {}", pan.name, pan.on ? "on" : pan.there ? "off" : "missing");
}

// What the direct map has room for, where the CPU can address more.
mm::Phys physical_end() {
  constexpr unsigned kDirectMapBits = 46;
  const unsigned bits = aarch64::physical_bits();
  return mm::Phys{uint64_t{1} << (bits < kDirectMapBits ? bits : kDirectMapBits)};
}

uint32_t hardware_id() { return aarch64::own_id(); }

bool has_wide_cpu_ids() { return true; }

bool has_no_execute() { return true; }

const char* why_no_execute_is_missing() { return ""; }

// The parts of a GIC that are a CPU's own are in the MADT.
uint64_t own_controller() { return 0; }

std::array<Register, 4> common_registers() {
  return {{{"SCTLR_EL1", KERNEL_READ(sctlr_el1)},
           {"TCR_EL1", KERNEL_READ(tcr_el1)},
           {"MAIR_EL1", KERNEL_READ(mair_el1)},
           {"CPACR_EL1", KERNEL_READ(cpacr_el1)}}};
}

// RNDR, where ID_AA64ISAR0_EL1.RNDR says so; Z is set when it gave nothing (Arm ARM, section D19.2.130).
uint64_t unpredictable() {
  constexpr uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
  uint64_t word = aarch64::counter();
  if ((KERNEL_READ(id_aa64isar0_el1) >> 60) != 0) {
    uint64_t drawn = 0, failed = 0;
    asm volatile("mrs %0, s3_3_c2_c4_0\n\tcset %1, eq" : "=r"(drawn), "=r"(failed) : : "cc");
    if (failed == 0) word ^= drawn;
  }
  word *= kOdd;
  return word ^ word >> 32;
}

uint64_t microcode(unsigned /*cpu*/) { return 0; }

// Nothing beside page tables says what is cached.
size_t uncached_frames(std::span<mm::PfnRange, kMostUncachedRuns> /*room*/,
                       const mm::Printer& /*out*/) {
  return 0;
}

void copy_words(uint64_t to, uint64_t from, uint64_t words) {
  __builtin_memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from),
                   words * sizeof(uint64_t));
}

// By ID_AA64PFR0_EL1.AdvSIMD; CPACR_EL1 does not trap it (loader/handoff/aarch64/translation.h).
std::span<const RunForm> run_forms() {
  static constinit std::array<RunForm, 1> all{bsa::neon_runs(false)};
  all[0].there = (KERNEL_READ(id_aa64pfr0_el1) >> 20 & 0xf) != 0xf;
  return all;
}

void write_back_caches(uint64_t virt, uint64_t bytes) { aarch64::clean_and_forget(virt, bytes); }

// Errors come as SError and through firmware's tables (ACPI's APEI), which are not read here: an
// SError ends the kernel by its name.
unsigned open_error_banks() { return 0; }
void collect_errors() {}
bool attempt(void (*run)(void* context), void* context) {
  run(context);
  return true;
}

}  // namespace arch
}  // namespace kernel
