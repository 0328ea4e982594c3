#include "loader/fdt/machine.h"

#include <algorithm>
#include <string_view>

namespace loader {
namespace {

using mm::Error;
using mm::Range;
using mm::Result;

// Calls visit(child) -> Result<> for the children of a node.
template <class Visit>
Result<> for_each_child(const Fdt& tree, const FdtNode& node, Visit visit) {
  for (auto child = tree.first_child(node); child; child = tree.next_sibling(*child)) {
    BATON_TRY(visit(*child));
  }
  return {};
}

bool is_of_type(const Fdt& tree, const FdtNode& node, std::string_view type) {
  const auto given = tree.property(node, "device_type");
  return given ? given->text() == type : node.base_name() == type;
}

// The first range of a node, which must have one.
Result<Range> only_region(const Fdt& tree, const FdtNode& node) {
  const auto above = tree.parent(node);
  if (!above || BATON_TRY(tree.regions(*above, node)) == 0) {
    return Error{"has no reg (offset {:#x})", node.called(), node.offset};
  }
  return tree.region(*above, node, 0);
}

}  // namespace

// --- Firmware and console ------------------------------------------------------------------------

Result<Psci> fdt_psci(const Fdt& tree) {
  auto node = tree.compatible("arm,psci-1.0");
  if (!node) node = tree.compatible("arm,psci-0.2");
  if (!node) {
    const auto old = tree.compatible("arm,psci");
    if (!old) return Psci::None;
    return Error{"is of PSCI 0.1, which is not used (offset {:#x})", old->called(), old->offset};
  }
  const auto method = tree.property(*node, "method");
  if (method && method->text() == "hvc") return Psci::Hvc;
  if (method && method->text() == "smc") return Psci::Smc;
  return Error{"its method is neither hvc nor smc (offset {:#x})", node->called(),
               method ? method->offset : node->offset};
}

Result<SpcrPort> fdt_console(const Fdt& tree) {
  const auto chosen = tree.find("/chosen");
  const auto path = chosen ? tree.property(*chosen, "stdout-path") : std::nullopt;
  if (!path) return SpcrPort{};
  const std::string_view whole = path->text();
  std::string_view name = whole.substr(0, whole.find(':'));
  std::string_view options = whole.substr(std::min(whole.size(), name.size() + 1));
  if (!name.empty() && name.front() != '/') {
    const auto aliases = tree.find("/aliases");
    const auto alias = aliases ? tree.property(*aliases, name) : std::nullopt;
    name = alias ? alias->text() : std::string_view();
  }
  const auto node = tree.find(name);
  if (!node) return Error{"leads to no node (offset {:#x})", path->name, path->offset};
  const auto with = tree.property(*node, "compatible");
  if (!with || !with->lists("arm,pl011")) {
    return Error{"is no PL011, and so no console (offset {:#x})", node->called(), node->offset};
  }
  const Range registers = BATON_TRY(only_region(tree, *node));
  SpcrPort port{.port = 0, .pl011 = registers.start.v, .baud = 0};
  constexpr uint32_t kMostBaud = 100'000'000;
  while (!options.empty() && options.front() >= '0' && options.front() <= '9' &&
         port.baud < kMostBaud) {
    port.baud = port.baud * 10 + static_cast<uint32_t>(options.front() - '0');
    options.remove_prefix(1);
  }
  return port;
}

// --- Interrupts ----------------------------------------------------------------------------------

namespace {

struct GicNode {
  FdtNode node;
  unsigned version = 0;
};

std::optional<GicNode> find_gic(const Fdt& tree) {
  if (const auto node = tree.compatible("arm,gic-v3")) return GicNode{*node, 3};
  for (const char* word :
       {"arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a7-gic", "arm,cortex-a9-gic"}) {
    if (const auto node = tree.compatible(word)) return GicNode{*node, 2};
  }
  return std::nullopt;
}

// A property that is a number, or what holds where it is not there.
Result<uint64_t> number_or(const Fdt& tree, const FdtNode& node, const char* name,
                           uint64_t otherwise) {
  const auto given = tree.property(node, name);
  if (!given) return otherwise;
  const size_t cells = BATON_TRY(given->cells());
  if (cells == 0 || cells > 2) {
    return Error{"is no number (offset {:#x}, cells {})", name, given->offset, cells,
                 node.called()};
  }
  return given->number_at(0, static_cast<unsigned>(cells));
}

// The controller that a node's interrupts go to (section 2.4.1).
Result<FdtNode> interrupt_parent(const Fdt& tree, const FdtNode& node) {
  for (std::optional<FdtNode> at = node; at; at = tree.parent(*at)) {
    const auto to = tree.property(*at, "interrupt-parent");
    if (!to) continue;
    const auto parent = tree.by_phandle(BATON_TRY(to->number()));
    if (parent) return *parent;
    return Error{"leads to no node (offset {:#x})", to->name, to->offset, 0, at->called()};
  }
  return Error{"its interrupts lead nowhere (offset {:#x})", node.called(), node.offset};
}

// Which of the interrupts is the virtual timer's: the third, unless they have names.
Result<size_t> place_of_virtual_timer(const Fdt& tree, const FdtNode& node) {
  constexpr size_t kThird = 2;
  const auto names = tree.property(node, "interrupt-names");
  if (!names) return kThird;
  FdtProperty rest = *names;
  for (size_t i = 0; !rest.value.empty() && !rest.text().empty(); ++i) {
    if (rest.text() == "virt") return i;
    rest.value = rest.value.subspan(rest.text().size() + 1);
  }
  return Error{"names no virt (offset {:#x})", names->name, names->offset, 0, node.called()};
}

}  // namespace

Result<Gic> fdt_gic(const Fdt& tree, std::span<Range> storage) {
  const auto found = find_gic(tree);
  if (!found) return Gic{};
  const FdtNode& node = found->node;
  const FdtNode above = *tree.parent(node);
  const size_t regions = BATON_TRY(tree.regions(above, node));
  const auto region = [&](size_t i) { return tree.region(above, node, i); };
  Gic gic;
  gic.version = found->version;
  const uint64_t redistributors =
      gic.version == 2 ? 1 : BATON_TRY(number_or(tree, node, "#redistributor-regions", 1));
  if (redistributors == 0 || redistributors > regions || regions < 1 + redistributors) {
    return Error{"reg has too few ranges (ranges {}, needed {})", node.called(), regions,
                 1 + redistributors};
  }
  gic.distributor = BATON_TRY(region(0));
  if (gic.version == 2) {
    gic.interface = BATON_TRY(region(1));
    return gic;
  }
  gic.stride = BATON_TRY(number_or(tree, node, "redistributor-stride", 0));
  if (gic.stride != 0 && gic.stride < kRedistributorSize) {
    return Error{"redistributor-stride is less than one has (stride {:#x}, least {:#x})",
                 node.called(), gic.stride, kRedistributorSize};
  }
  const size_t kept = std::min<size_t>(static_cast<size_t>(redistributors), storage.size());
  for (size_t i = 0; i < kept; ++i) storage[i] = BATON_TRY(region(1 + i));
  gic.redistributors = storage.first(kept);
  gic.left_out = static_cast<size_t>(redistributors) - kept;
  return gic;
}

Result<uint32_t> fdt_timer(const Fdt& tree) {
  auto node = tree.compatible("arm,armv8-timer");
  if (!node) node = tree.compatible("arm,armv7-timer");
  if (!node) return 0;
  const auto interrupts = tree.property(*node, "interrupts");
  if (!interrupts) {
    return Error{"has no interrupts of its own (offset {:#x})", node->called(), node->offset};
  }
  const FdtNode to = BATON_TRY(interrupt_parent(tree, *node));
  const auto gic = find_gic(tree);
  if (!gic || gic->node.offset != to.offset) {
    return Error{"its interrupts go to no GIC (offset {:#x})", node->called(), interrupts->offset};
  }
  const size_t each = static_cast<size_t>(BATON_TRY(number_or(tree, to, "#interrupt-cells", 0)));
  const size_t place = BATON_TRY(place_of_virtual_timer(tree, *node));
  const size_t cells = BATON_TRY(interrupts->cells());
  if (each < 3 || each > cells || place >= cells / each) {
    return Error{"the virtual timer's is not among them (cells {}, each of {})", interrupts->name,
                 cells, each, node->called()};
  }
  // {1: a CPU's own, its number among these, flags}
  const uint32_t kind = interrupts->cell(place * each);
  const uint32_t number = interrupts->cell(place * each + 1);
  constexpr uint32_t kOwn = 1, kFirstOwn = 16, kOwnInterrupts = 16;
  if (kind != kOwn || number >= kOwnInterrupts) {
    return Error{"the virtual timer's is not the CPU's own (type {}, number {})", interrupts->name,
                 kind, number, node->called()};
  }
  return kFirstOwn + number;
}

// --- CPUs ----------------------------------------------------------------------------------------

namespace {

// A CPU's MPIDR, packed (arm/cpus.yaml).
Result<uint32_t> cpu_id(const Fdt& tree, const FdtNode& cpu, const FdtCells& form) {
  constexpr uint64_t kAffinity = 0xff'00ff'ffff;
  const auto reg = tree.property(cpu, "reg");
  if (!reg) return Error{"has no reg (offset {:#x})", cpu.called(), cpu.offset};
  const size_t cells = BATON_TRY(reg->cells());
  if (form.address == 0 || cells != form.address) {
    return Error{"reg is not one address (cells {}, expected {})", cpu.called(), cells,
                 form.address};
  }
  const uint64_t mpidr = BATON_TRY(reg->number_at(0, form.address));
  if ((mpidr & ~kAffinity) != 0) {
    return Error{"reg is no MPIDR (value {:#x}, possible {:#x})", cpu.called(), mpidr, kAffinity};
  }
  return packed_mpidr(mpidr);
}

bool has_failed(const Fdt& tree, const FdtNode& node) {
  const auto status = tree.property(node, "status");
  return status && status->text().substr(0, 4) == "fail";
}

// Calls visit(node, id) for each CPU that has not failed.
template <class Visit>
Result<> for_each_cpu(const Fdt& tree, Visit visit) {
  const auto cpus = tree.find("/cpus");
  if (!cpus) return {};
  const FdtCells form = BATON_TRY(tree.cells(*cpus));
  return for_each_child(tree, *cpus, [&](const FdtNode& node) -> Result<> {
    if (!is_of_type(tree, node, "cpu") || has_failed(tree, node)) return {};
    return visit(node, BATON_TRY(cpu_id(tree, node, form)));
  });
}

}  // namespace

Result<Madt> fdt_cpus(const Fdt& tree, uint32_t own_id, std::span<MadtCpu> storage,
                      const mm::Printer& out) {
  Madt madt;
  size_t count = 0;
  const auto add = [&](const FdtNode& node, uint32_t id) -> Result<> {
    const auto method = tree.property(node, "enable-method");
    if (id != own_id && (!method || !method->lists("psci"))) {
      out.line("OF: {}: MPIDR {:#x} left out, as PSCI does not start it (enable-method {})",
               node.name, whole_mpidr(id), method ? method->text() : "is not there");
      return {};
    }
    if (count == storage.size()) {
      ++madt.left_out;
      return {};
    }
    MadtCpu& cpu = storage[count++] = {};
    cpu.apic_id = cpu.srat_id = id;
    cpu.enabled = cpu.gic = true;
    return {};
  };
  BATON_TRY(for_each_cpu(tree, add));
  madt.cpus = storage.first(count);
  madt.enabled = count;
  madt.gic = count != 0;
  if (madt.left_out != 0) {
    out.line("OF: {} CPUs behind the first {} left out", madt.left_out, count);
  }
  out.line("smpboot: Allowing {} CPUs, 0 hotplug CPUs", count);
  return madt;
}

// --- Nodes ---------------------------------------------------------------------------------------

namespace {

// Calls visit(node, id) for memory; id is null where it has none.
template <class Visit>
Result<> for_each_memory(const Fdt& tree, Visit visit) {
  return for_each_child(tree, tree.root(), [&](const FdtNode& node) -> Result<> {
    if (!is_of_type(tree, node, "memory") || !tree.is_okay(node)) return {};
    return visit(node);
  });
}

Result<std::optional<uint32_t>> node_id(const Fdt& tree, const FdtNode& node) {
  const auto given = tree.property(node, "numa-node-id");
  if (!given) return std::optional<uint32_t>();
  const uint32_t id = BATON_TRY(given->number());
  if (id >= mm::kMaxNodes) {
    return Error{"numa-node-id is larger than any (id {}, most {})", node.called(), id,
                 mm::kMaxNodes - 1};
  }
  return std::optional<uint32_t>(id);
}

struct Nodes {
  const Fdt& tree;
  SratStorage storage;
  ProximityMap& domains;
  const mm::Printer& out;
  Srat srat{};
  size_t memory_count = 0, cpu_count = 0;

