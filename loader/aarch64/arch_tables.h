// Page tables as this architecture's kernels have them (loader/arch.h).
#pragma once

#include "loader/aarch64/page_entry.h"

namespace loader {

using PageTables = TableBuilder<aarch64::PageEntry>;

}  // namespace loader
