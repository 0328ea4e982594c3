#include "kernel/frames.h"

namespace kernel {

mm::PagesOr take_frames(Booted& machine, mm::Gfp gfp, unsigned order) {
  return machine.relay.pages().alloc_pages(arch::this_cpu(), gfp, order, 0);
}

mm::Result<> give_frames(Booted& machine, mm::Pfn frame, unsigned order) {
  return machine.relay.pages().free_pages(arch::this_cpu(), frame, order).result();
}

}  // namespace kernel
