// Of kernel/paging.h: paging_init of Linux 2.6.34 (early=bootmem) or 4.14 (early=memblock).
#pragma once

#include "loader/handoff/handoff.h"
#include "mm/print.h"
#include "mm/relay.h"
#include "mm/result.h"

namespace kernel::arch {
void choose_age(mm::Road road);
mm::Result<> make_page_tables(mm::RelayCore& relay, const loader::Handoff& handoff,
                              bool small_pages, const mm::Printer& out);
mm::Result<> tighten_page_tables();
}  // namespace kernel::arch
