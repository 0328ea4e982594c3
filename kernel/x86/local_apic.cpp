#include "kernel/x86/local_apic.h"

#include <algorithm>
#include <utility>

#include "kernel/arch.h"
#include "kernel/x86/cpu.h"

namespace kernel::x86 {
namespace {

constexpr uint64_t kEnabled = 1u << 11;
constexpr uint32_t kAllTicks = ~uint32_t{0};

struct LocalApic {
  uintptr_t registers = 0;  // where they are mapped; 0: not open, or an x2APIC's
  bool x2apic = false;
  uint64_t timer_began = 0;
  bool timer_measured = false;
  uint64_t timer_hertz = 0;
};
constinit LocalApic apic;

uint32_t read(ApicRegister reg) {
  if (apic.x2apic) return static_cast<uint32_t>(rdmsr(x2apic_msr(reg)));
  return *reinterpret_cast<const volatile uint32_t*>(apic.registers + static_cast<uintptr_t>(reg));
}

void write(ApicRegister reg, uint32_t value) {
  if (apic.x2apic) {
    wrmsr(x2apic_msr(reg), value);
  } else {
    *reinterpret_cast<volatile uint32_t*>(apic.registers + static_cast<uintptr_t>(reg)) = value;
  }
}

bool wait_delivered() {
  constexpr uint64_t kPatience = 1000;
  const uint64_t start = arch::microseconds();
  // The second bound is for a clock that does not run yet.
  for (unsigned i = 0; i < 1'000'000; ++i) {
    if ((read(ApicRegister::Command) & kCommandPending) == 0) return true;
    if (arch::microseconds() - start > kPatience) break;
    arch::relax();
  }
  return false;
}

}  // namespace

mm::Result<> open_local_apic(const mm::DirectMap& map, bool wide) {
  const uint64_t physical = arch::own_controller();
  if (physical == 0) return mm::Error{"the CPU has none", "local APIC"};
  const uint64_t base = rdmsr(kMsrApicBase);
  apic.x2apic = (base & kApicBaseX2apic) != 0;
  if (!apic.x2apic && wide && cpu_facts().x2apic) {
    wrmsr(kMsrApicBase, base | kEnabled | kApicBaseX2apic);
    apic.x2apic = true;
  }
  if (apic.x2apic) return {};
  if ((base & kEnabled) == 0) wrmsr(kMsrApicBase, base | kEnabled);
  const auto virt = reinterpret_cast<uintptr_t>(map.at<uint8_t>(mm::Phys{physical}));
  if (const auto mapping = arch::find_mapping(virt); !mapping || !mapping->writable) {
    return mm::Error{"its registers are not mapped (address {:#x})", "local APIC", physical};
  }
  apic.registers = virt;
  return {};
}

bool has_local_apic() { return apic.x2apic || apic.registers != 0; }

bool apic_reaches(uint32_t id) { return apic.x2apic || id <= kMostXapicId; }

void enable_local_apic() {
  const uint64_t base = rdmsr(kMsrApicBase);
  const uint64_t wanted = base | kEnabled | (apic.x2apic ? kApicBaseX2apic : 0);
  if (wanted != base) {
    // From off to x2APIC only by way of xAPIC (section 11.12.1.4).
    if ((base & kEnabled) == 0) wrmsr(kMsrApicBase, base | kEnabled);
    wrmsr(kMsrApicBase, wanted);
  }
  write(ApicRegister::TaskPriority, 0);
  write(ApicRegister::Spurious, kSpuriousEnable | kSpuriousVector);
  for (const ApicRegister source :
       {ApicRegister::Timer, ApicRegister::Lint0, ApicRegister::Lint1, ApicRegister::Error}) {
    write(source, kLvtMasked | kSpuriousVector);
  }
}

uint32_t local_apic_id() {
  const uint32_t id = read(ApicRegister::Id);
  return apic.x2apic ? id : id >> 24;
}

void end_of_interrupt() { write(ApicRegister::EndOfInterrupt, 0); }

bool send_command(uint32_t id, Delivery delivery, uint8_t vector) {
  // What was written before is seen before: writes to x2APIC registers do not wait for it.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (apic.x2apic) {
    wrmsr(x2apic_msr(ApicRegister::Command), x2apic_command(id, delivery, vector));
    return true;
  }
  // Nothing comes between the two halves.
  const bool on = arch::mask_interrupts();
  const bool ready = wait_delivered();
  if (ready) {
    write(ApicRegister::CommandHigh, xapic_destination(id));
    write(ApicRegister::Command, command(delivery, vector));
  }
  arch::restore_interrupts(on);
  return ready;
}

void interrupt_self(uint8_t vector) {
  if (apic.x2apic) return wrmsr(x2apic_msr(ApicRegister::Command), command_to_self(vector));
  (void)wait_delivered();
  write(ApicRegister::Command, command_to_self(vector));
}

void begin_timer() {
  write(ApicRegister::TimerDivide, kTimerDivideBy16);
  write(ApicRegister::TimerInitial, kAllTicks);
  apic.timer_began = arch::microseconds();
}

void measure_timer() {
  constexpr uint64_t kMicroseconds = 2000;
  if (std::exchange(apic.timer_measured, true)) return;
  if (read(ApicRegister::TimerCurrent) == 0) begin_timer();  // it ran out, after a minute or more
  uint64_t passed = 0;
  for (unsigned i = 0; i < 100'000'000 && passed < kMicroseconds; ++i) {
    passed = arch::microseconds() - apic.timer_began;
  }
  const uint32_t ticks = kAllTicks - read(ApicRegister::TimerCurrent);
  write(ApicRegister::TimerInitial, 0);
  if (passed != 0) apic.timer_hertz = uint64_t{ticks} * 1'000'000 / passed;
}

bool set_timer(uint64_t microseconds) {
  measure_timer();
  const uint64_t ticks = apic.timer_hertz * microseconds / 1'000'000;
  if (apic.timer_hertz == 0) return false;
  write(ApicRegister::Timer, kTimerVector);
  write(ApicRegister::TimerInitial,
        static_cast<uint32_t>(std::clamp<uint64_t>(ticks, 1, ~uint32_t{0})));
  return true;
}

}  // namespace kernel::x86
