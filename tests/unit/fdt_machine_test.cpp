#include "loader/fdt/machine.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/unit/acpi_bytes.h"
#include "tests/unit/fdt_bytes.h"

namespace loader {
namespace {

using acpi_test::Log;
using fdt_test::Tree;
using mm::Phys;
using mm::Range;
using Fill = std::function<void(Tree&)>;

constexpr Range range(uint64_t start, uint64_t size) { return {Phys{start}, Phys{start + size}}; }

struct Opened {
  explicit Opened(const Tree& from) : bytes(from.bytes()), tree(Fdt::open(bytes).value()) {}
  std::vector<uint8_t> bytes;
  Fdt tree;
};

// A root node of 64-bit addresses, and what is in it.
Opened board(const Fill& fill) {
  Tree t;
  t.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
  t.cells("interrupt-parent", {1});
  fill(t);
  return Opened(t.end());
}

std::string said(const mm::Error& error) {
  Log log;
  log.printer().error("OF: fdt", error);
  return log.text();
}
template <class T>
std::string why_not(const mm::Result<T>& result) {
  return result.ok() ? "it was taken\n" : said(result.error());
}

void gic_v2(Tree& t) {
  t.begin("intc@8000000").texts("compatible", {"arm,cortex-a15-gic"}).cells("phandle", {1});
  t.cells("#interrupt-cells", {3})
      .cells("reg", {0, 0x800'0000, 0, 0x1'0000, 0, 0x801'0000, 0, 0x2000});
  t.end();
}

// --- PSCI ----------------------------------------------------------------------------------------

std::string psci(std::string_view compatible, std::string_view method) {
  const Opened with = board([&](Tree& t) {
    t.begin("psci").texts("compatible", {"vendor,own", compatible}).text("method", method).end();
  });
  const auto psci = fdt_psci(with.tree);
  if (!psci.ok()) return said(psci.error());
  return psci.value() == Psci::Hvc ? "hvc" : psci.value() == Psci::Smc ? "smc" : "none";
}

TEST(FdtMachine, PsciIsCalledByItsMethod) {
  EXPECT_EQ(psci("arm,psci-1.0", "hvc"), "hvc");
  EXPECT_EQ(psci("arm,psci-0.2", "smc"), "smc");
  EXPECT_EQ(psci("arm,other", "smc"), "none");
  EXPECT_EQ(psci("arm,psci", "smc"),
            "OF: fdt: psci: is of PSCI 0.1, which is not used (offset 0x70)\n");
  EXPECT_EQ(psci("arm,psci-1.0", "hvx"),
            "OF: fdt: psci: its method is neither hvc nor smc (offset 0xa0)\n");
}

// --- The console ---------------------------------------------------------------------------------

mm::Result<SpcrPort> console(std::string_view path, std::string_view compatible = "arm,pl011") {
  static std::vector<Opened> kept;  // errors point into it
  kept.push_back(board([&](Tree& t) {
    t.begin("aliases").text("serial0", "/soc/uart@9000").end();
    t.begin("soc").cells("#address-cells", {1}).cells("#size-cells", {1});
    t.cells("ranges", {0, 1, 0, 0x10'0000});
    t.begin("uart@9000").texts("compatible", {compatible}).cells("reg", {0x9000, 0x1000}).end();
    t.begin("bare").texts("compatible", {compatible}).end().end();
    t.begin("chosen").text("stdout-path", path).end();
  }));
  return fdt_console(kept.back().tree);
}

TEST(FdtMachine, TheConsoleIsWhereStdoutPathLeads) {
  for (const char* path : {"/soc/uart@9000", "/soc/uart", "serial0", "serial0:", "serial0:x"}) {
    const auto port = console(path);
    ASSERT_TRUE(port.ok()) << path;
    EXPECT_EQ(port.value().pl011, 0x1'0000'9000U) << path;
    EXPECT_EQ(port.value().baud, 0U) << path;
  }
  EXPECT_EQ(console("serial0:115200n8").value().baud, 115200U);
  const Opened none = board([](Tree& t) { t.begin("chosen").end(); });
  EXPECT_EQ(fdt_console(none.tree).value().pl011, 0U);
}

TEST(FdtMachine, OtherConsolesAreNamed) {
  const auto starts = [](const std::string& text, std::string_view with) {
    return text.substr(0, with.size()) == with;
  };
  for (const char* path : {"serial1", "/soc/uart@8000", ":115200", ""}) {
    EXPECT_TRUE(starts(why_not(console(path)), "OF: fdt: stdout-path: leads to no node (offset 0x"))
        << path;
  }
  EXPECT_TRUE(starts(why_not(console("serial0", "ns16550a")),
                     "OF: fdt: uart@9000: is no PL011, and so no console (offset 0x"));
  EXPECT_TRUE(starts(why_not(console("/soc/bare")), "OF: fdt: bare: has no reg (offset 0x"));
}

// --- Interrupts ----------------------------------------------------------------------------------

TEST(FdtMachine, AGicV2HasADistributorAndAnInterface) {
  const Opened with = board(gic_v2);
  std::vector<Range> room(4);
  const auto gic = fdt_gic(with.tree, room);
  ASSERT_TRUE(gic.ok());
  EXPECT_EQ(gic.value().version, 2U);
  EXPECT_EQ(gic.value().distributor, range(0x800'0000, 0x1'0000));
  EXPECT_EQ(gic.value().interface, range(0x801'0000, 0x2000));
  EXPECT_TRUE(gic.value().redistributors.empty());
}

TEST(FdtMachine, AGicV3HasRangesOfRedistributors) {
  const auto v3 = [](Tree& t) {
    t.begin("intc@8000000")
        .texts("compatible", {"arm,gic-v3"})
        .cells("#redistributor-regions", {2});
    t.cells("redistributor-stride", {0, 0x4'0000});
    t.cells("reg",
            {0, 0x800'0000, 0, 0x1'0000, 0, 0x80a'0000, 0, 0xf6'0000, 0x40, 0, 0, 0x10'0000});
    t.end();
  };
  const Opened with = board(v3);
  std::vector<Range> room(4);
  const Gic gic = fdt_gic(with.tree, room).value();
  EXPECT_EQ(gic.version, 3U);
  EXPECT_TRUE(gic.interface.empty());
  EXPECT_EQ(gic.stride, 0x4'0000U);
  ASSERT_EQ(gic.redistributors.size(), 2U);
  EXPECT_EQ(gic.redistributors[0], range(0x80a'0000, 0xf6'0000));
  EXPECT_EQ(gic.redistributors[1], range(0x40'0000'0000, 0x10'0000));
  // What there is no room for is counted.
  const Gic cut = fdt_gic(with.tree, std::span(room).first(1)).value();
  EXPECT_EQ(cut.redistributors.size(), 1U);
  EXPECT_EQ(cut.left_out, 1U);
}

TEST(FdtMachine, AGicThatIsNotWholeIsNamed) {
  const auto gic = [](std::string_view compatible, const Fill& more) {
    const Opened with = board([&](Tree& t) {
      t.begin("intc@0").texts("compatible", {compatible}).cells("reg", {0, 0x1000, 0, 0x1000});
      more(t);
      t.end();
    });
    std::vector<Range> room(4);
    return why_not(fdt_gic(with.tree, room));
  };
  const auto nothing = [](Tree&) {};
  EXPECT_EQ(gic("arm,gic-400", nothing),
            "OF: fdt: intc@0: reg has too few ranges (ranges 1, needed 2)\n");
  EXPECT_EQ(gic("arm,gic-v3", nothing),
            "OF: fdt: intc@0: reg has too few ranges (ranges 1, needed 2)\n");
  EXPECT_EQ(gic("arm,gic-v3",
                [](Tree& t) {
                  t.cells("#redistributor-regions", {~0U, ~0U});
                }),
            "OF: fdt: intc@0: reg has too few ranges (ranges 1, needed 0)\n");
  EXPECT_EQ(gic("arm,other", nothing), "it was taken\n");
}

std::string timer(const Fill& fill) {
  const Opened with = board([&](Tree& t) {
    gic_v2(t);
    t.begin("other").cells("phandle", {2}).cells("#interrupt-cells", {3}).end();
    t.begin("timer").texts("compatible", {"arm,armv8-timer"});
    fill(t);
    t.end();
  });
  const auto timer = fdt_timer(with.tree);
  return timer.ok() ? std::to_string(timer.value()) : said(timer.error());
}

TEST(FdtMachine, TheVirtualTimersInterruptIsTheThirdOrHasAName) {
  const auto four = [](Tree& t) {
    t.cells("interrupts", {1, 13, 0x304, 1, 14, 0x304, 1, 11, 0x304, 1, 10, 0x304});
  };
  EXPECT_EQ(timer(four), "27");
  EXPECT_EQ(timer([&](Tree& t) {
              four(t);
              t.texts("interrupt-names", {"phys", "virt"});
            }),
            "30");
  const Opened none = board([](Tree&) {});
  EXPECT_EQ(fdt_timer(none.tree).value(), 0U);
}

TEST(FdtMachine, ATimerThatCannotBeHeardIsNamed) {
  const auto cut = [](const std::string& text) {  // without the offset
    return text.substr(0, text.find(" ("));
  };
  EXPECT_EQ(cut(timer([](Tree&) {})), "OF: fdt: timer: has no interrupts of its own");
  EXPECT_EQ(timer([](Tree& t) {
              t.cells("interrupts", {1, 13, 4, 1, 14, 4});
            }),
            "OF: fdt: interrupts: the virtual timer's is not among them (cells 6, each of 3), "
            "timer\n");
  EXPECT_EQ(timer([](Tree& t) {
              t.cells("interrupts", {1, 13, 4, 1, 14, 4, 0, 11, 4});
            }),
            "OF: fdt: interrupts: the virtual timer's is not the CPU's own (type 0, number 11), "
            "timer\n");
  EXPECT_EQ(cut(timer([](Tree& t) {
              t.cells("interrupts", {1, 13, 4, 1, 14, 4, 1, 11, 4}).cells("interrupt-parent", {2});
            })),
            "OF: fdt: timer: its interrupts go to no GIC");
  EXPECT_EQ(cut(timer([](Tree& t) {
              t.cells("interrupts", {1, 13, 4, 1, 14, 4, 1, 11, 4}).cells("interrupt-parent", {9});
            })),
            "OF: fdt: interrupt-parent: leads to no node");
}

// --- CPUs and nodes ------------------------------------------------------------------------------

constexpr uint32_t kNoNode = ~0U;

void cpu(Tree& t, std::string_view name, uint32_t high, uint32_t low, uint32_t node = kNoNode,
         std::string_view method = "psci", std::string_view status = "okay") {
  t.begin(name).text("device_type", "cpu").cells("reg", {high, low});
  t.text("enable-method", method).text("status", status);
  if (node != kNoNode) t.cells("numa-node-id", {node});
  t.end();
}

void memory(Tree& t, uint32_t gib, uint32_t node) {
  t.begin("memory@" + std::to_string(gib)).text("device_type", "memory");
  t.cells("reg", {gib / 4, gib % 4 << 30, 0, 1U << 30});
  if (node != kNoNode) t.cells("numa-node-id", {node});
  t.end();
}

struct Reading {
  std::vector<MadtCpu> cpus = std::vector<MadtCpu>(8);
  std::vector<mm::MemoryAffinity> memory = std::vector<mm::MemoryAffinity>(8);
  std::vector<CpuAffinity> affinities = std::vector<CpuAffinity>(8);
  ProximityMap domains;
  FdtDistances storage{};
  Log log;

  auto read_cpus(const Fdt& tree, uint32_t own = 0) {
    return fdt_cpus(tree, own, cpus, log.printer());
  }
  auto read_nodes(const Fdt& tree) {
    return fdt_nodes(tree, {memory, affinities, {}}, domains, log.printer());
  }
  auto read_distances(const Fdt& tree) {
    return fdt_distances(tree, domains, storage, log.printer());
  }
};

TEST(FdtMachine, CpusThatPsciStartsAreThere) {
  const Opened with = board([](Tree& t) {
    t.begin("cpus").cells("#address-cells", {2}).cells("#size-cells", {0});
    t.begin("cpu-map").begin("cluster0").end().end();
    cpu(t, "cpu@0", 0, 0, kNoNode, "spin-table");  // runs already
    cpu(t, "cpu@1", 0, 1, kNoNode, "psci", "disabled");
    cpu(t, "cpu@2", 0, 2, kNoNode, "psci", "fail-broken");
    cpu(t, "cpu@100", 0x12, 0x100);
    cpu(t, "cpu@101", 0, 0x101, kNoNode, "spin-table");
    t.end();
  });
  Reading reading;
  const Madt madt = reading.read_cpus(with.tree).value();
  ASSERT_EQ(madt.cpus.size(), 3U);
  EXPECT_EQ(madt.enabled, 3U);
  EXPECT_TRUE(madt.gic);
  EXPECT_EQ(madt.cpus[0].apic_id, 0U);
  EXPECT_EQ(madt.cpus[1].apic_id, 1U);
  EXPECT_EQ(whole_mpidr(madt.cpus[2].apic_id), 0x12'0000'0100U);
  EXPECT_EQ(reading.log.text(),
            "OF: cpu@101: MPIDR 0x101 left out, as PSCI does not start it (enable-method "
            "spin-table)\n"
            "smpboot: Allowing 3 CPUs, 0 hotplug CPUs\n");
  const Madt cut = fdt_cpus(with.tree, 0, std::span(reading.cpus).first(1), {}).value();
  EXPECT_EQ(cut.left_out, 2U);
}

TEST(FdtMachine, ACpuWithoutAnIdIsNamed) {
  const auto error = [](const Fill& fill) {
    const Opened with = board([&](Tree& t) {
      t.begin("cpus").cells("#address-cells", {1}).begin("cpu@0");
      fill(t);
      t.end().end();
    });
    Reading reading;
    return why_not(reading.read_cpus(with.tree));
  };
  EXPECT_EQ(error([](Tree&) {}), "OF: fdt: cpu@0: has no reg (offset 0x8c)\n");
  EXPECT_EQ(error([](Tree& t) {
              t.cells("reg", {0, 0});
            }),
            "OF: fdt: cpu@0: reg is not one address (cells 2, expected 1)\n");
  EXPECT_EQ(error([](Tree& t) { t.cells("reg", {0x8000'0000}); }),
            "OF: fdt: cpu@0: reg is no MPIDR (value 0x80000000, possible 0xff00ffffff)\n");
}

// As QEMU writes it: the last node's memory first.
Opened two_nodes(std::initializer_list<uint32_t> distances, uint32_t first = 0,
                 uint32_t second = 1) {
  return board([&](Tree& t) {
    memory(t, 2, second);
    memory(t, 1, first);
    t.begin("cpus").cells("#address-cells", {2}).cells("#size-cells", {0});
    cpu(t, "cpu@0", 0, 0, first);
    cpu(t, "cpu@1", 0, 1, second);
    t.end();
    t.begin("distance-map").texts("compatible", {"numa-distance-map-v1"});
    t.cells("distance-matrix", distances).end();
  });
}

TEST(FdtMachine, NodesAreNumberedByTheirIds) {
  const Opened with = two_nodes({0, 0, 10, 0, 1, 21, 1, 1, 10});
  Reading reading;
  const Srat srat = reading.read_nodes(with.tree).value();
  const mm::Distances distances = reading.read_distances(with.tree).value();
  EXPECT_TRUE(srat.used);
  EXPECT_EQ(srat.named.count(), 2U);
  EXPECT_EQ(reading.log.text(),
            "OF: NUMA: PXM 0 -> MPIDR 0x0 -> Node 0\n"
            "OF: NUMA: PXM 1 -> MPIDR 0x1 -> Node 1\n"
            "OF: NUMA: Node 1 PXM 1 [mem 0x80000000-0xbfffffff]\n"
            "OF: NUMA: Node 0 PXM 0 [mem 0x40000000-0x7fffffff]\n"
            "NUMA: Initialized distance table, cnt=2\n");
  ASSERT_EQ(srat.memory.size(), 2U);
  EXPECT_EQ(srat.memory[0].range, range(2 * mm::kGiB, mm::kGiB));
  EXPECT_EQ(distances.between(0, 1), 21U);
  EXPECT_EQ(distances.between(1, 0), 21U) << "given one way only";
  EXPECT_EQ(distances.between(1, 1), 10U);
}

TEST(FdtMachine, IdsNeedNotFollowEachOther) {
  const Opened with = two_nodes({3, 700, 30}, 3, 700);
  Reading reading;
  ASSERT_TRUE(reading.read_nodes(with.tree).ok());
  EXPECT_EQ(reading.domains.find(3), mm::NodeId{0});
  EXPECT_EQ(reading.domains.find(700), mm::NodeId{1});
  const mm::Distances distances = reading.read_distances(with.tree).value();
  EXPECT_EQ(distances.between(0, 1), 30U);
  EXPECT_EQ(distances.between(0, 0), 10U) << "the default";
}

TEST(FdtMachine, WithoutIdsOfMemoryThereAreNoNodes) {
  const Opened with = two_nodes({}, kNoNode, kNoNode);
  Reading reading;
  const Srat srat = reading.read_nodes(with.tree).value();
  EXPECT_FALSE(srat.used);
  EXPECT_EQ(reading.log.text(), "");
}

TEST(FdtMachine, BadIdsAndDistancesAreNamed) {
  Reading reading;
  EXPECT_EQ(why_not(reading.read_nodes(two_nodes({}, 0, 1024).tree)),
            "OF: fdt: memory@2: numa-node-id is larger than any (id 1024, most 1023)\n");
  const auto distances = [](std::initializer_list<uint32_t> cells) {
    const Opened with = two_nodes(cells);
    Reading own;
    (void)own.read_nodes(with.tree).ok();
    const std::string text = why_not(own.read_distances(with.tree));
    return text.substr(text.find(": distance") + 2);
  };
  EXPECT_EQ(distances({0, 1, 10}),
            "distance-matrix: a distance that cannot be (cell 0, distance 10)\n");
  EXPECT_EQ(distances({0, 1, 20, 1, 1, 11}),
            "distance-matrix: a distance that cannot be (cell 3, distance 11)\n");
  EXPECT_EQ(distances({0, 1, 256}),
            "distance-matrix: a distance that cannot be (cell 0, distance 256)\n");
  EXPECT_EQ(distances({0, 1}).substr(0, 42), "distance-matrix: is not made of triples (o");
}

// --- Memory that is not ours ---------------------------------------------------------------------

TEST(FdtMachine, WhatIsReservedIsListed) {
  Tree t;
  t.reserve(0x4800'0000, 0x1000);
  t.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
  t.begin("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2}).flag("ranges");
  t.begin("secure@80000000").cells("reg", {0, 0x8000'0000, 0, 0x10'0000}).flag("no-map").end();
  t.begin("frame").cells("reg", {0, 0x9000'0000, 0, 0x1000, 1, 0, 0, 0x2000}).end();
  t.begin("pool").cells("size", {0, 0x100'0000}).end();
  t.begin("off").cells("reg", {0, 0x7000'0000, 0, 0x1000}).text("status", "disabled").end();
  const Opened with(t.end().end());
  std::vector<FdtReserved> room(8);
  ASSERT_EQ(fdt_reserved(with.tree, room).value(), 4U);
  EXPECT_EQ(room[0].range, range(0x4800'0000, 0x1000));
  EXPECT_EQ(room[0].node, nullptr);
  EXPECT_EQ(room[1].range, range(0x8000'0000, 0x10'0000));
  EXPECT_STREQ(room[1].node, "secure@80000000");
  EXPECT_TRUE(room[1].no_map && !room[2].no_map);
  EXPECT_EQ(room[3].range, range(0x1'0000'0000, 0x2000));
  EXPECT_EQ(fdt_reserved(with.tree, {}).value(), 4U) << "counted without room";
}

}  // namespace
}  // namespace loader
