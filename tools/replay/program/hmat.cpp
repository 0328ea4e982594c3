// HMAT: latency and bandwidth between who asks (initiators) and memory (targets).
#include <algorithm>
#include <string>

#include "tools/replay/program/table_readers.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

constexpr size_t kFirst = 40;  // behind the header and four reserved bytes
constexpr uint16_t kLocality = 1;
constexpr size_t kLists =
    32;  // of such a structure: then initiators, targets, and a value for each pair
constexpr uint16_t kCannotReach = 0xffff;

struct Locality {
  std::span<const uint8_t> bytes;
  uint32_t initiators, targets;
  uint64_t unit;

  [[nodiscard]] uint32_t initiator(uint32_t i) const {
    return field<uint32_t>(bytes, kLists + 4 * size_t{i});
  }
  [[nodiscard]] uint32_t target(uint32_t i) const {
    return field<uint32_t>(bytes, kLists + 4 * (size_t{initiators} + i));
  }
  [[nodiscard]] uint16_t value(uint32_t from, uint32_t to) const {
    const size_t pair = size_t{from} * targets + to;
    return field<uint16_t>(bytes, kLists + 4 * (size_t{initiators} + targets) + 2 * pair);
  }
};

// Whether all that it counts is in it.
bool fits(std::span<const uint8_t> bytes, uint64_t initiators, uint64_t targets) {
  const uint64_t room = bytes.size() - kLists;
  if (initiators > room / 4 || targets > room / 4) return false;
  return 4 * (initiators + targets) + 2 * initiators * targets <= room;
}

// Before revision 2 tenths of nanoseconds and of MB/s, then picoseconds and MB/s
// (drivers/acpi/numa/hmat.c, hmat_normalize()).
uint64_t in_picoseconds(uint64_t value, uint8_t revision) {
  return revision < 2 ? value * 100 : value;
}
uint64_t in_megabytes(uint64_t value, uint8_t revision) {
  return revision < 2 ? (value + 9) / 10 : value;
}

void take_locality(std::span<const uint8_t> bytes, uint8_t revision,
                   const loader::ProximityMap& domains, Machine& machine) {
  constexpr uint8_t kHierarchy = 0xf;  // 0: memory itself, no cache in front of it
  if ((bytes[8] & kHierarchy) != 0) return;
  const uint8_t kind = bytes[9];
  const auto initiators = field<uint32_t>(bytes, 12);
  const auto targets = field<uint32_t>(bytes, 16);
  const auto unit = field<uint64_t>(bytes, 24);
  if (kind > 5 || !fits(bytes, initiators, targets) || unit == 0 ||
      unit > UINT64_MAX / 0xffff / 1000) {
    machine.remarks.push_back({0, "HMAT has a locality structure that cannot be read, skipped"});
    return;
  }
  const Locality locality{bytes, initiators, targets, unit};
  for (uint32_t i = 0; i < initiators; ++i) {
    for (uint32_t t = 0; t < targets; ++t) {
      const uint16_t value = locality.value(i, t);
      const auto from = domains.find(locality.initiator(i));
      const auto to = domains.find(locality.target(t));
      if (!from || !to) {
        // Once for each, and others go on.
        const uint32_t unknown = from ? locality.target(t) : locality.initiator(i);
        const std::string remark = said(
            "HMAT has a proximity domain for which SRAT has no memory and no CPU ({})", unknown);
        const auto same = [&](const Remark& one) { return one.text == remark; };
        if (std::none_of(machine.remarks.begin(), machine.remarks.end(), same)) {
          machine.remarks.push_back({0, remark});
        }
        continue;
      }
      if (value == 0 || value == kCannotReach) continue;
      const bool latency = kind < 3;
      machine.speeds.push_back({static_cast<NodeSpeed::Kind>(kind), *from, *to,
                                latency ? in_picoseconds(value * unit, revision)
                                        : in_megabytes(value * unit, revision)});
    }
  }
}

}  // namespace

void take_hmat(const TableBytes& table, const loader::ProximityMap& domains, Machine& machine) {
  const uint8_t revision = table[8];
  size_t at = kFirst;
  while (at + 8 <= table.size()) {
    const auto length = field<uint32_t>(table, at + 4);
    if (length < 8 || length > table.size() - at) break;
    const std::span<const uint8_t> bytes(table.data() + at, length);
    if (field<uint16_t>(table, at) == kLocality && length >= kLists) {
      take_locality(bytes, revision, domains, machine);
    }
    at += length;
  }
  if (at < table.size()) {
    machine.remarks.push_back({0, said("HMAT ends within a structure (at byte {})", at)});
  }
}

}  // namespace replay
