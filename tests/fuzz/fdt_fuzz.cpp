// A device tree of any content: nothing may be read beyond it, nothing may hang, nodes are met once each with
// their parents before them, and what is read of a machine is what mm can be given.
//
// The input is the tree's bytes; where it begins with none of a tree's, it is the structure block of
// a tree whose header and strings are good, which is how the fuzzer comes to its nodes soonest.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "loader/fdt/machine.h"
#include "mm/print.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::Bytes;
using fuzz::check;

constexpr char kStrings[] =
    "#address-cells\0#size-cells\0reg\0ranges\0status\0compatible\0phandle\0device_type\0"
    "numa-node-id\0enable-method\0method\0interrupts\0interrupt-parent\0#interrupt-cells\0"
    "#redistributor-regions\0redistributor-stride\0stdout-path\0distance-matrix\0no-map\0"
    "interrupt-names\0";

void put(Bytes& to, uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<uint8_t>(word >> shift));
}

Bytes tree_around(std::span<const uint8_t> structure) {
  const auto size = static_cast<uint32_t>(structure.size() / 4 * 4);
  constexpr uint32_t kHeader = 40, kFirst = kHeader + 16;
  constexpr auto kStringsSize = static_cast<uint32_t>(sizeof kStrings);
  Bytes bytes;
  for (const uint32_t field : {0xd00dfeedU, kFirst + size + kStringsSize, kFirst, kFirst + size,
                               kHeader, 17U, 16U, 0U, kStringsSize, size}) {
    put(bytes, field);
  }
  bytes.resize(kFirst);
  bytes.insert(bytes.end(), structure.begin(), structure.begin() + size);
  bytes.insert(bytes.end(), kStrings, kStrings + kStringsSize);
  bytes.shrink_to_fit();
  return bytes;
}

void check_walk(const loader::Fdt& tree) {
  uint32_t last = 0;
  for (std::optional<loader::FdtNode> node = tree.root(); node; node = tree.next(*node)) {
    check(node->depth == 0 || node->offset > last);
    last = node->offset;
    const auto sibling = tree.next_sibling(*node);
    check(!sibling || (sibling->offset > node->offset && sibling->depth == node->depth));
    const auto child = tree.first_child(*node);
    check(!child || (child->offset > node->offset && child->depth == node->depth + 1));
    const auto above = tree.parent(*node);
    check(above.has_value() == (node->depth != 0));
    if (!above) continue;
    check(above->offset < node->offset && above->depth + 1 == node->depth);
    const auto count = tree.regions(*above, *node);
    for (size_t i = 0; count.ok() && i < std::min<size_t>(count.value(), 4); ++i) {
      const auto region = tree.region(*above, *node, i);
      check(!region.ok() || region.value().start <= region.value().end);
    }
  }
}

void check_machine(const loader::Fdt& tree) {
  std::vector<mm::Range> regions(4);
  std::vector<mm::MemoryAffinity> memory(8);
  std::vector<loader::CpuAffinity> affinities(8);
  std::vector<loader::MadtCpu> cpus(8);
  std::vector<loader::FdtReserved> reserved(4);
  static loader::FdtDistances distances;
  const mm::Printer quiet;
  loader::ProximityMap domains;
  (void)loader::fdt_psci(tree);
  (void)loader::fdt_console(tree);
  (void)loader::fdt_gic(tree, regions);
  (void)loader::fdt_timer(tree);
  const auto found = loader::fdt_cpus(tree, 0, cpus, quiet);
  if (found.ok()) {
    check(found.value().cpus.size() <= cpus.size());
    check(found.value().left_out == 0 || found.value().cpus.size() == cpus.size());
  }
  const auto nodes = loader::fdt_nodes(tree, {memory, affinities}, domains, quiet);
  if (nodes.ok()) {
    for (const mm::MemoryAffinity& entry : nodes.value().memory)
      check(entry.node < domains.count());
    for (const loader::CpuAffinity& cpu : nodes.value().cpus) check(cpu.node < domains.count());
  }
  (void)loader::fdt_distances(tree, domains, distances, quiet);
  const auto count = loader::fdt_reserved(tree, reserved);
  const auto counted = loader::fdt_reserved(tree, {});
  check(count.ok() == counted.ok() && (!count.ok() || count.value() == counted.value()));
  for (size_t i = 0; count.ok() && i < std::min(count.value(), reserved.size()); ++i) {
    check(reserved[i].range.start <= reserved[i].range.end);
  }
}

}  // namespace

FUZZ_TARGET(fdt) {
  const std::array<uint8_t, 4> magic{0xd0, 0x0d, 0xfe, 0xed};
  const bool whole = size >= magic.size() && std::memcmp(data, magic.data(), magic.size()) == 0;
  const Bytes bytes = whole ? Bytes(data, data + size) : tree_around({data, size});
  const auto tree = loader::Fdt::open(bytes);
  if (!tree.ok()) return;
  check_walk(tree.value());
  check_machine(tree.value());
}
