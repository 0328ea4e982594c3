#include "bsa_registers.h"
#include "kernel/arch.h"
#include "kernel/bsa/gic.h"
#include "kernel/bsa/selftest/arch_facts.h"

const kernel::ArchFacts* kernel::arch::self_test_facts() {
  constinit static ArchFacts facts{};
  facts.counter_hertz = bsa::counter_hertz();
  facts.gic = bsa::has_gic() ? bsa::gic_name() : nullptr;
  return &facts;
}
