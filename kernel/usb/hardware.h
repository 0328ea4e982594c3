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

  // It reaches memory from here on. Before, what the firmware had it do would go on in memory that is
  // ours now.
  void (*let_in)(void* context) = nullptr;
  // It reaches memory no more, whatever it does; when that returns, nothing is under way.
  void (*cut_off)(void* context) = nullptr;

  // Looks at a clock that stands still, until it is taken for one that does not go: more than fit
  // between two ticks of any that does.
  static constexpr unsigned kMostStanding = 4096;

  // Whether done() came true within the time. Ends also where the clock stands still.
  template <class Done>
  bool wait(uint64_t most_microseconds, Done done) const {
    const uint64_t start = microseconds(context);
    uint64_t last = start;
    for (unsigned standing = 0; standing < kMostStanding;) {
      if (done()) return true;
      const uint64_t now = microseconds(context);
      if (now - start > most_microseconds) break;
      standing = now == last ? standing + 1 : 0;
      last = now;
      rest(context);
    }
    return done();
  }
  void sleep(uint64_t least_microseconds) const {
    (void)wait(least_microseconds, [] { return false; });
  }
};

}  // namespace kernel::usb
