// Which memory module answers an address, by SMBIOS.
#pragma once

#include <string_view>

#include "kernel/selftest/table_tests.h"
#include "mm/types.h"

namespace kernel {

// The locator of the module whose range (type 20) has the address; empty: not told. It lies in the
// firmware's tables.
[[nodiscard]] std::string_view module_of(const TableFacts& facts, mm::Phys address);

}  // namespace kernel
