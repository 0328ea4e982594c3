#include "kernel/runtime_call.h"

namespace kernel {
namespace {

bool same_place(uint64_t root, const void* at) {
  const auto virt = reinterpret_cast<uintptr_t>(at);
  const auto here = arch::find_mapping(virt);
  const auto there = PageTables::translate(root, virt);
  return here && there && here->phys + (virt - here->virt) == there->phys + (virt - there->virt);
}

}  // namespace

mm::Result<> RuntimeServices::check(const void* data) const {
  const char* const what = "runtime services";
  if (root == 0 || system_table == 0) {
    return mm::Error{"there are none that could be called", what};
  }
  for (const void* at : {reinterpret_cast<const void*>(&same_place), data,
                         static_cast<const void*>(__builtin_frame_address(0))}) {
    if (!same_place(root, at)) {
      return mm::Error{"their page tables lack the kernel (address {:#x})", what,
                       reinterpret_cast<uintptr_t>(at)};
    }
  }
  if (!PageTables::translate(root, system_table)) {
    return mm::Error{"their page tables lack the system table (address {:#x})", what, system_table};
  }
  return {};
}

}  // namespace kernel
