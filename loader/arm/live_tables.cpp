#include "loader/arch.h"
#include "loader/arm/live_walk.h"

namespace loader {

mm::Result<size_t> live_page_tables(const LiveTables& tables, const mm::DirectMap& reach,
                                    std::span<mm::Range> out) {
  return arm::live_page_tables(tables, reach, out);
}

}  // namespace loader
