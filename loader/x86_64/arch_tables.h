// Page tables as this architecture's kernels have them (loader/arch.h).
#pragma once

#include "loader/x86_64/page_entry.h"

namespace loader {

using PageTables = TableBuilder<x86_64::PageEntry>;

}  // namespace loader
