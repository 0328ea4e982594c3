#include "efi/memory.h"

#include <cstring>

namespace efi {
namespace {

mm::Result<Pages> allocate_as(const Firmware& firmware, EFI_ALLOCATE_TYPE how, uint64_t bytes,
                              mm::Phys limit, const char* what) {
  if (bytes == 0 || bytes > mm::kMaxPhys) return mm::Error{"no such size (bytes)", what, bytes};
  const uint64_t pages = mm::align_up(bytes, mm::kPageSize) / mm::kPageSize;
  EFI_PHYSICAL_ADDRESS address = limit.v - 1;  // the highest byte wanted; unused otherwise
  const EFI_STATUS status =
      firmware.boot->AllocatePages(how, EfiLoaderData, pages, &address);
  if (status != EFI_SUCCESS) {
    return failed("no memory from the firmware (bytes wanted)", what, status, bytes);
  }
  const mm::Phys start{address};
  return Pages{firmware, {start, start + pages * mm::kPageSize}};
}

}  // namespace

Pages::~Pages() {
  if (boot_ != nullptr && !range_.empty()) {
    boot_->FreePages(range_.start.v, range_.size() / mm::kPageSize);
  }
}

mm::Result<Pages> allocate(const Firmware& firmware, uint64_t bytes, const char* what) {
  return allocate_as(firmware, AllocateAnyPages, bytes, {mm::kMaxPhys}, what);
}

mm::Result<Pages> allocate_below(const Firmware& firmware, uint64_t bytes, mm::Phys limit,
                                 const char* what) {
  return allocate_as(firmware, AllocateMaxAddress, bytes, limit, what);
}

mm::Result<Pages> allocate_zeroed(const Firmware& firmware, uint64_t bytes, const char* what) {
  mm::Result<Pages> pages = allocate(firmware, bytes, what);
  if (pages.ok()) std::memset(pages.value().as<void>(), 0, pages.value().size());
  return pages;
}

mm::Result<Pages> allocate_aligned(const Firmware& firmware, uint64_t bytes, uint64_t align,
                                   const char* what) {
  // More than needed, of which head and tail go straight back.
  mm::Result<Pages> loose = allocate(firmware, bytes + align - mm::kPageSize, what);
  if (!loose.ok()) return loose;
  const mm::Range all = loose.value().keep();
  const mm::Phys start = mm::align_up(all.start, align);
  const mm::Range wanted{start, start + mm::align_up(bytes, mm::kPageSize)};
  const Pages head(firmware, {all.start, wanted.start});
  const Pages tail(firmware, {wanted.end, all.end});
  return Pages{firmware, wanted};
}

}  // namespace efi