  // In ascending order, whatever the tree's.
  Result<> number() {
    mm::NodeSet ids;
    const auto note = [&](const FdtNode& node) -> Result<> {
      if (const auto id = BATON_TRY(node_id(tree, node))) ids.set(static_cast<mm::NodeId>(*id));
      return {};
    };
    BATON_TRY(for_each_memory(tree, note));
    srat.used = !ids.empty();
    if (!srat.used) return {};
    BATON_TRY(for_each_cpu(tree, [&](const FdtNode& node, uint32_t) { return note(node); }));
    for (mm::NodeId id = 0; id < ids.end(); ++id) {
      if (ids.has(id)) srat.named.set(*domains.map(id));
    }
    return {};
  }

  Result<> cpu(const FdtNode& node, uint32_t id) {
    const auto domain = BATON_TRY(node_id(tree, node));
    if (!domain) return {};
    if (cpu_count == storage.cpus.size()) {
      ++srat.cpus_left_out;
      return {};
    }
    const CpuAffinity& cpu = storage.cpus[cpu_count++] = {id, *domains.find(*domain)};
    out.line("OF: NUMA: PXM {} -> MPIDR {:#x} -> Node {}", *domain, whole_mpidr(id), cpu.node);
    return {};
  }

  Result<> memory(const FdtNode& node) {
    const auto domain = BATON_TRY(node_id(tree, node));
    if (!domain) return {};
    const FdtNode root = tree.root();
    const size_t regions = BATON_TRY(tree.regions(root, node));
    for (size_t i = 0; i < regions; ++i) {
      if (memory_count == storage.memory.size()) {
        ++srat.memory_left_out;
        continue;
      }
      mm::MemoryAffinity& memory = storage.memory[memory_count++] = {};
      memory.node = *domains.find(*domain);
      memory.range = BATON_TRY(tree.region(root, node, i));
      memory.hotplug = tree.property(node, "hotpluggable").has_value();
      out.line("OF: NUMA: Node {} PXM {} {:08x}{}", memory.node, *domain, mem(memory.range),
               memory.hotplug ? " hotplug" : "");
    }
    return {};
  }
};

}  // namespace

Result<Srat> fdt_nodes(const Fdt& tree, SratStorage storage, ProximityMap& domains,
                       const mm::Printer& out) {
  Nodes nodes{tree, storage, domains, out};
  BATON_TRY(nodes.number());
  if (!nodes.srat.used) return Srat{};
  BATON_TRY(
      for_each_cpu(tree, [&](const FdtNode& node, uint32_t id) { return nodes.cpu(node, id); }));
  BATON_TRY(for_each_memory(tree, [&](const FdtNode& node) { return nodes.memory(node); }));
  Srat& srat = nodes.srat;
  srat.cpus = storage.cpus.first(nodes.cpu_count);
  srat.memory = storage.memory.first(nodes.memory_count);
  if (srat.memory_left_out != 0) {
    out.line("OF: NUMA: {} memory ranges behind the first {} left out", srat.memory_left_out,
             srat.memory.size());
  }
  if (srat.cpus_left_out != 0) {
    out.line("OF: NUMA: {} CPUs behind the first {} left out", srat.cpus_left_out,
             srat.cpus.size());
  }
  return srat;
}

Result<mm::Distances> fdt_distances(const Fdt& tree, const ProximityMap& domains,
                                    FdtDistances& storage, const mm::Printer& out) {
  const auto node = tree.compatible("numa-distance-map-v1");
  const auto given = node ? tree.property(*node, "distance-matrix") : std::nullopt;
  if (!given) return mm::Distances{};
  const size_t count = domains.count();
  if (count > kMaxFdtDistances) {
    return Error{"more nodes than distances are kept for (nodes {}, most {})", given->name, count,
                 kMaxFdtDistances};
  }
  const size_t cells = BATON_TRY(given->cells());
  if (cells == 0 || cells % 3 != 0) {
    return Error{"is not made of triples (offset {:#x}, cells {})", given->name, given->offset,
                 cells};
  }
  const mm::Distances defaults;
  const auto distance = [&](size_t from, size_t to) -> uint8_t& {
    return storage.matrix[from * count + to];
  };
  for (size_t from = 0; from < count; ++from) {
    storage.rows[from] = static_cast<uint32_t>(from);
    for (size_t to = 0; to < count; ++to) {
      distance(from, to) = static_cast<uint8_t>(
          defaults.between(static_cast<mm::NodeId>(from), static_cast<mm::NodeId>(to)));
    }
  }
  for (size_t i = 0; i < cells; i += 3) {
    const uint32_t from_id = given->cell(i), to_id = given->cell(i + 1), far = given->cell(i + 2);
    const bool good = from_id == to_id ? far == mm::Distances::kLocal : far > mm::Distances::kLocal;
    if (!good || far > 0xff) {
      return Error{"a distance that cannot be (cell {}, distance {})", given->name, i, far};
    }
    const auto from = domains.find(from_id), to = domains.find(to_id);
    if (!from || !to) continue;  // of a node without memory and CPUs
    distance(*from, *to) = static_cast<uint8_t>(far);
    if (to_id > from_id) distance(*to, *from) = static_cast<uint8_t>(far);
  }
  out.line("NUMA: Initialized distance table, cnt={}", count);
  return mm::Distances{std::span(storage.matrix).first(count * count), static_cast<uint32_t>(count),
                       std::span(storage.rows).first(count)};
}

// --- Memory that is not ours ---------------------------------------------------------------------

Result<size_t> fdt_reserved(const Fdt& tree, std::span<FdtReserved> out) {
  size_t count = 0;
  const auto add = [&](const FdtReserved& reserved) {
    if (reserved.range.empty()) return;
    if (count < out.size()) out[count] = reserved;
    ++count;
  };
  for (size_t i = 0; i < tree.reservations(); ++i) add({tree.reservation(i), nullptr, false});
  const auto parent = tree.find("/reserved-memory");
  if (!parent) return count;
  const auto add_child = [&](const FdtNode& node) -> Result<> {
    if (!tree.is_okay(node)) return {};
    const bool no_map = tree.property(node, "no-map").has_value();
    const size_t regions = BATON_TRY(tree.regions(*parent, node));
    for (size_t i = 0; i < regions; ++i) {
      add({BATON_TRY(tree.region(*parent, node, i)), node.name, no_map});
    }
    return {};
  };
  BATON_TRY(for_each_child(tree, *parent, add_child));
  return count;
}

}  // namespace loader
