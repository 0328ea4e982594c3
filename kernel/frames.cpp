#include "kernel/frames.h"

namespace kernel {

mm::PagesOr take_frames(Booted& machine, mm::Gfp gfp, unsigned order, mm::NodeId node) {
  return machine.relay.pages().alloc_pages(arch::this_cpu(), gfp, order, node);
}

mm::Freed give_frames(Booted& machine, mm::Pfn frame, unsigned order) {
  return machine.relay.pages().free_pages(arch::this_cpu(), frame, order);
}

arch::Frames frames_of(Booted& machine) {
  return {[](void* context, mm::Gfp gfp, mm::NodeId node) {
            return take_frames(*static_cast<Booted*>(context), gfp, 0, node);
          },
          [](void* context, mm::Pfn frame) {
            (void)give_frames(*static_cast<Booted*>(context), frame, 0);
          },
          &machine};
}

}  // namespace kernel
