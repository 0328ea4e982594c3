#include "efi/memory.h"

#include <cstring>

#include "efi/arch.h"
#include "loader/arch.h"

namespace efi {
namespace {

using mm::Phys;
using mm::Range;
using mm::Result;

// What any kernel's direct map holds, whatever the CPU: with the fewest levels least.
uint64_t reachable(const Firmware& firmware) {
  return loader::address_space({.levels = 2, .first_ram = examine_cpu(firmware).paging.first_ram})
      .lowmem()
      .end.v;
}

// Whether there are whole pages of memory at a place that the firmware gave: mapped, and keeping what is
// written (only the first and the last are tried). Page 0 is nobody's: pointers to it are
// null.
bool is_memory(Range range) {
  if (range.start.v == 0 || range.start.v % mm::kPageSize != 0) return false;
  if (range.start.v >= mm::kMaxPhys || range.end.v > mm::kMaxPhys) return false;
  constexpr uint32_t kMarks[] = {0x5aa5'c33c, 0xa55a'3cc3};
  for (const Phys page : {range.start, range.end - mm::kPageSize}) {
    const auto live = live_page(page.v);
    if (!live || !live->writable) return false;
    auto* const word = reinterpret_cast<volatile uint32_t*>(static_cast<uintptr_t>(page.v));
    for (const uint32_t mark : kMarks) {
      *word = mark;
      if (*word != mark) return false;
    }
  }
  return true;
}

Result<Pages> take(const Firmware& firmware, EFI_ALLOCATE_TYPE how, EFI_PHYSICAL_ADDRESS address,
                   uint64_t bytes, const char* what, EFI_MEMORY_TYPE type) {
  const uint64_t size = mm::align_up(bytes, mm::kPageSize);
  const auto pages = static_cast<UINTN>(size / mm::kPageSize);
  const EFI_STATUS status = firmware.boot->AllocatePages(how, type, pages, &address);
  if (status != EFI_SUCCESS) {
    return failed(
        how == AllocateAnyPages
            ? mm::ErrorText("too little memory: the firmware has none for it (bytes {})")
            : mm::ErrorText(
                  "the firmware has none for it where the kernel can reach it (bytes {})"),
        what, status, bytes);
  }
  return Pages{firmware, {Phys{address}, Phys{address + size}}};
}

Result<Pages> check(Pages taken, const char* what) {
  if (is_memory(taken.range())) return taken;
  // Not given back: who knows what is there.
  const Range range = taken.keep();
  return mm::Error{"the firmware gives a place where no memory is (address {:#x}, bytes {})", what,
                   range.start.v, range.size()};
}

}  // namespace

Pages::~Pages() {
  // NOLINTNEXTLINE(clang-analyzer-core.*): 14 takes BATON_TRY's way out for coming past here
  if (boot_ != nullptr && !range_.empty()) {
    boot_->FreePages(range_.start.v, static_cast<UINTN>(range_.size() / mm::kPageSize));
  }
}

mm::Result<Pages> allocate(const Firmware& firmware, uint64_t bytes, const char* what,
                           EFI_MEMORY_TYPE type) {
  if (bytes == 0 || bytes > mm::kMaxPhys) return mm::Error{"no such size (bytes {})", what, bytes};
  Pages taken = BATON_TRY(take(firmware, AllocateAnyPages, 0, bytes, what, type));
  const uint64_t end = reachable(firmware);
  if (taken.range().end.v <= end) return check(std::move(taken), what);
  // It would be out of the kernel's sight.
  Pages lower = BATON_TRY(take(firmware, AllocateMaxAddress, end - 1, bytes, what, type));
  if (lower.range().end.v <= end) return check(std::move(lower), what);
  return mm::Error{
      "the firmware gives a place beyond what was asked for (address {:#x}, most {:#x})", what,
      lower.range().start.v, end - 1};
}

std::optional<Pages> allocate_at(const Firmware& firmware, mm::Range place) {
  EFI_PHYSICAL_ADDRESS address = place.start.v;
  const auto pages = static_cast<UINTN>(place.size() / mm::kPageSize);
  if (firmware.boot->AllocatePages(AllocateAddress, EfiLoaderData, pages, &address) !=
      EFI_SUCCESS) {
    return std::nullopt;
  }
  Pages given{firmware, {mm::Phys{address}, mm::Phys{address} + place.size()}};
  if (given.range().start != place.start) return std::nullopt;
  if (!is_memory(given.range())) {
    (void)given.keep();  // who knows what is there
    return std::nullopt;
  }
  return given;
}

mm::Result<Pages> allocate_zeroed(const Firmware& firmware, uint64_t bytes, const char* what) {
  mm::Result<Pages> pages = allocate(firmware, bytes, what);
  if (pages.ok())
    std::memset(pages.value().as<void>(), 0, static_cast<size_t>(pages.value().size()));
  return pages;
}

mm::Result<AlignedPages> allocate_aligned(const Firmware& firmware, uint64_t bytes, uint64_t align,
                                          uint64_t offset, const char* what) {
  AlignedPages taken{BATON_TRY(allocate(firmware, bytes + align - mm::kPageSize, what)), {}};
  const mm::Phys first = taken.pages.range().start;
  mm::Phys start = mm::align_down(first, align) + offset;
  if (start < first) start += align;
  taken.place = {start, start + mm::align_up(bytes, mm::kPageSize)};
  return taken;
}

}  // namespace efi
