// AllocatePages, FreePages, AllocatePool, FreePool: what they promise, and what becomes of the map.
#include "loader/selftest/firmware_tests.h"

namespace loader {
namespace {

constexpr uint32_t kLoaderData = static_cast<uint32_t>(EfiMemoryType::LoaderData);

// Pages that are freed when this ends, whatever a test finds out.
class Held {
 public:
  explicit Held(TestedFirmware& firmware) : firmware_(firmware) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { (void)release(); }

  EfiStatus take(AllocateHow how, uint32_t type, uint64_t pages, uint64_t address = 0) {
    address_ = address;
    const EfiStatus status = firmware_.allocate_pages(how, type, pages, address_);
    pages_ = status == kEfiSuccess ? pages : 0;
    return status;
  }
  EfiStatus release() {
    if (pages_ == 0) return kEfiSuccess;
    const uint64_t pages = pages_;
    pages_ = 0;
    return firmware_.free_pages(address_, pages);
  }
  // Another one frees them.
  void forget() { pages_ = 0; }
  [[nodiscard]] uint64_t address() const { return address_; }

 private:
  TestedFirmware& firmware_;
  uint64_t address_ = 0;
  uint64_t pages_ = 0;
};

// A free range of two pages at least above the first MiB, the index-th from below; page 0 of the
// answer is 0 when there are not so many.
mm::PfnRange free_range(const MapSnapshot& now, size_t index) {
  mm::PfnRange found{};
  mm::Pfn from = mm::pfn_down(mm::Phys{mm::kMiB});
  for (size_t n = 0; n <= index; ++n) {
    found = {};
    for (size_t i = 0; i < now.map.count(); ++i) {
      const EfiDescriptor d = now.map.at(i);
      const mm::Pfn start = mm::pfn_up(mm::Phys{d.physical_start});
      if (d.type != EfiMemoryType::Conventional || start < from || d.pages < 2) continue;
      if (found.empty() || start < found.start) found = {start, start + d.pages};
    }
    if (found.empty()) return found;
    from = found.end;
  }
  return found;
}

// What must hold between the map before and after, when `pages` more pages of LoaderData are in
// use. The firmware may take some for its own list of memory, as boot services data.
Verdict check_totals(const MapSnapshot& before, const MapSnapshot& after, uint64_t pages) {
  if (before.pages() != after.pages()) {
    return Verdict::fail("the map had {} pages, and has {}", before.pages(), after.pages());
  }
  const uint64_t loader = before.pages(EfiMemoryType::LoaderData) + pages;
  if (after.pages(EfiMemoryType::LoaderData) != loader) {
    return Verdict::fail("loader data should have {} pages and has {}", loader,
                         after.pages(EfiMemoryType::LoaderData));
  }
  const auto rest = [](const MapSnapshot& map) {
    return map.pages(EfiMemoryType::Conventional) + map.pages(EfiMemoryType::BootServicesData);
  };
  if (rest(before) != rest(after) + pages) {
    return Verdict::fail("free memory and boot services data had {} pages together, and have {}",
                         rest(before), rest(after));
  }
  return Verdict::pass();
}

Verdict any(FirmwareBench& bench) {
  constexpr uint64_t kPages = 3;
  MapSnapshot before;
  if (const Verdict v = take_map(bench, bench.first_map, before); !v.passed()) return v;
  Held first(bench.firmware);
  Held second(bench.firmware);
  for (Held* held : {&first, &second}) {
    const EfiStatus status = held->take(AllocateHow::AnyPages, kLoaderData, kPages);
    if (status != kEfiSuccess) return Verdict::fail("3 pages of any kind: status {:#x}", status);
    if (held->address() % mm::kPageSize != 0) {
      return Verdict::fail("pages at {:#x}, which is no page's address", held->address());
    }
    for (uint64_t page = 0; page < kPages; ++page) {
      const uint64_t at = held->address() + page * mm::kPageSize;
      const auto was = before.find(at);
      // Freed boot services data may be used again without becoming free in between.
      if (!was || (was->type != EfiMemoryType::Conventional &&
                   was->type != EfiMemoryType::BootServicesData)) {
        held->forget();  // it is another's
        return Verdict::fail("page {:#x} was given out, but was not free: type {}", at,
                             was ? static_cast<unsigned>(was->type) : 0xffffU);
      }
    }
  }
  const mm::Range a{{first.address()}, {first.address() + kPages * mm::kPageSize}};
  const mm::Range b{{second.address()}, {second.address() + kPages * mm::kPageSize}};
  if (a.overlaps(b)) {
    second.forget();
    return Verdict::fail("{:#x} and {:#x}, of 3 pages each, share some", first.address(),
                         second.address());
  }
  return Verdict::pass();
}

Verdict shows(FirmwareBench& bench) {
  constexpr uint64_t kPages = 5;
  MapSnapshot before;
  MapSnapshot after;
  if (const Verdict v = take_map(bench, bench.first_map, before); !v.passed()) return v;
  Held held(bench.firmware);
  const EfiStatus status = held.take(AllocateHow::AnyPages, kLoaderData, kPages);
  if (status != kEfiSuccess) return Verdict::fail("5 pages of any kind: status {:#x}", status);
  if (const Verdict v = take_map(bench, bench.second_map, after); !v.passed()) return v;
  if (before.key == after.key) {
    return Verdict::fail("the key is {:#x} before and after an allocation", after.key);
  }
  return check_totals(before, after, kPages);
}

Verdict address(FirmwareBench& bench) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  const mm::PfnRange free = free_range(now, 0);
  if (free.empty()) return Verdict::skip("no free memory above 1 MiB");
  const uint64_t wanted = phys(free.start + free.size() / 2).v;
  Held held(bench.firmware);
  const EfiStatus status = held.take(AllocateHow::Address, kLoaderData, 1, wanted);
  if (status != kEfiSuccess) {
    return Verdict::fail("{:#x} is free but cannot be had: status {:#x}", wanted, status);
  }
  if (held.address() != wanted) {
    return Verdict::fail("asked for {:#x}, got {:#x}", wanted, held.address());
  }
  return Verdict::pass();
}

Verdict taken(FirmwareBench& bench) {
  Held owner(bench.firmware);
  EfiStatus status = owner.take(AllocateHow::AnyPages, kLoaderData, 1);
  if (status != kEfiSuccess) return Verdict::fail("a page of any kind: status {:#x}", status);
  Held thief(bench.firmware);
  status = thief.take(AllocateHow::Address, kLoaderData, 1, owner.address());
  if (status == kEfiSuccess) {
    thief.forget();
    return Verdict::fail("the page at {:#x} was given out twice", owner.address());
  }
  return Verdict::pass();
}

Verdict max(FirmwareBench& bench) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  for (size_t i = 0; i < 4; ++i) {
    const mm::PfnRange free = free_range(now, i);
    if (free.empty()) {
      return i == 0 ? Verdict::skip("no free memory above 1 MiB") : Verdict::pass();
    }
    // The first half of a free range serves.
    const uint64_t last = phys(free.start + free.size() / 2).v - 1;
    Held held(bench.firmware);
    const EfiStatus status = held.take(AllocateHow::MaxAddress, kLoaderData, 1, last);
    if (status != kEfiSuccess) {
      return Verdict::fail("nothing at or below {:#x}, but {} is free: status {:#x}", last,
                           phys(free.start), status);
    }
    if (held.address() + mm::kPageSize - 1 > last) {
      return Verdict::fail("asked for a page at or below {:#x}, got {:#x}", last, held.address());
    }
  }
  return Verdict::pass();
}

