#include "kernel/selftest/selftest_kernel.h"

#include "kernel/arch.h"

namespace kernel {
namespace {

using arch::Mapping;

constexpr uint32_t kWritableSegment = 2;

mm::Range range_of(const loader::HandoffSegment& s) {
  return {mm::Phys{s.physical}, mm::Phys{s.physical + s.size}};
}

}  // namespace

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

Verdict test_write_xor_execute(Booted&) {
  if (!arch::has_no_execute()) return Verdict::skip("the CPU has no NX");
  Mapping found;
  arch::walk_mappings(
      [](void* context, const Mapping& m) {
        if (!m.writable || !m.executable) return true;
        *static_cast<Mapping*>(context) = m;
        return false;
      },
      &found);
  if (found.size == 0) return Verdict::pass();
  return Verdict::fail("{:#x} ({:#x} bytes, physical {:#x}) is writable and executable", found.virt,
                       found.size, found.phys);
}

Verdict test_image_read_only(Booted& machine) {
  struct Search {
    std::span<const loader::HandoffSegment> segments;
    Mapping found;
  } search{machine.kept.segments(), {}};
  arch::walk_mappings(
      [](void* context, const Mapping& m) {
        auto& s = *static_cast<Search*>(context);
        if (!m.writable) return true;
        const mm::Range mapped{mm::Phys{m.phys}, mm::Phys{m.phys + m.size}};
        for (const loader::HandoffSegment& segment : s.segments) {
          if ((segment.flags & kWritableSegment) != 0) continue;
          if (!range_of(segment).overlaps(mapped)) continue;
          s.found = m;
          return false;
        }
        return true;
      },
      &search);
  if (search.found.size == 0) return Verdict::pass();
  return Verdict::fail("{:#x} leads to text or rodata at physical {:#x} and is writable",
                       search.found.virt, search.found.phys);
}

Verdict test_guard_pages(Booted&) {
  for (const uint64_t page : arch::guard_pages()) {
    if (arch::can_read(page) || arch::can_read(page + mm::kPageSize - 8)) {
      return Verdict::fail("the guard page at {:#x} can be read", page);
    }
    if (!arch::can_read(page + mm::kPageSize) || !arch::can_write(page + mm::kPageSize)) {
      return Verdict::fail("the stack above the guard page at {:#x} cannot be used", page);
    }
  }
  return Verdict::pass();
}

Verdict test_protections(Booted&) {
  const auto all = arch::protections();
  for (const arch::Protection& p : all) {
    if (p.there && !p.on) return Verdict::fail("the CPU has {}, and it is off", p.name);
  }
  if (!all[0].on && !all[1].on && !all[2].on) {
    return Verdict::skip("the CPU has neither SMEP nor SMAP nor UMIP");
  }
  const auto how = [](const arch::Protection& p) { return p.on ? "on" : "missing in CPU"; };
  loader::Facts facts;
  facts.say("{} {}, {} {}, {} {}", all[0].name, how(all[0]), all[1].name, how(all[1]), all[2].name,
            how(all[2]));
  return {loader::Outcome::Pass, facts};
}

}  // namespace kernel
