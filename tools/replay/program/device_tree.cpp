#include "tools/replay/program/device_tree.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>

#include "loader/fdt/fdt.h"
#include "loader/fdt/machine.h"
#include "tools/replay/must.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using loader::Fdt;
using loader::FdtNode;
using mm::E820Type;
using mm::Phys;
using mm::Range;

bool is_of_type(const Fdt& tree, const FdtNode& node, std::string_view type) {
  const auto given = tree.property(node, "device_type");
  return given ? given->text() == type : node.base_name() == type;
}

// Whose instructions the CPUs have.
struct Cores {
  bool narrow = false;  // 32 bits
  bool riscv = false;
};

// Names of cores that have no AArch64 (Linux's bindings, arm/cpus.yaml); those with a * go on.
bool is_narrow(std::string_view core) {
  constexpr std::string_view kNarrow[] = {
      "arm,arm*",         "arm,cortex-a5",  "arm,cortex-a7",    "arm,cortex-a8",  "arm,cortex-a9",
      "arm,cortex-a12",   "arm,cortex-a15", "arm,cortex-a17",   "arm,cortex-a32", "arm,cortex-m*",
      "arm,cortex-r4",    "arm,cortex-r5",  "arm,cortex-r7",    "arm,cortex-r52", "brcm,brahma-b15",
      "faraday,fa*",      "intel,sa11*",    "marvell,feroceon", "marvell,mohawk", "marvell,pj4*",
      "marvell,sheeva-*", "qcom,krait*",    "qcom,scorpion*",
  };
  return std::any_of(std::begin(kNarrow), std::end(kNarrow), [&](std::string_view name) {
    if (!name.ends_with('*')) return core == name;
    name.remove_suffix(1);
    return core.starts_with(name) && !core.starts_with("arm,armv8");
  });
}

class Taker {
 public:
  Taker(const Fdt& tree, Machine& machine) : tree_(tree), machine_(machine) {}

  void take() {
    const Cores cores = take_cpus();
    take_memory();
    take_kind(cores);
    take_reserved();
    take_nodes();
  }

 private:
  void remark(std::string text) { machine_.remarks.push_back({0, std::move(text)}); }

  void take_memory() {
    size_t without = 0;  // size
    const FdtNode root = tree_.root();
    for (auto node = tree_.first_child(root); node; node = tree_.next_sibling(*node)) {
      if (!is_of_type(tree_, *node, "memory") || !tree_.is_okay(*node)) continue;
      const auto regions = tree_.regions(root, *node);
      if (!regions.ok()) {
        remark(describe(regions.error()));
        continue;
      }
      for (size_t i = 0; i < regions.value(); ++i) without += take_region(*node, i) ? 0 : 1;
    }
    if (machine_.firmware.empty()) {
      remark(std::string("a device tree without RAM in it: ") +
             (without == 0 ? "no memory node has a range" : "its memory nodes have no size") +
             ", as what starts the machine fills that in; /sys/firmware/fdt of the running machine "
             "has it");
    } else {
      remark("a device tree's RAM; where UEFI starts the machine Linux takes UEFI's map instead");
    }
  }

  // False when there is nothing in it.
  bool take_region(const FdtNode& node, size_t i) {
    const auto region = tree_.region(tree_.root(), node, i);
    if (!region.ok()) {
      remark(describe(region.error()));
      return true;
    }
    const Range range = region.value();
    if (range.empty()) return false;
    if (range.end.v > mm::kMaxPhys) {
      remark(said("{}: {} reaches above 2^52, where no address is; skipped", node.name,
                  mm::mem(range)));
    } else {
      machine_.firmware.push_back({range, E820Type::Ram});
    }
    return true;
  }

  void take_kind(const Cores& cores) {
    machine_.kind = cores.narrow ? MachineKind::Arm : MachineKind::Arm64;
    if (cores.riscv) {
      remark("a RISC-V machine: replayed by the rules of 64-bit Arm, whose zone DMA is its DMA32");
    }
    if (!cores.narrow || machine_.firmware.empty()) return;
    // Linux's own (arch/arm/mm/mmu.c): VMALLOC_END less 240 MiB and a gap of 8, from PAGE_OFFSET on.
    constexpr uint64_t kLowmem = 768 * mm::kMiB;
    Phys start{mm::kMaxPhys};
    Phys end{0};
    for (const mm::E820Entry& entry : machine_.firmware) {
      start = std::min(start, entry.range.start);
      end = std::max(end, entry.range.end);
    }
    if (end.v - start.v <= kLowmem) return;
    machine_.end_of_low = start + kLowmem;
    remark("a 32-bit Arm machine: lowmem is taken as 768 MiB, as Linux has it without vmalloc=");
  }

