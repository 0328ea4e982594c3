// What the driver of a host controller stands on: its registers, memory that both reach, a clock. In
// the kernel that is the machine; in tests whoever plays the controller.
#pragma once

#include <cstdint>

#include "mm/direct_map.h"
#include "mm/page_alloc.h"
#include "mm/types.h"

namespace kernel::usb {

struct Hardware {
  void* context = nullptr;
  // 32 bits at a multiple of 4, below `size`.
  uint32_t (*read)(void* context, uint32_t offset) = nullptr;
  void (*write)(void* context, uint32_t offset, uint32_t value) = nullptr;
  uint64_t size = 0;
  // 2^order frames, zeroed; `low`: below 4 GiB.
  mm::PagesOr (*take)(void* context, unsigned order, bool low) = nullptr;
  void (*give)(void* context, mm::Pfn frame, unsigned order) = nullptr;
  mm::DirectMap map;
  uint64_t (*microseconds)(void* context) = nullptr;
  void (*rest)(void* context) = nullptr;   // for a millisecond or less
  void (*order)(void* context) = nullptr;  // arch::order_for_devices()

  // It reaches memory no more, whatever it does.
  void (*cut_off)(void* context) = nullptr;

  // Whether done() came true within the time. Ends also where the clock stands still.
  template <class Done>
  bool wait(uint64_t most_microseconds, Done done) const {
    const uint64_t start = microseconds(context);
    const uint64_t most_looks = 64 + most_microseconds / 8;
    for (uint64_t i = 0; i < most_looks; ++i) {
      if (done()) return true;
      if (microseconds(context) - start > most_microseconds) break;
      rest(context);
    }
    return done();
  }
  void sleep(uint64_t least_microseconds) const {
    (void)wait(least_microseconds, [] { return false; });
  }
};

}  // namespace kernel::usb
