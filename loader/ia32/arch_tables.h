// Page tables as the kernels have them that this architecture's loader starts (loader/arch.h): its
// own two, and x86-64's.
#pragma once

#include "loader/ia32/page_entry.h"
#include "loader/page_table_forms.h"
#include "loader/x86_64/page_entry.h"

namespace loader {

using PageTables = TablesOfForms<ia32::PlainEntry, ia32::PaeEntry, x86_64::PageEntry>;

}  // namespace loader
