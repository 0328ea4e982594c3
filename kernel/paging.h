// The seam to page tables that the kernel makes for itself, instead of going by the loader's: of architectures
// whose accounts do so (paging_inline.h), others have nothing to do.
#pragma once

#include "loader/handoff/handoff.h"
#include "mm/print.h"
#include "mm/relay.h"
#include "mm/result.h"

#if __has_include("paging_inline.h")
#include "paging_inline.h"
#else
namespace kernel::arch {
// Before platform(): by which road memory comes to buddy.
inline void choose_age(mm::Road /*road*/) {}
// As soon as relay.boot_alloc() has memory: tables of the kernel's own are in use from here on. `small_pages`:
// as arch::make_small_pages() makes them.
inline mm::Result<> make_page_tables(mm::RelayCore& /*relay*/, const loader::Handoff& /*handoff*/,
                                     bool /*small_pages*/, const mm::Printer& /*out*/) {
  return {};
}
// What they allowed for the boot only is not allowed any more. Other CPUs run later.
inline mm::Result<> tighten_page_tables() { return {}; }
}  // namespace kernel::arch
#endif
