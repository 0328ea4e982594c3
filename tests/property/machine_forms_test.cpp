// A random machine, with all that a machine can have, comes back as the same one from JSON and from a
// file of facts; and what a device tree can say of it from a device tree.
//
// BATON_SEED=n runs only the machine n, which is what a failure says to do.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/fdt_bytes.h"
#include "tools/replay/machine_file.h"
#include "tools/replay/machine_text.h"
#include "tools/replay/program/device_tree.h"
#include "tools/replay/program/machine_json.h"
#include "tools/replay/said.h"

namespace {

using mm::E820Type;
using mm::Phys;
using mm::Range;
using replay::Machine;
using replay::MachineKind;
using replay::said;

class Chance {
 public:
  explicit Chance(uint64_t seed) : random_(seed) {}
  uint64_t below(uint64_t end) { return random_() % end; }
  bool one_in(uint64_t count) { return below(count) == 0; }

  Range range() {
    const uint64_t start = below(uint64_t{1} << (1 + below(51)));
    const uint64_t size = 1 + below(uint64_t{1} << below(40));
    return {Phys{start}, Phys{std::min(start + size, mm::kMaxPhys)}};
  }
  std::string words() {
    constexpr const char* kWords[] = {"TEXT DATA BSS", "x", "mem=4G quiet", "\"quoted\\\" \t#",
                                      "a,b"};
    return kWords[below(std::size(kWords))];
  }
  template <class Of>
  auto some(Of of) {
    std::vector<decltype(of())> all;
    for (uint64_t left = one_in(3) ? 0 : below(6); left != 0; --left) all.push_back(of());
    return all;
  }

