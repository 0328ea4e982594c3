// Page tables as this architecture's kernels have them (loader/arch.h).
#pragma once

#include "loader/arm/page_entry.h"

namespace loader {

using PageTables = TableBuilder<arm::PageEntry>;

}  // namespace loader