Verdict type(FirmwareBench& bench) {
  using enum EfiMemoryType;
  for (const EfiMemoryType wanted :
       {LoaderCode, LoaderData, BootServicesCode, BootServicesData, AcpiReclaim, AcpiNvs}) {
    Held held(bench.firmware);
    const EfiStatus status = held.take(AllocateHow::AnyPages, static_cast<uint32_t>(wanted), 1);
    if (status != kEfiSuccess) {
      return Verdict::fail("a page of {}: status {:#x}", wanted, status);
    }
    MapSnapshot now;
    if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
    const auto shown = now.find(held.address());
    if (!shown || shown->type != wanted) {
      return Verdict::fail("asked for {}, the map shows type {} at {:#x}", wanted,
                           shown ? static_cast<unsigned>(shown->type) : 0xffffU, held.address());
    }
  }
  return Verdict::pass();
}

Verdict bad_type(FirmwareBench& bench) {
  for (const uint32_t wanted :
       {uint32_t{0x6fff'ffff}, static_cast<uint32_t>(EfiMemoryType::Persistent)}) {
    Held held(bench.firmware);
    if (held.take(AllocateHow::AnyPages, wanted, 1) == kEfiSuccess) {
      return Verdict::fail("a page of type {:#x} was given at {:#x}", wanted, held.address());
    }
  }
  return Verdict::pass();
}

Verdict huge(FirmwareBench& bench) {
  for (const uint64_t pages :
       {uint64_t{1} << 40, uint64_t{1} << 52, (uint64_t{1} << 52) + 1, ~uint64_t{0}}) {
    Held held(bench.firmware);
    if (held.take(AllocateHow::AnyPages, kLoaderData, pages) == kEfiSuccess) {
      // The firmware has given as much as the sum wraps to, or nothing; either way it is not ours.
      held.forget();
      return Verdict::fail("{:#x} pages were given at {:#x}", pages, held.address());
    }
  }
  return Verdict::pass();
}

Verdict zero(FirmwareBench& bench) {
  MapSnapshot before;
  MapSnapshot after;
  if (const Verdict v = take_map(bench, bench.first_map, before); !v.passed()) return v;
  uint64_t at = 0;
  (void)bench.firmware.allocate_pages(AllocateHow::AnyPages, kLoaderData, 0, at);
  if (const Verdict v = take_map(bench, bench.second_map, after); !v.passed()) return v;
  return check_totals(before, after, 0);
}

// Different in each word of a page and in each page.
uint64_t pattern(uint64_t address) { return address * 0x9e37'79b9'7f4a'7c15U ^ ~address; }

Verdict content(FirmwareBench& bench) {
  constexpr uint64_t kPages = 4;
  Held first(bench.firmware);
  Held second(bench.firmware);
  for (Held* held : {&first, &second}) {
    const EfiStatus status = held->take(AllocateHow::AnyPages, kLoaderData, kPages);
    if (status != kEfiSuccess) return Verdict::fail("4 pages of any kind: status {:#x}", status);
  }
  const auto words = [&](const Held& held) {
    return bench.facts.reach.at<volatile uint64_t>(mm::Phys{held.address()});
  };
  constexpr uint64_t kWords = kPages * mm::kPageSize / 8;
  for (const Held* held : {&first, &second}) {
    for (uint64_t i = 0; i < kWords; ++i) words(*held)[i] = pattern(held->address() + 8 * i);
  }
  for (const Held* held : {&first, &second}) {
    for (uint64_t i = 0; i < kWords; ++i) {
      const uint64_t expected = pattern(held->address() + 8 * i);
      const uint64_t found = words(*held)[i];
      if (found == expected) continue;
      return Verdict::fail("{:#x} was written at {:#x}, {:#x} stands there", expected,
                           held->address() + 8 * i, found);
    }
  }
  return Verdict::pass();
}

Verdict returns(FirmwareBench& bench) {
  constexpr size_t kTimes = 16;
  MapSnapshot before;
  MapSnapshot after;
  if (const Verdict v = take_map(bench, bench.first_map, before); !v.passed()) return v;
  for (uint64_t i = 1; i <= kTimes; ++i) {
    Held held(bench.firmware);
    EfiStatus status = held.take(AllocateHow::AnyPages, kLoaderData, i);
    if (status != kEfiSuccess)
      return Verdict::fail("{} pages of any kind: status {:#x}", i, status);
    status = held.release();
    if (status != kEfiSuccess) {
      return Verdict::fail("{} pages at {:#x} cannot be freed: status {:#x}", i, held.address(),
                           status);
    }
  }
  if (const Verdict v = take_map(bench, bench.second_map, after); !v.passed()) return v;
  return check_totals(before, after, 0);
}

Verdict unowned(FirmwareBench& bench) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  const mm::PfnRange free = free_range(now, 0);
  if (free.empty()) return Verdict::skip("no free memory above 1 MiB");
  const uint64_t at = phys(free.start + free.size() / 2).v;
  if (bench.firmware.free_pages(at, 1) == kEfiSuccess) {
    return Verdict::fail("the free page at {:#x} could be freed", at);
  }
  return Verdict::pass();
}

Verdict unaligned(FirmwareBench& bench) {
  Held held(bench.firmware);
  const EfiStatus status = held.take(AllocateHow::AnyPages, kLoaderData, 1);
  if (status != kEfiSuccess) return Verdict::fail("a page of any kind: status {:#x}", status);
  if (bench.firmware.free_pages(held.address() + 0x10, 1) == kEfiSuccess) {
    held.forget();
    return Verdict::fail("{:#x} could be freed as a page", held.address() + 0x10);
  }
  return Verdict::pass();
}

Verdict pool_alignment(FirmwareBench& bench) {
  constexpr uint64_t kSizes[] = {1, 7, 24, 100, 4096, 70000};
  constexpr size_t kCount = std::size(kSizes);
  uint64_t at[kCount] = {};
  Verdict verdict = Verdict::pass();
  size_t made = 0;
  for (; made < kCount && verdict.passed(); ++made) {
    const EfiStatus status = bench.firmware.allocate_pool(kLoaderData, kSizes[made], at[made]);
    if (status != kEfiSuccess) {
      verdict = Verdict::fail("{} bytes of pool: status {:#x}", kSizes[made], status);
      break;
    }
    if (at[made] % 8 != 0) {
      verdict = Verdict::fail("{} bytes of pool at {:#x}", kSizes[made], at[made]);
    }
    for (size_t i = 0; i < made; ++i) {
      if (at[made] < at[i] + kSizes[i] && at[i] < at[made] + kSizes[made]) {
        verdict = Verdict::fail("{} bytes at {:#x} and {} at {:#x} overlap", kSizes[i], at[i],
                                kSizes[made], at[made]);
      }
    }
  }
  for (size_t i = 0; i < made; ++i) {
    const EfiStatus status = bench.firmware.free_pool(at[i]);
    if (status != kEfiSuccess && verdict.passed()) {
      verdict = Verdict::fail("pool at {:#x} cannot be freed: status {:#x}", at[i], status);
    }
  }
  return verdict;
}

Verdict pool_huge(FirmwareBench& bench) {
  // Not the very largest sizes: EDK II's sums wrap there and it overwrites itself.
  // With 32 bits there are few beyond what a machine may have.
  constexpr bool kWide = sizeof(uintptr_t) == sizeof(uint64_t);
  constexpr uint64_t kWideSizes[] = {uint64_t{1} << 52, uint64_t{1} << 62},
                     kNarrowSizes[] = {0xf000'0000, 0xf800'0000};
  for (const uint64_t bytes : kWide ? kWideSizes : kNarrowSizes) {
    uint64_t at = 0;
    if (bench.firmware.allocate_pool(kLoaderData, bytes, at) == kEfiSuccess) {
      return Verdict::fail("{:#x} bytes of pool were given at {:#x}", bytes, at);
    }
  }
  return Verdict::pass();
}

Verdict pool_null(FirmwareBench& bench) {
  if (bench.firmware.free_pool(0) == kEfiSuccess) return Verdict::fail("FreePool(NULL) succeeds");
  return Verdict::pass();
}

constexpr FirmwareTest kTests[] = {
    {"efi.alloc.any", any},
    {"efi.alloc.shows", shows},
    {"efi.alloc.address", address},
    {"efi.alloc.taken", taken},
    {"efi.alloc.max", max},
    {"efi.alloc.type", type},
    {"efi.alloc.bad-type", bad_type},
    {"efi.alloc.huge", huge},
    {"efi.alloc.zero", zero},
    {"efi.alloc.content", content},
    {"efi.free.returns", returns},
    {"efi.free.unowned", unowned},
    {"efi.free.unaligned", unaligned},
    {"efi.pool.alignment", pool_alignment},
    {"efi.pool.huge", pool_huge},
    {"efi.pool.null", pool_null},
};

}  // namespace

std::span<const FirmwareTest> allocation_tests() { return kTests; }

}  // namespace loader
