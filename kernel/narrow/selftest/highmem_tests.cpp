// Highmem, through the kmap window.
#include "kernel/narrow/selftest/highmem_tests.h"

#include "kernel/highmem.h"
#include "kernel/narrow/kmap.h"
#include "kernel/selftest/zone_probe.h"
#include "kernel/smp/drain.h"

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

// What is free holds what it is to hold.
void put_back(const Pages& pages, volatile uint64_t* word) {
  if (pages.contents().fills()) *word = pages.contents().free_word();
}

bool leads_to(const volatile void* at, Phys page) {
  const auto mapping = arch::find_mapping(reinterpret_cast<uintptr_t>(at));
  return mapping && mapping->phys == page.v && mapping->writable;
}

}  // namespace

Verdict test_every_high_frame(Booted& machine) {
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
    auto* const first = arch::reach<volatile uint64_t>(map, page);
    auto* const last = arch::reach<volatile uint64_t>(map, page + kLastWord);
    const bool good = *first == mix(page.v) && *last == mix(page.v + 1);
    if (!good) wrong = page;
    put_back(pages, first);
    put_back(pages, last);
    return good;
  });
  if (wrong) return Verdict::fail("the page at {} does not hold what was written there", *wrong);
  if (read != marked) return Verdict::fail("{} pages were written, {} read", marked, read);
  loader::Facts facts;
  facts.say("{} pages of highmem", read);
  return {loader::Outcome::Pass, facts};
}

Verdict test_kept_mappings(Booted& machine) {
  constexpr uint64_t kMany = 3000;
  Verdict verdict = Verdict::pass();
  uint64_t mapped = 0;
  for_each_free_high(machine.relay.pages(), [&](Phys page) {
    auto* const kept = static_cast<volatile uint64_t*>(narrow::kmap(page));
    if (kept == nullptr) {
      verdict = Verdict::fail("no slot for the page at {}", page);
    } else if (narrow::kmap(page) != kept) {
      verdict = Verdict::fail("the page at {} has two slots", page);
    } else {
      *kept = mix(page.v);
      if (!leads_to(kept, page) ||
          *arch::reach<volatile uint64_t>(machine.relay.map(), page) != mix(page.v)) {
        verdict = Verdict::fail("the slot for the page at {} leads elsewhere", page);
      }
      put_back(machine.relay.pages(), kept);
    }
    const bool both = narrow::kunmap(page) && narrow::kunmap(page);
    if (verdict.passed() && (!both || narrow::kunmap(page))) {
      verdict = Verdict::fail("the page at {} was wanted by two, and is not let go by two", page);
    }
    ++mapped;
    return verdict.passed() && mapped < kMany;
  });
  if (verdict.passed() && mapped == 0) return Verdict::skip("all RAM is lowmem");
  return verdict;
}

}  // namespace kernel