 private:
  std::mt19937_64 random_;
};

std::vector<mm::E820Entry> a_map(Chance& chance) {
  const auto type = [&] {
    constexpr E820Type kTypes[] = {E820Type::Ram,  E820Type::Reserved,     E820Type::Acpi,
                                   E820Type::Nvs,  E820Type::Unusable,     E820Type::Pmem,
                                   E820Type::Pram, E820Type::SoftReserved, E820Type::Unaccepted,
                                   E820Type{0},    E820Type{20},           E820Type{~uint32_t{0}}};
    return kTypes[chance.below(std::size(kTypes))];
  };
  return chance.some([&] { return mm::E820Entry{chance.range(), type()}; });
}

mm::MemoryAffinity an_affinity(Chance& chance) {
  mm::MemoryAffinity entry;
  entry.node = static_cast<mm::NodeId>(chance.below(mm::kMaxNodes));
  entry.range = chance.range();
  entry.hotplug = chance.one_in(3);
  entry.nonvolatile = chance.one_in(3);
  return entry;
}

replay::NodeSpeed a_speed(Chance& chance) {
  return {static_cast<replay::NodeSpeed::Kind>(chance.below(6)),
          static_cast<mm::NodeId>(chance.below(9)), static_cast<mm::NodeId>(chance.below(9)),
          chance.below(~uint64_t{0})};
}

replay::LinuxMade what_linux_made(Chance& chance) {
  replay::LinuxMade made;
  const auto zone = [&] { return mm::kAllZones[chance.below(mm::kAllZones.size())]; };
  made.zones = chance.some([&] {
    return replay::LinuxZone{zone(), chance.one_in(3) ? Range{} : chance.range()};
  });
  made.ranges = chance.some([&] {
    return replay::LinuxNodeRange{static_cast<unsigned>(chance.below(9)), chance.range()};
  });
  if (chance.one_in(2)) made.total_kib = chance.below(~uint64_t{0});
  if (chance.one_in(2)) made.mtrr_lost_mib = chance.below(1000);
  if (chance.one_in(2)) made.command_line = chance.words();
  return made;
}

Machine a_machine(Chance& chance) {
  Machine machine;
  machine.kind = static_cast<MachineKind>(chance.below(3));
  machine.firmware = a_map(chance);
  machine.firmware.push_back({chance.range(), E820Type::Ram});
  machine.user = a_map(chance);
  machine.before = a_map(chance);
  machine.srat = chance.some([&] { return an_affinity(chance); });
  for (const mm::MemoryAffinity& entry : machine.srat) machine.named.set(entry.node);
  for (uint64_t left = chance.below(3); left != 0; --left) {
    machine.named.set(static_cast<mm::NodeId>(chance.below(mm::kMaxNodes)));
  }
  const uint64_t rows = chance.below(5);
  for (uint64_t i = 0; i < rows * rows; ++i) {
    machine.distances.push_back(static_cast<uint8_t>(chance.below(256)));
  }
  machine.speeds = chance.some([&] { return a_speed(chance); });
  if (chance.one_in(2)) {
    machine.cpus = replay::NodeCpus{
        chance.below(100), chance.some([&] { return static_cast<unsigned>(chance.below(99)); }),
        chance.some([&] { return static_cast<uint32_t>(chance.below(~uint32_t{0})); })};
  }
  const auto range = [&] { return chance.range(); };
  const auto named = [&] { return replay::NamedRange{chance.range(), chance.words()}; };
  machine.mirrored = chance.some(range);
  machine.windows = chance.some(range);
  machine.mtrr_trims = chance.some(range);
  machine.ignored = chance.some(range);
  if (chance.one_in(2)) machine.low_trim = range();
  if (chance.one_in(2)) machine.end_of_low = range().start;
  if (chance.one_in(2)) machine.end_of_reach = range().start;
  machine.linux_made = what_linux_made(chance);
  machine.kept = chance.some(named);
  machine.reservations = chance.some(named);
  return machine;
}

std::string json(const Machine& machine) { return replay::json_of(machine).dump(1); }

// As `replay --json` has it, but for what came of it.
Machine through_json(const Machine& machine) {
  const nlohmann::ordered_json all = {{"replay", replay::kJsonVersion},
                                      {"machine", replay::json_of(machine)}};
  return replay::machine_of_json({"drawn.json", all.dump(1)});
}

template <class Check>  // void(Chance&)
void for_seeds(Check check) {
  const char* only = std::getenv("BATON_SEED");
  const uint64_t first = only == nullptr ? 0 : std::strtoull(only, nullptr, 0);
  for (uint64_t seed = first; seed < first + (only == nullptr ? 1000 : 1); ++seed) {
    SCOPED_TRACE("BATON_SEED=" + std::to_string(seed));
    Chance chance(seed);
    check(chance);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(MachineForms, JsonAndBack) {
  for_seeds([](Chance& chance) {
    Machine machine = a_machine(chance);
    machine.remarks = chance.some([&] { return replay::Remark{chance.below(9), chance.words()}; });
    ASSERT_EQ(json(through_json(machine)), json(machine));
  });
}

// Remarks are comments there.
TEST(MachineForms, FactsAndBack) {
  for_seeds([](Chance& chance) {
    const Machine machine = a_machine(chance);
    Machine remarked = machine;
    remarked.remarks = chance.some([&] { return replay::Remark{chance.below(9), "odd\nlines"}; });
    const std::string facts = facts_text(remarked, "drawn");
    ASSERT_EQ(json(replay::MachineFile::of_text(facts).machine()), json(machine)) << facts;
  });
}

// --- Device trees --------------------------------------------------------------------------------

void reg(fdt_test::Tree& tree, Range range) {
  const uint64_t start = range.start.v;
  const uint64_t size = range.size();
  tree.cells("reg", {static_cast<uint32_t>(start >> 32), static_cast<uint32_t>(start),
                     static_cast<uint32_t>(size >> 32), static_cast<uint32_t>(size)});
}

// RAM, one range or more in each of two nodes at least; what is kept; distances; CPUs.
Machine a_tree_machine(Chance& chance) {
  Machine machine;
  machine.kind = MachineKind::Arm64;
  machine.firmware = chance.some([&] { return mm::E820Entry{chance.range(), E820Type::Ram}; });
  machine.firmware.push_back({chance.range(), E820Type::Ram});
  const auto nodes = static_cast<mm::NodeId>(2 + chance.below(4));
  for (mm::NodeId node = 0; node < nodes; ++node) {
    machine.firmware.push_back({chance.range(), E820Type::Ram});
    machine.named.set(node);
  }
  replay::NodeCpus cpus;
  cpus.of.resize(nodes);
  for (size_t i = 0; i < machine.firmware.size(); ++i) {
    mm::MemoryAffinity entry;
    entry.node = static_cast<mm::NodeId>(i % nodes);
    entry.range = machine.firmware[i].range;
    machine.srat.push_back(entry);
    ++cpus.of[entry.node];
    ++cpus.enabled;
  }
  machine.cpus = cpus;
  for (mm::NodeId from = 0; from < nodes; ++from) {
    for (mm::NodeId to = 0; to < nodes; ++to) {
      machine.distances.push_back(
          static_cast<uint8_t>(from == to ? 10 : 11 + (from + to) % 200));  // both ways alike
    }
  }
  const auto kept = [&](const char* name) { return replay::NamedRange{chance.range(), name}; };
  machine.kept = chance.some([&] { return kept("FDT MEMRESERVE"); });
  for (const auto& each : chance.some([&] { return kept("FDT RESERVED"); })) {
    machine.kept.push_back(each);
  }
  return machine;
}

std::vector<uint8_t> tree_of(const Machine& machine) {
  fdt_test::Tree tree;
  tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
  for (const mm::MemoryAffinity& entry : machine.srat) {
    tree.begin(said("memory@{:x}", entry.range.start.v)).text("device_type", "memory");
    reg(tree, entry.range);
    tree.cells("numa-node-id", {entry.node}).end();
  }
  tree.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
  for (uint32_t cpu = 0; cpu < machine.srat.size(); ++cpu) {
    tree.begin(said("cpu@{:x}", cpu)).text("device_type", "cpu").cells("reg", {cpu});
    tree.cells("numa-node-id", {machine.srat[cpu].node}).end();
  }
  tree.end();
  tree.begin("distance-map").text("compatible", "numa-distance-map-v1");
  std::vector<uint8_t> matrix;
  const size_t nodes = machine.cpus->of.size();
  for (size_t from = 0; from < nodes; ++from) {
    for (size_t to = 0; to < nodes; ++to) {
      for (const size_t cell : {from, to, size_t{machine.distances[from * nodes + to]}}) {
        matrix.insert(matrix.end(), {0, 0, 0, static_cast<uint8_t>(cell)});
      }
    }
  }
  tree.raw("distance-matrix", matrix).end();
  tree.begin("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2});
  tree.flag("ranges");
  for (const replay::NamedRange& kept : machine.kept) {
    if (kept.name == "FDT MEMRESERVE") {
      tree.reserve(kept.range.start.v, kept.range.size());
      continue;
    }
    tree.begin(said("kept@{:x}", kept.range.start.v));
    reg(tree, kept.range);
    tree.end();
  }
  return tree.end().end().bytes();
}

TEST(MachineForms, DeviceTreesToo) {
  for_seeds([](Chance& chance) {
    const Machine machine = a_tree_machine(chance);
    const std::vector<uint8_t> bytes = tree_of(machine);
    Machine read = replay::machine_of_tree({"drawn.dtb", std::string(bytes.begin(), bytes.end())});
    ASSERT_EQ(read.remarks.size(), 1u)
        << read.remarks.back().text;  // that it is UEFI's word that counts
    read.remarks.clear();
    ASSERT_EQ(json(read), json(machine));
  });
}

}  // namespace
