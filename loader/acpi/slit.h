// SLIT: distances between proximity domains (ACPI 6.5 section 5.2.17), as Linux 6.1 takes them.
#pragma once

#include <cstdint>
#include <span>

#include "loader/acpi/srat.h"
#include "mm/numa.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

// The distances of the nodes there are now, read in the table where it lies: it and `domains` stay
// as long as they are asked for. Pairs the table does not give are Linux's defaults. Prints Linux's
// line and gives the defaults where the table looks invalid (a distance to itself that is not 10, or
// to another that is 10 or less). Fails when the table is shorter than its count of domains asks
// for.
mm::Result<mm::Distances> parse_slit(std::span<const uint8_t> table, const ProximityMap& domains,
                                     const mm::Printer& out);

}  // namespace loader
