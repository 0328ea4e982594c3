// AllocatePages, FreePages, AllocatePool, FreePool: what they promise, and what becomes of the map.
#include "loader/selftest/firmware_tests.h"

namespace loader {
namespace {

using enum Outcome;

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
Outcome check_totals(const MapSnapshot& before, const MapSnapshot& after, uint64_t pages,
                     Facts& facts) {
  if (before.pages() != after.pages()) {
    return fail(facts, "the map had {} pages, and has {}", before.pages(), after.pages());
  }
  const uint64_t loader = before.pages(EfiMemoryType::LoaderData) + pages;
  if (after.pages(EfiMemoryType::LoaderData) != loader) {
    return fail(facts, "loader data should have {} pages and has {}", loader,
                after.pages(EfiMemoryType::LoaderData));
  }
  const auto rest = [](const MapSnapshot& map) {
    return map.pages(EfiMemoryType::Conventional) + map.pages(EfiMemoryType::BootServicesData);
  };
  if (rest(before) != rest(after) + pages) {
    return fail(facts, "free memory and boot services data had {} pages together, and have {}",
                rest(before), rest(after));
  }
  return Pass;
}

Outcome any(FirmwareBench& bench, Facts& facts) {
  constexpr uint64_t kPages = 3;
  MapSnapshot before;
  if (take_map(bench, bench.first_map, before, facts) != Pass) return Fail;
  Held first(bench.firmware);
  Held second(bench.firmware);
  for (Held* held : {&first, &second}) {
    const EfiStatus status = held->take(AllocateHow::AnyPages, kLoaderData, kPages);
    if (status != kEfiSuccess) return fail(facts, "3 pages of any kind: status {:#x}", status);
    if (held->address() % mm::kPageSize != 0) {
      return fail(facts, "pages at {:#x}, which is no page's address", held->address());
    }
    for (uint64_t page = 0; page < kPages; ++page) {
      const uint64_t at = held->address() + page * mm::kPageSize;
      const auto was = before.find(at);
      // Freed boot services data may be used again without becoming free in between.
      if (!was || (was->type != EfiMemoryType::Conventional &&
                   was->type != EfiMemoryType::BootServicesData)) {
        held->forget();  // it is another's
        return fail(facts, "page {:#x} was given out, but was not free: type {}", at,
                    was ? static_cast<unsigned>(was->type) : 0xffffU);
      }
    }
  }
  const mm::Range a{{first.address()}, {first.address() + kPages * mm::kPageSize}};
  const mm::Range b{{second.address()}, {second.address() + kPages * mm::kPageSize}};
  if (a.overlaps(b)) {
    second.forget();
    return fail(facts, "{:#x} and {:#x}, of 3 pages each, share some", first.address(),
                second.address());
  }
  return Pass;
}

Outcome shows(FirmwareBench& bench, Facts& facts) {
  constexpr uint64_t kPages = 5;
  MapSnapshot before;
  MapSnapshot after;
  if (take_map(bench, bench.first_map, before, facts) != Pass) return Fail;
  Held held(bench.firmware);
  const EfiStatus status = held.take(AllocateHow::AnyPages, kLoaderData, kPages);
  if (status != kEfiSuccess) return fail(facts, "5 pages of any kind: status {:#x}", status);
  if (take_map(bench, bench.second_map, after, facts) != Pass) return Fail;
  if (before.key == after.key) {
    return fail(facts, "the key is {:#x} before and after an allocation", after.key);
  }
  return check_totals(before, after, kPages, facts);
}

Outcome address(FirmwareBench& bench, Facts& facts) {
  MapSnapshot now;
  if (take_map(bench, bench.first_map, now, facts) != Pass) return Fail;
  const mm::PfnRange free = free_range(now, 0);
  if (free.empty()) return skip(facts, "no free memory above 1 MiB");
  const uint64_t wanted = phys(free.start + free.size() / 2).v;
  Held held(bench.firmware);
  const EfiStatus status = held.take(AllocateHow::Address, kLoaderData, 1, wanted);
  if (status != kEfiSuccess) {
    return fail(facts, "{:#x} is free but cannot be had: status {:#x}", wanted, status);
  }
  if (held.address() != wanted) {
    return fail(facts, "asked for {:#x}, got {:#x}", wanted, held.address());
  }
  return Pass;
}

Outcome taken(FirmwareBench& bench, Facts& facts) {
  Held owner(bench.firmware);
  EfiStatus status = owner.take(AllocateHow::AnyPages, kLoaderData, 1);
  if (status != kEfiSuccess) return fail(facts, "a page of any kind: status {:#x}", status);
  Held thief(bench.firmware);
  status = thief.take(AllocateHow::Address, kLoaderData, 1, owner.address());
  if (status == kEfiSuccess) {
    thief.forget();
    return fail(facts, "the page at {:#x} was given out twice", owner.address());
  }
  return Pass;
}

Outcome max(FirmwareBench& bench, Facts& facts) {
  MapSnapshot now;
  if (take_map(bench, bench.first_map, now, facts) != Pass) return Fail;
  for (size_t i = 0; i < 4; ++i) {
    const mm::PfnRange free = free_range(now, i);
    if (free.empty()) {
      return i == 0 ? skip(facts, "no free memory above 1 MiB") : Pass;
    }
    // The first half of a free range serves.
    const uint64_t last = phys(free.start + free.size() / 2).v - 1;
    Held held(bench.firmware);
    const EfiStatus status = held.take(AllocateHow::MaxAddress, kLoaderData, 1, last);
    if (status != kEfiSuccess) {
      return fail(facts, "nothing at or below {:#x}, but {} is free: status {:#x}", last,
                  phys(free.start), status);
    }
    if (held.address() + mm::kPageSize - 1 > last) {
      return fail(facts, "asked for a page at or below {:#x}, got {:#x}", last, held.address());
    }
  }
  return Pass;
}

Outcome type(FirmwareBench& bench, Facts& facts) {
  using enum EfiMemoryType;
  for (const EfiMemoryType wanted :
       {LoaderCode, LoaderData, BootServicesCode, BootServicesData, AcpiReclaim, AcpiNvs}) {
    Held held(bench.firmware);
    const EfiStatus status = held.take(AllocateHow::AnyPages, static_cast<uint32_t>(wanted), 1);
    if (status != kEfiSuccess) {
      return fail(facts, "a page of {}: status {:#x}", efi_type_name(wanted), status);
    }
    MapSnapshot now;
    if (take_map(bench, bench.first_map, now, facts) != Pass) return Fail;
    const auto shown = now.find(held.address());
    if (!shown || shown->type != wanted) {
      return fail(facts, "asked for {}, the map shows type {} at {:#x}", efi_type_name(wanted),
                  shown ? static_cast<unsigned>(shown->type) : 0xffffU, held.address());
    }
  }
  return Pass;
}

Outcome bad_type(FirmwareBench& bench, Facts& facts) {
  for (const uint32_t wanted :
       {uint32_t{0x6fff'ffff}, static_cast<uint32_t>(EfiMemoryType::Persistent)}) {
    Held held(bench.firmware);
    if (held.take(AllocateHow::AnyPages, wanted, 1) == kEfiSuccess) {
      return fail(facts, "a page of type {:#x} was given at {:#x}", wanted, held.address());
    }
  }
  return Pass;
}

Outcome huge(FirmwareBench& bench, Facts& facts) {
  for (const uint64_t pages :
       {uint64_t{1} << 40, uint64_t{1} << 52, (uint64_t{1} << 52) + 1, ~uint64_t{0}}) {
    Held held(bench.firmware);
    if (held.take(AllocateHow::AnyPages, kLoaderData, pages) == kEfiSuccess) {
      // The firmware has given as much as the sum wraps to, or nothing; either way it is not ours.
      held.forget();
      return fail(facts, "{:#x} pages were given at {:#x}", pages, held.address());
    }
  }
  return Pass;
}

Outcome zero(FirmwareBench& bench, Facts& facts) {
  MapSnapshot before;
  MapSnapshot after;
  if (take_map(bench, bench.first_map, before, facts) != Pass) return Fail;
  uint64_t at = 0;
  (void)bench.firmware.allocate_pages(AllocateHow::AnyPages, kLoaderData, 0, at);
  if (take_map(bench, bench.second_map, after, facts) != Pass) return Fail;
  return check_totals(before, after, 0, facts);
}

// Different in each word of a page and in each page.
uint64_t pattern(uint64_t address) { return address * 0x9e37'79b9'7f4a'7c15U ^ ~address; }

Outcome content(FirmwareBench& bench, Facts& facts) {
  constexpr uint64_t kPages = 4;
  Held first(bench.firmware);
  Held second(bench.firmware);
  for (Held* held : {&first, &second}) {
    const EfiStatus status = held->take(AllocateHow::AnyPages, kLoaderData, kPages);
    if (status != kEfiSuccess) return fail(facts, "4 pages of any kind: status {:#x}", status);
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
      return fail(facts, "{:#x} was written at {:#x}, {:#x} stands there", expected,
                  held->address() + 8 * i, found);
    }
  }
  return Pass;
}

Outcome returns(FirmwareBench& bench, Facts& facts) {
  constexpr size_t kTimes = 16;
  MapSnapshot before;
  MapSnapshot after;
  if (take_map(bench, bench.first_map, before, facts) != Pass) return Fail;
  for (uint64_t i = 1; i <= kTimes; ++i) {
    Held held(bench.firmware);
    EfiStatus status = held.take(AllocateHow::AnyPages, kLoaderData, i);
    if (status != kEfiSuccess) return fail(facts, "{} pages of any kind: status {:#x}", i, status);
    status = held.release();
    if (status != kEfiSuccess) {
      return fail(facts, "{} pages at {:#x} cannot be freed: status {:#x}", i, held.address(),
                  status);
    }
  }
  if (take_map(bench, bench.second_map, after, facts) != Pass) return Fail;
  return check_totals(before, after, 0, facts);
}

Outcome unowned(FirmwareBench& bench, Facts& facts) {
  MapSnapshot now;
  if (take_map(bench, bench.first_map, now, facts) != Pass) return Fail;
  const mm::PfnRange free = free_range(now, 0);
  if (free.empty()) return skip(facts, "no free memory above 1 MiB");
  const uint64_t at = phys(free.start + free.size() / 2).v;
  if (bench.firmware.free_pages(at, 1) == kEfiSuccess) {
    return fail(facts, "the free page at {:#x} could be freed", at);
  }
  return Pass;
}

Outcome unaligned(FirmwareBench& bench, Facts& facts) {
  Held held(bench.firmware);
  const EfiStatus status = held.take(AllocateHow::AnyPages, kLoaderData, 1);
  if (status != kEfiSuccess) return fail(facts, "a page of any kind: status {:#x}", status);
  if (bench.firmware.free_pages(held.address() + 0x10, 1) == kEfiSuccess) {
    held.forget();
    return fail(facts, "{:#x} could be freed as a page", held.address() + 0x10);
  }
  return Pass;
}

Outcome pool_alignment(FirmwareBench& bench, Facts& facts) {
  constexpr uint64_t kSizes[] = {1, 7, 24, 100, 4096, 70000};
  constexpr size_t kCount = std::size(kSizes);
  uint64_t at[kCount] = {};
  Outcome outcome = Pass;
  size_t made = 0;
  for (; made < kCount && outcome == Pass; ++made) {
    const EfiStatus status = bench.firmware.allocate_pool(kLoaderData, kSizes[made], at[made]);
    if (status != kEfiSuccess) {
      outcome = fail(facts, "{} bytes of pool: status {:#x}", kSizes[made], status);
      break;
    }
    if (at[made] % 8 != 0) {
      outcome = fail(facts, "{} bytes of pool at {:#x}", kSizes[made], at[made]);
    }
    for (size_t i = 0; i < made; ++i) {
      if (at[made] < at[i] + kSizes[i] && at[i] < at[made] + kSizes[made]) {
        outcome = fail(facts, "{} bytes at {:#x} and {} at {:#x} overlap", kSizes[i], at[i],
                       kSizes[made], at[made]);
      }
    }
  }
  for (size_t i = 0; i < made; ++i) {
    const EfiStatus status = bench.firmware.free_pool(at[i]);
    if (status != kEfiSuccess && outcome == Pass) {
      outcome = fail(facts, "pool at {:#x} cannot be freed: status {:#x}", at[i], status);
    }
  }
  return outcome;
}

Outcome pool_huge(FirmwareBench& bench, Facts& facts) {
  // Not the very largest sizes: EDK II's sums wrap there and it overwrites itself.
  for (const uint64_t bytes : {uint64_t{1} << 52, uint64_t{1} << 62}) {
    uint64_t at = 0;
    if (bench.firmware.allocate_pool(kLoaderData, bytes, at) == kEfiSuccess) {
      return fail(facts, "{:#x} bytes of pool were given at {:#x}", bytes, at);
    }
  }
  return Pass;
}

Outcome pool_null(FirmwareBench& bench, Facts& facts) {
  if (bench.firmware.free_pool(0) == kEfiSuccess) return fail(facts, "FreePool(NULL) succeeds");
  return Pass;
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