  void take_reserved() {
    const auto count = loader::fdt_reserved(tree_, {});
    if (!count.ok()) return remark(describe(count.error()));
    std::vector<loader::FdtReserved> reserved(count.value());
    (void)loader::fdt_reserved(tree_, reserved);
    for (const loader::FdtReserved& each : reserved) {
      if (each.range.end.v > mm::kMaxPhys) {
        remark(said("reserved memory {} reaches above 2^52, skipped", mm::mem(each.range)));
        continue;
      }
      machine_.kept.push_back(
          {each.range, each.node == nullptr ? "FDT MEMRESERVE" : "FDT RESERVED"});
    }
  }

  // The CPUs that may run, and the ids of those that are in no node; in_none counts only where some
  // are in one.
  Cores take_cpus() {
    Cores cores;
    const auto cpus = tree_.find("/cpus");
    if (!cpus) return cores;
    for (auto node = tree_.first_child(*cpus); node; node = tree_.next_sibling(*node)) {
      if (!is_of_type(tree_, *node, "cpu")) continue;
      const auto status = tree_.property(*node, "status");
      if (status && status->text().starts_with("fail")) continue;
      const auto core = tree_.property(*node, "compatible");
      if (core) cores.narrow = cores.narrow || is_narrow(core->text());
      if (core) cores.riscv = cores.riscv || core->lists("riscv");
      ++cpus_.enabled;
      if (tree_.property(*node, "numa-node-id")) continue;
      const auto reg = tree_.property(*node, "reg");
      const auto cells = reg ? reg->cells() : mm::Result<size_t>(0);
      if (cells.ok() && cells.value() != 0) cpus_.in_none.push_back(reg->cell(cells.value() - 1));
    }
    return cores;
  }

  void take_nodes() {
    // An entry has more bytes than that, so there are no more.
    const size_t most = tree_.bytes().size() / 8;
    std::vector<mm::MemoryAffinity> memory(most);
    std::vector<loader::CpuAffinity> of_cpus(most);
    const auto domains = std::make_unique<loader::ProximityMap>();
    const mm::Printer quiet;
    const auto nodes = loader::fdt_nodes(tree_, {.memory = memory, .cpus = of_cpus, .listed = {}},
                                         *domains, quiet);
    if (!nodes.ok()) return remark("its nodes are not used: " + describe(nodes.error()));
    if (!nodes.value().used) return;
    machine_.srat.assign(nodes.value().memory.begin(), nodes.value().memory.end());
    machine_.named = nodes.value().named;
    for (const loader::CpuAffinity& cpu : nodes.value().cpus) {
      if (cpus_.of.size() <= cpu.node) cpus_.of.resize(cpu.node + size_t{1});
      ++cpus_.of[cpu.node];
    }
    if (cpus_.of.empty()) cpus_.in_none.clear();
    if (cpus_.enabled != 0) machine_.cpus = cpus_;
    take_distances(*domains);
  }

  void take_distances(const loader::ProximityMap& domains) {
    const auto storage = std::make_unique<loader::FdtDistances>();
    const mm::Printer quiet;
    const auto found = loader::fdt_distances(tree_, domains, *storage, quiet);
    if (!found.ok()) return remark("its distances are not used: " + describe(found.error()));
    const mm::NodeId count = domains.count();
    for (mm::NodeId from = 0; from < count; ++from) {
      for (mm::NodeId to = 0; to < count; ++to) {
        machine_.distances.push_back(static_cast<uint8_t>(found.value().between(from, to)));
      }
    }
  }

  const Fdt& tree_;
  Machine& machine_;
  NodeCpus cpus_;
};

}  // namespace

bool is_device_tree(std::string_view bytes) { return bytes.starts_with("\xd0\x0d\xfe\xed"); }

Machine machine_of_tree(const Piece& piece) {
  const auto* const data = reinterpret_cast<const uint8_t*>(piece.bytes.data());
  const auto tree = Fdt::open({data, piece.bytes.size()});
  if (!tree.ok()) throw BadInput(piece.name + ": a device tree: " + describe(tree.error()));
  Machine machine;
  Taker(tree.value(), machine).take();
  return machine;
}

}  // namespace replay
