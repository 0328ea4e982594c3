#include "loader/acpi/slit.h"

#include "loader/acpi/tables.h"

namespace loader {
namespace {

constexpr size_t kCountOffset = 36, kFirstDistance = 44;

}  // namespace

mm::Result<mm::Distances> parse_slit(std::span<const uint8_t> table, const ProximityMap& domains,
                                     std::span<uint8_t> matrix, const mm::Printer& out) {
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

  const size_t nodes = domains.count();
  if (nodes * nodes > matrix.size()) {
    return mm::Error{"more nodes than there is room for (nodes {}, bytes {})", "SLIT", nodes,
                     matrix.size()};
  }
  bool any = false;
  for (size_t from = 0; from < nodes; ++from) {
    for (size_t to = 0; to < nodes; ++to) {
      matrix[from * nodes + to] =
          static_cast<uint8_t>(from == to ? mm::Distances::kLocal : mm::Distances::kRemote);
    }
  }
  for (uint64_t from = 0; from < count; ++from) {
    const auto from_node = domains.find(static_cast<uint32_t>(from));
    if (!from_node) continue;
    for (uint64_t to = 0; to < count; ++to) {
      const auto to_node = domains.find(static_cast<uint32_t>(to));
      if (!to_node) continue;
      matrix[*from_node * nodes + *to_node] = distance(from, to);
      any = true;
    }
  }
  if (!any) return mm::Distances{};
  out.line("NUMA: Initialized distance table, cnt={}", nodes);
  return mm::Distances{matrix.first(nodes * nodes), static_cast<mm::NodeId>(nodes)};
}

}  // namespace loader
