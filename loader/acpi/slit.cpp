#include "loader/acpi/slit.h"

#include <algorithm>

#include "loader/acpi/tables.h"

namespace loader {
namespace {

constexpr size_t kCountOffset = 36, kFirstDistance = 44;

}  // namespace

mm::Result<mm::Distances> parse_slit(std::span<const uint8_t> table, const ProximityMap& domains,
                                     const mm::Printer& out) {
  if (table.size() < kFirstDistance) {
    return mm::Error{"shorter than its own header (length {}, at least {})", "SLIT", table.size(),
                     kFirstDistance};
  }
  const auto count = field<uint64_t>(table, kCountOffset);
  const size_t room = table.size() - kFirstDistance;
  if (count > room || count * count > room) {
    return mm::Error{"shorter than its count of domains asks for (length {}, domains {})", "SLIT",
                     table.size(), count};
  }
  const auto distance = [&](uint64_t from, uint64_t to) {
    return table[static_cast<size_t>(kFirstDistance + from * count + to)];
  };
  for (uint64_t from = 0; from < count; ++from) {
    for (uint64_t to = 0; to < count; ++to) {
      const unsigned d = distance(from, to);
      if (from == to ? d == mm::Distances::kLocal : d > mm::Distances::kLocal) continue;
      out.line("ACPI: SLIT table looks invalid. Not used.");
      return mm::Distances{};
    }
  }

  const std::span<const uint32_t> nodes = domains.domains();
  const bool any =
      std::any_of(nodes.begin(), nodes.end(), [count](uint32_t domain) { return domain < count; });
  if (!any) return mm::Distances{};
  out.line("NUMA: Initialized distance table, cnt={}", nodes.size());
  return mm::Distances{table.subspan(kFirstDistance), static_cast<uint32_t>(count), nodes};
}

}  // namespace loader
