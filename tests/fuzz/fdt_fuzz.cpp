// A device tree of any content: nothing may be read beyond it, and nothing may hang.
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

namespace {

using Bytes = std::vector<uint8_t>;

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

void read(const loader::Fdt& tree) {
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
  (void)loader::fdt_cpus(tree, 0, cpus, quiet);
  (void)loader::fdt_nodes(tree, {memory, affinities}, domains, quiet);
  (void)loader::fdt_distances(tree, domains, distances, quiet);
  (void)loader::fdt_reserved(tree, reserved);
  for (std::optional<loader::FdtNode> node = tree.root(); node; node = tree.next(*node)) {
    (void)tree.next_sibling(*node);
    const auto above = tree.parent(*node);
    if (!above) continue;
    const auto count = tree.regions(*above, *node);
    for (size_t i = 0; count.ok() && i < std::min<size_t>(count.value(), 4); ++i) {
      (void)tree.region(*above, *node, i);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::array<uint8_t, 4> magic{0xd0, 0x0d, 0xfe, 0xed};
  const bool whole = size >= magic.size() && std::memcmp(data, magic.data(), magic.size()) == 0;
  const Bytes bytes = whole ? Bytes(data, data + size) : tree_around({data, size});
  if (const auto tree = loader::Fdt::open(bytes); tree.ok()) read(tree.value());
  return 0;
}
