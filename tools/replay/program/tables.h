// ACPI's tables as files have them: raw, or as acpidump prints them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/replay/log_text.h"
#include "tools/replay/machine.h"

namespace replay {

using TableBytes = std::vector<uint8_t>;

// Tables that stand one behind another in `bytes`, each with a header whose length holds; empty
// when it is something else.
[[nodiscard]] std::vector<TableBytes> raw_tables(std::string_view bytes);
// `SRAT @ 0x...` and lines of hexadecimal; what cannot be read is remarked.
[[nodiscard]] std::vector<TableBytes> dumped_tables(std::span<const Line> lines,
                                                    std::vector<Remark>& remarks);

// Puts what SRAT, SLIT, CEDT, HMAT and MADT say into the machine, in place of what it had; the others
// are passed over. Says by the tables' names what was read and what was wrong.
void take_tables(std::span<const TableBytes> tables, Machine& machine);

}  // namespace replay
