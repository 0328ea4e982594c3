#include "efi/memory.h"

#include <cstring>

#include "efi/arch.h"
#include "loader/arch.h"

namespace efi {
namespace {

// What any kernel's direct map holds, whatever the CPU: with the fewest levels least.
uint64_t reachable(const Firmware& firmware) {
  return loader::address_space({.levels = 2, .first_ram = examine_cpu(firmware).paging.first_ram})
      .lowmem()
      .end.v;
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
  const auto pages = static_cast<UINTN>(mm::align_up(bytes, mm::kPageSize) / mm::kPageSize);
  EFI_PHYSICAL_ADDRESS address = 0;
  const EFI_STATUS status = firmware.boot->AllocatePages(AllocateAnyPages, type, pages, &address);
  if (status != EFI_SUCCESS) {
    return failed("too little memory: the firmware has none for it (bytes {})", what, status,
                  bytes);
  }
  Pages taken{firmware, {mm::Phys{address}, mm::Phys{address + uint64_t{pages} * mm::kPageSize}}};
  const uint64_t end = reachable(firmware);
  if (taken.range().end.v <= end) return taken;
  // It would be out of the kernel's sight.
  address = end - 1;
  const EFI_STATUS lower = firmware.boot->AllocatePages(AllocateMaxAddress, type, pages, &address);
  if (lower != EFI_SUCCESS) {
    return failed("the firmware has none for it where the kernel can reach it (bytes {})", what,
                  lower, bytes);
  }
  return Pages{firmware, {mm::Phys{address}, mm::Phys{address + uint64_t{pages} * mm::kPageSize}}};
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
