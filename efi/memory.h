// Memory from the firmware (UEFI 2.10 section 7.2, AllocatePages). Only before exit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "efi/firmware.h"
#include "mm/result.h"
#include "mm/types.h"

namespace efi {

// Whole pages, of LoaderData unless something else is asked for. Given back when this goes out of scope, unless keep() was called:
// until the kernel is entered every error leaves the firmware with what it had.
class Pages {
 public:
  Pages() = default;
  Pages(const Firmware& firmware, mm::Range range) : boot_(firmware.boot), range_(range) {}
  Pages(Pages&& other) noexcept
      : boot_(std::exchange(other.boot_, nullptr)), range_(std::exchange(other.range_, {})) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(boot_, other.boot_);
    std::swap(range_, other.range_);
    return *this;
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages();

  [[nodiscard]] mm::Range range() const { return range_; }
  [[nodiscard]] uint64_t size() const { return range_.size(); }
  // The firmware maps all of memory at its own address.
  template <class T>
  [[nodiscard]] T* as() const {
    return reinterpret_cast<T*>(range_.start.v);
  }
  template <class T>
  [[nodiscard]] std::span<T> span() const {
    return {as<T>(), static_cast<size_t>(range_.size() / sizeof(T))};
  }

  // From now on the pages stay allocated whatever happens.
  mm::Range keep() {
    boot_ = nullptr;
    return range_;
  }

 private:
  EFI_BOOT_SERVICES* boot_ = nullptr;  // null: nothing to give back
  mm::Range range_;
};

// At least `bytes` (not 0), rounded up to whole pages; content is undefined. `what` names them in
// the error, which gives the bytes asked for.
mm::Result<Pages> allocate(const Firmware& firmware, uint64_t bytes, const char* what,
                           EFI_MEMORY_TYPE type = EfiLoaderData);
// The same just there, whole pages; nothing: the firmware does not give these.
std::optional<Pages> allocate_at(const Firmware& firmware, mm::Range place);
// As allocate(), zeroed.
mm::Result<Pages> allocate_zeroed(const Firmware& firmware, uint64_t bytes, const char* what);
// Pages in which `place`, of so many bytes in whole pages, begins `offset` behind a multiple of
// `align`: a power of two of at least a page, and an offset below it, in whole pages. What lies
// around the place stays allocated with it: EDK II overwrites what it is given back, byte by byte,
// and all that nobody reserves is free when it has gone.
struct AlignedPages {
  Pages pages;
  mm::Range place;
};
mm::Result<AlignedPages> allocate_aligned(const Firmware& firmware, uint64_t bytes, uint64_t align,
                                          uint64_t offset, const char* what);

// Storage for `count` Ts, zeroed.
template <class T>
mm::Result<Pages> allocate_array(const Firmware& firmware, size_t count, const char* what) {
  return allocate_zeroed(firmware, (count == 0 ? 1 : count) * sizeof(T), what);
}

}  // namespace efi
