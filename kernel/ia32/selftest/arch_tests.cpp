// The kernel's tests that this architecture alone has: highmem, through the kmap window.
#include "kernel/highmem.h"
#include "kernel/ia32/kmap.h"
#include "kernel/selftest/zone_probe.h"
#include "kernel/smp/drain.h"
#include "kernel/x86/selftest/cpu_tests.h"

namespace kernel {
namespace {

using mm::Phys;

constexpr uint64_t kLastWord = mm::kPageSize - sizeof(uint64_t);

// Calls visit(page) for each free page of highmem until it returns false; how many there were.
template <class Visit>
uint64_t for_each_free_high(Pages& pages, Visit visit) {
  uint64_t count = 0;
  pages.for_each_free_block([&](const mm::FreeBlock& b) {
    if (b.zone != mm::ZoneType::HighMem) return true;
    for (uint64_t i = 0; i < mm::frames_of(b.order); ++i, ++count) {
      if (!visit(mm::phys(b.pfn + i))) return false;
    }
    return true;
  });
  return count;
}

bool leads_to(const volatile void* at, Phys page) {
  const auto mapping = arch::find_mapping(reinterpret_cast<uintptr_t>(at));
  return mapping && mapping->phys == page.v && mapping->writable;
}

// Each free page is given marks of its own, which all are there when all are written: no two slots
// lead to one page.
Verdict test_every_frame(Booted& machine) {
  Pages& pages = machine.relay.pages();
  const mm::DirectMap& map = machine.relay.map();
  drain_everywhere(pages);
  std::optional<Phys> wrong;
  const uint64_t marked = for_each_free_high(pages, [&](Phys page) {
    auto* const first = arch::reach<volatile uint64_t>(map, page);
    *first = mix(page.v);
    *arch::reach<volatile uint64_t>(map, page + kLastWord) = mix(page.v + 1);
    // Asked of the tables now and then only: the marks tell of all.
    if (page.v / mm::kPageSize % 256 == 0 && !leads_to(first, page)) wrong = page;
    return !wrong;
  });
  if (wrong) return Verdict::fail("the slot for the page at {} leads elsewhere", *wrong);
  if (marked == 0) return Verdict::skip("all RAM is lowmem");
  const uint64_t read = for_each_free_high(pages, [&](Phys page) {
    const bool good = *arch::reach<volatile uint64_t>(map, page) == mix(page.v) &&
                      *arch::reach<volatile uint64_t>(map, page + kLastWord) == mix(page.v + 1);
    if (!good) wrong = page;
    return good;
  });
  if (wrong) return Verdict::fail("the page at {} does not hold what was written there", *wrong);
  if (read != marked) return Verdict::fail("{} pages were written, {} read", marked, read);
  loader::Facts facts;
  facts.say("{} pages of highmem", read);
  return {loader::Outcome::Pass, facts};
}

// Kept mappings: shared by those that want a page, and more pages than there are slots, one after
// the other.
Verdict test_kept(Booted& machine) {
  constexpr uint64_t kMany = 3000;
  Verdict verdict = Verdict::pass();
  uint64_t mapped = 0;
  for_each_free_high(machine.relay.pages(), [&](Phys page) {
    auto* const kept = static_cast<volatile uint64_t*>(ia32::kmap(page));
    if (kept == nullptr) {
      verdict = Verdict::fail("no slot for the page at {}", page);
    } else if (ia32::kmap(page) != kept) {
      verdict = Verdict::fail("the page at {} has two slots", page);
    } else {
      *kept = mix(page.v);
      if (!leads_to(kept, page) ||
          *arch::reach<volatile uint64_t>(machine.relay.map(), page) != mix(page.v)) {
        verdict = Verdict::fail("the slot for the page at {} leads elsewhere", page);
      }
    }
    const bool both = ia32::kunmap(page) && ia32::kunmap(page);
    if (verdict.passed() && (!both || ia32::kunmap(page))) {
      verdict = Verdict::fail("the page at {} was wanted by two, and is not let go by two", page);
    }
    ++mapped;
    return verdict.passed() && mapped < kMany;
  });
  if (verdict.passed() && mapped == 0) return Verdict::skip("all RAM is lowmem");
  return verdict;
}

constexpr KernelTest kTests[] = {
    kProtectionTest,
    {{"kernel.highmem.frames", "every free page of highmem can be reached, and is itself",
      loader::Severity::Critical, "kernel/highmem.h", kOurs},
     test_every_frame},
    {{"kernel.highmem.kept", "pages of highmem stay mapped as long as they are wanted",
      loader::Severity::High, "kernel/ia32/kmap.h", kOurs},
     test_kept},
};

}  // namespace

std::span<const KernelTest> arch_kernel_tests() { return kTests; }

}  // namespace kernel
