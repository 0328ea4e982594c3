// What may interrupt a CPU: other CPUs, its own timer, and nothing that the firmware left on.
#include "kernel/x86/interrupts.h"

#include "cpu_local.h"
#include "kernel/arch.h"
#include "kernel/firmware_tables.h"
#include "kernel/page_walk.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/local_apic.h"
#include "kernel/x86/machine_check.h"
#include "kernel/x86/ports.h"
#include "loader/acpi/madt.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace x86 {
namespace {

// Both 8259s: every line masked.
void mask_legacy() {
  constexpr uint16_t kFirstMask = 0x21, kSecondMask = 0xa1;
  out8(kFirstMask, 0xff);
  out8(kSecondMask, 0xff);
}

// An I/O APIC: all its entries masked (82093AA datasheet, section 3.2).
void mask_io_apic(volatile uint32_t* registers) {
  constexpr uint32_t kVersion = 1, kFirstEntry = 0x10, kMasked = 1u << 16;
  volatile uint32_t& select = registers[0];
  volatile uint32_t& window = registers[4];
  select = kVersion;
  const uint32_t entries = (window >> 16 & 0xff) + 1;
  for (uint32_t i = 0; i < entries; ++i) {
    select = kFirstEntry + 2 * i;
    window = window | kMasked;
  }
}

constinit bool stopping = false;
constinit unsigned stopped = 0;

// Whether what an interrupt is about has to wait, as this CPU holds calls back.
bool put_off(Local& cpu) {
  if ((cpu.held & ~arch::LocalHead::kNoneDue) == 0) return false;
  cpu.held &= ~arch::LocalHead::kNoneDue;
  return true;
}

}  // namespace

void handle_interrupt(uint64_t vector) {
  Local& cpu = local();
  switch (vector) {
    case kSpuriousVector:  // is not to be answered
      return;
    case kTimerVector:
      end_of_interrupt();
      return;
    case kCallVector:
      end_of_interrupt();
      if (!put_off(cpu)) take_call();
      return;
    case kMachineCheckVector:
      end_of_interrupt();
      if (!put_off(cpu)) finish_machine_checks();
      return;
    case arch::kDueVector:  // what was put off
      cpu.held = arch::LocalHead::kNoneDue;
      take_call();
      finish_machine_checks();
      return;
    default:
      ++cpu.counts.unexpected;
      end_of_interrupt();
  }
}

bool stop_if_asked() {
  if (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) return false;
  __atomic_fetch_add(&stopped, 1, __ATOMIC_RELEASE);
  arch::stop_cpu();
}

}  // namespace x86

namespace arch {

mm::Result<> open_interrupts(const FirmwareTables& firmware) {
  const loader::AcpiTables& tables = firmware.tables();
  const mm::DirectMap& map = table_map();
  bool wide = false;
  loader::MadtEntries ids(tables.table("APIC"));
  while (const auto entry = ids.next()) {
    const loader::MadtCpu& cpu = entry->cpu;
    wide = wide || ((cpu.enabled || cpu.online_capable) && cpu.apic_id > x86::kMostXapicId);
  }
  BATON_TRY(x86::open_local_apic(map, wide));
  x86::mask_legacy();
  loader::MadtEntries entries(tables.table("APIC"));
  while (const auto entry = entries.next()) {
    if (entry->kind != loader::MadtEntry::Kind::IoApic) continue;
    auto* const registers = map.at<uint32_t>(mm::Phys{entry->address});
    const auto mapping = find_mapping(reinterpret_cast<uintptr_t>(registers));
    if (mapping && mapping->writable) x86::mask_io_apic(registers);
  }
  x86::enable_local_apic();
  x86::begin_timer();
  return {};
}

unsigned stop_other_cpus(std::span<const Cpu> cpus) {
  constexpr uint64_t kPatience = 1'000'000;
  __atomic_store_n(&x86::stopping, true, __ATOMIC_RELEASE);
  unsigned asked = 0;
  for (const Cpu& cpu : cpus) {
    if (cpu.number == this_cpu() || state_of(cpu) != CpuState::Online) {
      continue;
    }
    ++asked;
    (void)x86::send_command(cpu.id, x86::Delivery::Nmi, 0);
  }
  const uint64_t start = microseconds();
  unsigned done = 0;
  // The second bound is for a clock that is what broke.
  for (unsigned i = 0; i < 100'000'000 && microseconds() - start < kPatience; ++i) {
    done = __atomic_load_n(&x86::stopped, __ATOMIC_ACQUIRE);
    if (done == asked) break;
    relax();
  }
  return asked - done;
}

void stop_cpu() { x86::halt(); }

void sleep(uint64_t microseconds) {
  // Without a timer nobody would wake us.
  if (microseconds != 0 && !(x86::has_local_apic() && x86::set_timer(microseconds))) {
    relax();
    asm volatile("sti" : : : "memory");
    return;
  }
  asm volatile("sti\n\thlt" : : : "memory");  // nothing interrupts between the two
}

void doze() {
  (void)mask_interrupts();
  sleep(1000);
}

}  // namespace arch
}  // namespace kernel
