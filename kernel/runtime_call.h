// How the firmware's runtime services are called: in the address space they were built for, which the
// handoff's runtime tables map, with the kernel where it is.
#pragma once

#include <cstdint>

#include "kernel/arch.h"
#include "kernel/page_walk.h"
#include "mm/result.h"

// UEFI's calling convention (UEFI 2.10 section 2.3) is the compiler's own but for x86-64.
#ifdef __x86_64__
#define KERNEL_EFIAPI __attribute__((ms_abi))
#else
#define KERNEL_EFIAPI
#endif

namespace kernel {

struct RuntimeServices {
  uint64_t root;          // of their page tables; 0: there are none
  uint64_t system_table;  // physical

  // Whether the kernel finds itself again in those tables, `data` that is passed, and the system
  // table too.
  [[nodiscard]] mm::Result<> check(const void* data) const;

  // Calls the service with this number in EFI_RUNTIME_SERVICES, which has no interrupts of ours.
  // UINTN and pointers are as wide as uintptr_t.
  template <class Status, class... Args>
  Status call(unsigned service, Args... args) const {
    constexpr unsigned kRuntimeServices = 8;  // in EFI_SYSTEM_TABLE, section 4.3
    using Function = Status(KERNEL_EFIAPI*)(Args...);
    const bool on = arch::mask_interrupts();
    const uint64_t before = arch::page_root();
    arch::set_page_root(root);
    const auto function =
        reinterpret_cast<Function>(word(word(system_table, kRuntimeServices), service));
    const Status status = function(args...);
    arch::set_page_root(before);
    arch::restore_interrupts(on);
    return status;
  }

 private:
  // Behind a table's header, which is 24 bytes.
  static uintptr_t word(uint64_t table, unsigned number) {
    const auto words = static_cast<uintptr_t>(table + 24);
    return reinterpret_cast<const uintptr_t*>(words)[number];  // NOLINT: the firmware's address
  }
};

}  // namespace kernel
