// What the kernel was given: the handoff, and memory that all adds up.
#include "kernel/arch.h"
#include "kernel/selftest/selftest.h"

namespace kernel {
namespace {

using enum loader::Severity;

mm::Range range_of(const loader::HandoffSegment& s) {
  return {mm::Phys{s.physical}, mm::Phys{s.physical + s.size}};
}

Verdict test_handoff(Booted& machine) {
  const loader::Handoff& handoff = machine.kept.handoff();
  if (const mm::Result<> good = loader::check(handoff); !good.ok()) {
    return Verdict::fail("{}", good.error());
  }
  for (const loader::HandoffSegment& s : machine.kept.segments()) {
    const mm::Range range = range_of(s);
    const mm::Reservation* r = machine.relay.reservations().overlapping(range);
    if (r == nullptr || std::string_view(r->name) != "TEXT DATA BSS" || !r->range.contains(range)) {
      return Verdict::fail("segment at {:#x} is not inside the reservation TEXT DATA BSS",
                           s.physical);
    }
    const auto mapping = arch::find_mapping(s.virt);
    if (!mapping || mapping->phys + (s.virt - mapping->virt) != s.physical) {
      return Verdict::fail("segment at {:#x} is not what {:#x} leads to", s.physical, s.virt);
    }
  }
  return Verdict::pass();
}

Verdict test_ledger(Booted& machine) {
  const mm::Result<> closed = close_ledger(machine, mm::Printer());
  if (closed.ok()) return Verdict::pass();
  const mm::Error& e = closed.error();
  return Verdict::fail("{}", e);
}

constexpr KernelTest kTests[] = {
    {{"kernel.handoff", "the handoff is whole and the image lies in its reservation", Critical,
      "loader/handoff/handoff.h", kOurs},
     test_handoff},
    {{"kernel.ledger", "every byte has one owner and the sums come out", Critical,
      "mm/ledger.h: address space = e820 types + gaps; usable = buddy + per-CPU lists + allocated "
      "+ "
      "reservations + trims",
      kOurs},
     test_ledger},
};

}  // namespace

std::span<const KernelTest> handoff_tests() { return kTests; }

}  // namespace kernel
