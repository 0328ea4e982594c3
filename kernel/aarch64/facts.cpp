#include "kernel/aarch64/cpu.h"
#include "kernel/aarch64/gic.h"
#include "kernel/aarch64/selftest/arch_facts.h"
#include "kernel/arch.h"

const kernel::ArchFacts* kernel::arch::self_test_facts() {
  constinit static ArchFacts facts{};
  facts.counter_hertz = KERNEL_READ(cntfrq_el0) & ~uint32_t{0};
  facts.gic = aarch64::has_gic() ? aarch64::gic_name() : nullptr;
  return &facts;
}
