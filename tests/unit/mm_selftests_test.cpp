// The self-tests of the phases "kernel" and "mm": that they pass on a sound machine, and that each
// of them can fail. What is broken here is what a mistake in Baton, or bad hardware, would break.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernel/hardware_errors.h"
#include "kernel/selftest/selftest.h"
#include "kernel/selftest/zone_probe.h"
#include "mm/page_alloc.h"
#include "tests/support/booted.h"
#include "tests/support/pretend_cpus.h"
#include "tests/support/pretend_hardware.h"

namespace kernel {
namespace {

using mm::kGiB;
using mm::kMiB;
using mm::Phys;
using mm::ZoneType;
using test::BootedMachine;
using test::Image;
using Ids = std::set<std::string>;
constexpr unsigned kBootCpu = 0;

std::vector<KernelTest> all_tests() {
  std::vector<KernelTest> all;
  for (const auto files : {kernel_tests(), mm_tests()}) {
    for (const auto tests : files) all.insert(all.end(), tests().begin(), tests().end());
  }
  return all;
}

Verdict run(const KernelTest& test, Booted& machine) {
  test::hardware.testing = test.row.id;
  const Verdict verdict = test.run(machine);
  test::hardware.testing = {};
  return verdict;
}
Verdict run(std::string_view id, Booted& machine) {
  for (const KernelTest& test : all_tests()) {
    if (test.row.id == id) return run(test, machine);
  }
  throw std::runtime_error("no such test");
}

constexpr const char* kTwoNodes =
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n"
    "BIOS-e820: [mem 0x00000000fec00000-0x00000000fec00fff] reserved\n"
    "BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable\n"
    "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]\n"
    "ACPI: SRAT: Node 1 PXM 1 [mem 0x100000000-0x13fffffff]\n";

// Node 1 has a CPU and no memory.
constexpr const char* kMemoryless =
    "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n"
    "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]\n"
    "SRAT: PXM 1 -> APIC 0x01 -> Node 1\n";

// Many blocks of 1 GiB, of which only some are taken.
constexpr const char* kLarge =
    "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
    "BIOS-e820: [mem 0x0000000100000000-0x000000187fffffff] usable\n";

constexpr const char* kSmall =
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    "BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable\n";

// Nodes that lie in each other, and borders in the middle of a pageblock.
constexpr const char* kInterleaved =
    "BIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] usable\n"
    "BIOS-e820: [mem 0x0000000000100000-0x000000003ff01fff] usable\n"
    "BIOS-e820: [mem 0x0000000040105000-0x00000000bfffffff] usable\n"
    "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x1ff04fff]\n"
    "ACPI: SRAT: Node 1 PXM 1 [mem 0x1ff05000-0x7fffffff]\n"
    "ACPI: SRAT: Node 0 PXM 0 [mem 0x80000000-0xbfffffff]\n";

// A machine with the kernel's image in it, and the page tables that its loader would have made.
struct Machine : BootedMachine {
  explicit Machine(const char* drawing = kTwoNodes)
      : BootedMachine(drawing, "", BootedMachine::With::KernelImage) {
    auto& maps = test::hardware.mappings;
    for (const uint64_t base : {uint64_t{0}, loader::kDirectMap4Level}) {
      const auto map = [&](uint64_t start, uint64_t end, bool write) {
        if (base == 0 && start == 0) start = mm::kPageSize;
        if (start < end) maps.push_back({base + start, start, end - start, write, false});
      };
      for (const mm::E820Entry& entry : (*this)->relay.e820().entries()) {
        if (entry.type != mm::E820Type::Ram) continue;
        const uint64_t start = entry.range.start.v;
        const uint64_t end = entry.range.end.v;
        if (!entry.range.contains(Phys{Image::kPhysical})) {
          map(start, end, true);
          continue;
        }
        map(start, Image::kPhysical, true);
        map(Image::kPhysical, Image::kConstantsEnd, false);
        map(Image::kConstantsEnd, end, true);
      }
      map(0xe000'0000, 0xe080'0000, true);  // the framebuffer
    }
    std::sort(maps.begin(), maps.end(),
              [](const auto& a, const auto& b) { return a.virt < b.virt; });
    for (const loader::HandoffSegment& s : Image().segments) {
      maps.push_back({s.virt, s.physical, s.size, (s.flags & 2) != 0, (s.flags & 1) != 0});
    }
    test::hardware.guards.fill(Image::kVirtual + 0x70000);
    test::hardware.faults = {Image::kVirtual + 0x70000};
    EXPECT_TRUE(pages().start_cpu(1, 0).ok());
    cpus.start(2);
  }
  ~Machine() {
    test::hardware = {};
    forget_hardware_errors();
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  Pages& pages() { return (*this)->relay.pages(); }
  // Writable although only looked at elsewhere: the saboteur's way in.
  mm::Node& node(mm::NodeId id) { return const_cast<mm::Node&>(pages().node(id)); }  // NOLINT
  mm::Zone& zone(mm::NodeId id, ZoneType type) { return node(id).zones[type]; }
  mm::NodeLayout& layout(mm::NodeId id) {
    return const_cast<mm::NodeLayout&>((*this)->relay.layout().nodes[id]);  // NOLINT
  }
  mm::Pcp& pcp(mm::NodeId id, ZoneType type) {
    return const_cast<mm::Pcp&>(pages().pcp(kBootCpu, zone(id, type)));  // NOLINT
  }
  loader::Handoff& handoff() {
    return const_cast<loader::Handoff&>((*this)->kept.handoff());  // NOLINT
  }
  arch::Mapping& mapping(uint64_t virt) {
    for (arch::Mapping& m : test::hardware.mappings) {
      if (virt - m.virt < m.size) return m;
    }
    throw std::runtime_error("not mapped");
  }

  test::PretendCpus cpus;

  // Once, while the stress test runs on both CPUs: harm(frame) with a page that CPU 1 holds, which
  // stands meanwhile.
  void while_stressed(std::function<void(mm::Pfn)> harm) {
    (*this)->stress = 30'000;  // so many that neither can be done before the other has begun
    struct Harm {
      Machine& machine;
      std::function<void(mm::Pfn)> harm;
      bool done = false;
      void do_it() {
        for (mm::Pfn pfn{0}; pfn < mm::pfn_down(Phys{kGiB}) && !done; pfn = pfn + 1) {
          const mm::FrameOwner owner = machine.pages().owner_of(pfn);
          if (owner.use != mm::FrameUse::Allocated || owner.order != 0 || !is_of_cpu_1(pfn))
            continue;
          done = true;
          harm(pfn);
        }
      }
      // The last word of a page that is in use is the first's complement.
      bool is_of_cpu_1(mm::Pfn pfn) {
        const auto* words = machine->relay.map().at<const uint64_t>(mm::phys(pfn));
        return words[0] == mix(pfn.v << 16 | 1) && words[511] == ~words[0];
      }
    };
    test::hardware.at_the_time = [harm = std::make_shared<Harm>(Harm{*this, std::move(harm)})] {
      static bool inside = false;  // to stop the others is to look at the clock
      if (inside || harm->done || test::hardware.testing != "mm.cpus.stress") return;
      inside = true;
      EXPECT_TRUE(while_others_stand([](void* h) { static_cast<Harm*>(h)->do_it(); }, harm.get()));
      inside = false;
    };
  }

  // Both addresses lead to one page, as with an address line that is not connected.
  void make_alias(Phys a, Phys b) {
    const int file = memfd_create("alias", 0);
    if (file < 0 || ftruncate(file, mm::kPageSize) != 0) throw std::runtime_error("memfd");
    for (const Phys at : {a, b}) {
      void* const place = (*this)->relay.map().at(at);
      if (mmap(place, mm::kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) !=
          place) {
        throw std::runtime_error("mmap");
      }
    }
    close(file);
  }

  // The ids of all tests of both phases that fail, and what they say.
  Ids tripped(std::string* said = nullptr) {
    Ids ids;
    for (const KernelTest& test : all_tests()) {
      const Verdict verdict = run(test, **this);
      if (!verdict.failed()) continue;
      ids.insert(test.row.id);
      if (said != nullptr) *said += std::string(test.row.id) + ": " + verdict.facts() + "\n";
    }
    return ids;
  }
};

TEST(MmSelfTests, PassOnSoundMachines) {
  for (const char* drawing : {kTwoNodes, kMemoryless, kLarge, kSmall, kInterleaved}) {
    Machine machine(drawing);
    const auto before = machine.pages().counts();
    std::string said;
    EXPECT_EQ(machine.tripped(&said), Ids{}) << said;
    // Once more: what was run changed nothing that another run would mind.
    EXPECT_EQ(machine.tripped(&said), Ids{}) << said;
    EXPECT_EQ(machine.pages().counts().free, before.free);
    EXPECT_TRUE(close_ledger(*machine, mm::Printer()).ok());
  }
}

// Skips are for machines that have nothing to try.
TEST(MmSelfTests, NothingIsSkippedWhereThereIsSomethingToTry) {
  Ids skipped;
  Machine machine(kTwoNodes);
  for (const KernelTest& test : all_tests()) {
    if (run(test, *machine).outcome() == loader::Outcome::Skip) skipped.insert(test.row.id);
  }
  EXPECT_EQ(skipped, (Ids{"mm.nodes.fallback", "kernel.pages.free", "kernel.pages.freed"}));
  Machine memoryless(kMemoryless);
  EXPECT_TRUE(run("mm.nodes.fallback", *memoryless).passed());
}

TEST(MmSelfTests, ExhaustiveTakesAll) {
  Machine large(kLarge);
  large->exhaustive = true;
  const Verdict largest = run("mm.zones.largest", *large);
  EXPECT_TRUE(largest.passed()) << largest.facts();
  Machine small(kSmall);
  small->exhaustive = true;
  const Verdict orders = run("mm.zones.orders", *small);
  EXPECT_TRUE(orders.passed()) << orders.facts();
}

// A frame in the middle of the last small block of a zone, where only a test that takes everything
// comes by.
TEST(MmSelfTests, OnlyTheExhaustiveTestSeesWhatIsFarAway) {
  Machine machine(kSmall);
  machine.make_alias(Phys{40 * kMiB}, Phys{41 * kMiB});
  EXPECT_TRUE(run("mm.zones.orders", *machine).passed());
  machine->exhaustive = true;
  EXPECT_EQ(run("mm.zones.orders", *machine).outcome(), loader::Outcome::Fail);
}

struct Breakage {
  const char* id;
  Ids others;  // that see it, too: those that look at everything, above all
  std::function<void(Machine&)> apply;
  const char* says;
  const char* drawing = kTwoNodes;
};

// GiBs that have whole pageblocks say that they have nothing.
void hide_gigas(Machine& m) {
  mm::Regions& gigas = m.zone(1, ZoneType::Normal).gigas;
  for (mm::RegionIndex i = 0; i < gigas.count(); ++i) gigas.file(mm::kBrokenGiga, i, 0, 0);
}

// Free pages are to fault, and none does.
void want_absent(Machine& m) {
  const_cast<mm::PageContents&>(m.pages().contents()).absent = true;  // NOLINT
}

const Breakage kBreakages[] = {
    // --- What the kernel was given ---
    {"kernel.handoff", {}, [](Machine& m) { ++m.handoff().initrd_size; }, "checksum"},
    {"kernel.handoff",
     {"mm.buddy.reserved", "kernel.ledger", "mm.roads", "mm.zones.orders"},
     [](Machine& m) {
       ASSERT_TRUE(m->relay.give_back("TEXT DATA BSS").ok());
       ASSERT_TRUE(m->relay.reservations().reserve(Image::reservation().range, "IMAGE").ok());
     },
     "TEXT DATA BSS"},
    {"kernel.ledger", {}, [](Machine& m) { m->firmware.usable += 4096; }, "usable"},
    // A frame of the text is somebody's, and another is missing: as many as there should be.
    {"kernel.ledger",
     {"mm.free.refused"},
     [](Machine& m) {
       const mm::Pfn text = mm::pfn_down(Phys{Image::kPhysical});
       const mm::PfnRange other{text + 0x1000, text + 0x1001};
       ASSERT_TRUE(m.pages().release({text, text + 1}).ok());
       ASSERT_TRUE(m.pages().alloc_contig_range(kBootCpu, {text, text + 1}).ok());
       ASSERT_TRUE(m.pages().alloc_contig_range(kBootCpu, other).ok());
       ASSERT_TRUE(m.pages().withdraw(other).ok());
     },
     "TEXT DATA BSS: a reserved frame is in a free or allocated block"},
    {"kernel.pages.wx",
     {"kernel.pages.exact"},
     [](Machine& m) { m.mapping(Image::kVirtual + 0x50000).executable = true; },
     "writable and executable"},
    {"kernel.pages.image",
     {"kernel.pages.exact"},
     [](Machine& m) { m.mapping(loader::kDirectMap4Level + Image::kPhysical).writable = true; },
     "is writable"},
    {"kernel.pages.guard", {}, [](Machine&) { test::hardware.faults.clear(); }, "can be read"},
    {"kernel.pages.guard",
     {},
     [](Machine&) { test::hardware.faults.insert(Image::kVirtual + 0x71000); },
     "cannot be used"},
    {"kernel.cpu.protection",
     {},
     [](Machine&) { test::hardware.protections[2].on = false; },
     "CPU 0 has UMIP, and it is off"},
    // --- CPUs ---
    {"kernel.cpus.online",
     {},
     [](Machine& m) { m.cpus.table[1].state = CpuState::Silent; },
     "CPU 1 (id 0x1): did not answer"},
    {"kernel.cpus.ids",
     {},
     [](Machine&) { test::hardware.wrong_id = 0x10; },
     "CPU 0 is 0x10 to itself, and 0x0 in the firmware's table"},
    {"kernel.cpus.clocks",
     {},
     [](Machine&) { test::hardware.ahead = 99; },
     "CPU 1's counter is 99 ticks or more ahead"},
    {"kernel.cpus.registers",
     {},
     [](Machine&) { test::hardware.wrong_register = 0x10000; },
     "CPU 1's CR0 is 0x10000, the boot CPU's 0x0"},
    {"kernel.cpus.microcode",
     {},
     [](Machine&) { test::hardware.microcode = 8; },
     "CPU 1 runs revision 0x8, the boot CPU 0x7"},
    {"kernel.errors",
     {},
     [](Machine&) { hardware_error({.cpu = 1, .bank = 3, .count = 2}); },
     "2 corrected and 0 uncorrected errors since the kernel began"},
    {"mm.cpus.local",
     {},
     [](Machine& m) { m.cpus.table[1].node = 1; },
     "CPU 1 is on node 1, its page sets say 0"},
    // CPU 1's page is free, and soon somebody else's, too.
    {"mm.cpus.stress",
     {},
     [](Machine& m) {
       m.while_stressed([&m](mm::Pfn pfn) { ASSERT_TRUE(m.pages().free_pages(kBootCpu, pfn, 0)); });
     },
     "frame 0x"},
    {"mm.cpus.stress",
     {},
     [](Machine& m) {
       m.while_stressed(
           [&m](mm::Pfn pfn) { m->relay.map().at<uint64_t>(mm::phys(pfn))[511] ^= 4; });
     },
     "of CPU 1 was overwritten"},
    // A page that nobody gives back.
    {"mm.cpus.stress",
     {},
     [](Machine& m) {
       m.while_stressed(
           [&m](mm::Pfn) { ASSERT_TRUE(m.pages().alloc_pages(kBootCpu, mm::kGfpKernel, 4, 1)); });
     },
     "pages are free and 0 on lists"},
    {"mm.cpus.stress",
     {},
     [](Machine& m) {
       m.while_stressed([&m](mm::Pfn) { ++m.node(1).choices[mm::kGfpFlagMovable.bits()].mark; });
     },
     "a choice's mark"},
    // --- Page tables ---
    {"kernel.pages.exact",
     {},
     [](Machine& m) { m.mapping(loader::kDirectMap4Level + 4 * kGiB).size -= mm::kPageSize; },
     "RAM at 0x13ffff000 is not in the direct map"},
    {"kernel.pages.exact",
     {},
     [](Machine& m) {
       arch::Mapping& low = m.mapping(0x1000);
       low.virt += mm::kPageSize;
       low.phys += mm::kPageSize;
       low.size -= mm::kPageSize;
     },
     "RAM at 0x1000 is not in the identity map"},
    {"kernel.pages.exact",
     {},
     [](Machine& m) { m.mapping(4 * kGiB).phys = 5 * kGiB; },
     "leads to 0x140000000"},
    {"kernel.pages.exact",
     {},
     [](Machine& m) { m.mapping(4 * kGiB).size += mm::kPageSize; },
     "0x140000000 is in the identity map"},
    {"kernel.pages.exact",
     {},
     [](Machine& m) {
       m.mapping(0x1000).phys = 0;
       m.mapping(0x1000).size += mm::kPageSize;
       m.mapping(0x1000).virt = 0;
     },
     "null pointer"},
    {"kernel.pages.exact",
     {},
     [](Machine& m) { m.mapping(Image::kVirtual).executable = false; },
     "of a segment at 0x400000"},
    {"kernel.pages.exact",
     {},
     [](Machine& m) { m.mapping(Image::kVirtual + 0x71000).size -= mm::kPageSize; },
     "of the kernel are mapped"},
    {"kernel.pages.exact",
     {},
     [](Machine&) {
       test::hardware.mappings.push_back(
           {Image::kVirtual + 0x80000, 5 * kMiB, mm::kPageSize, true, false});
     },
     "belongs to nobody"},
    {"kernel.pages.free",
     {"kernel.pages.exact", "kernel.pages.freed"},
     want_absent,
     "is mapped at"},
    {"kernel.pages.exact",
     {"kernel.pages.free", "kernel.pages.freed"},
     want_absent,
     "0x1000 is mapped at its own address"},
    {"kernel.pages.freed",
     {"kernel.pages.exact", "kernel.pages.free"},
     want_absent,
     "is free, and can be used"},
    // --- Free memory ---
    {"mm.buddy.reserved",
     {"kernel.ledger", "mm.roads", "mm.zones.orders"},
     [](Machine& m) {
       ASSERT_TRUE(m->relay.reservations()
                       .reserve({Phys{0x2000'0000}, Phys{0x2000'1000}}, "FORGOTTEN")
                       .ok());
     },
     "reserved as FORGOTTEN"},
    {"mm.buddy.reserved",
     {"kernel.ledger", "kernel.pages.exact", "mm.zones.orders"},
     [](Machine& m) {
       ASSERT_TRUE(m->relay.e820()
                       .update({Phys{0x1000'0000}, Phys{0x1000'1000}}, mm::E820Type::Ram,
                               mm::E820Type::Unusable)
                       .ok());
     },
     "not all of it is usable RAM"},
    {"mm.buddy.counts",
     {"kernel.ledger", "mm.buddy.audit", "mm.cpus.stress", "mm.zones.largest"},
     [](Machine& m) { ++m.zone(1, ZoneType::Normal).free_pages; },
     "node 1 zone Normal"},
    {"mm.buddy.audit",
     {},
     [](Machine& m) { ++m.node(1).choices[mm::kGfpFlagMovable.bits()].mark; },
     "a choice's mark"},
    // --- What is allocated ---
    {"mm.zones.largest",
     {"mm.buddy.audit", "mm.cpus.stress", "mm.nodes.local", "mm.zones.orders", "mm.zones.types",
      "mm.zones.watermarks"},
     hide_gigas,
     "node 1 zone Normal"},
    // Two pages inside the blocks that single pages are cut from.
    {"mm.zones.small",
     {"mm.zones.orders"},
     [](Machine& m) {
       std::vector<mm::Pfn> pages(64);
       for (mm::Pfn& page : pages) {
         page = m.pages().alloc_pages(kBootCpu, mm::kGfpHighUserMovable, 0, 1).value();
       }
       ASSERT_TRUE(m.pages().free_pages_bulk(kBootCpu, pages).ok());
       m.pages().drain_all();
       // Not the first of a block: only single pages are had from there.
       std::erase_if(pages, [&](mm::Pfn page) { return m.pages().owner_of(page).block == page; });
       ASSERT_GE(pages.size(), 2U);
       m.make_alias(mm::phys(pages[0]), mm::phys(pages[1]));
     },
     "shares memory with another"},
    {"mm.zones.types",
     {"mm.buddy.audit", "mm.cpus.stress", "mm.nodes.local", "mm.zones.largest", "mm.zones.orders",
      "mm.zones.watermarks"},
     hide_gigas,
     "node 1 zone Normal: "},
    // All zones of node 1 are looked for on node 0.
    {"mm.nodes.local",
     {"mm.buddy.audit", "mm.cpus.stress"},
     [](Machine& m) {
       m.node(1).zonelist = m.node(0).zonelist;
       m.node(1).zonelist_count = m.node(0).zonelist_count;
       m.node(1).preferred = m.node(0).preferred;
     },
     "asked node 1"},
    // The kernel's text is somebody's ordinary memory.
    {"mm.free.refused",
     {"kernel.ledger", "mm.roads"},
     [](Machine& m) {
       const mm::Pfn text = mm::pfn_down(Phys{Image::kPhysical});
       ASSERT_TRUE(m.pages().release({text, text + 1}).ok());
       ASSERT_TRUE(m.pages().alloc_contig_range(kBootCpu, {text, text + 1}).ok());
     },
     "freeing the kernel's text was accepted"},
    {"mm.nodes.fallback",
     {"mm.buddy.audit", "mm.cpus.stress"},
     [](Machine& m) {
       m.node(1).zonelist_count = 0;
       m.node(1).preferred = {};
     },
     "gave no page",
     kMemoryless},
    // Between two blocks of 256 MiB of node 1.
    {"mm.zones.orders",
     {},
     [](Machine& m) { m.make_alias(Phys{0x1'0fff'f000}, Phys{0x1'2fff'f000}); },
     "shares memory"},
    {"mm.zones.watermarks",
     {},
     [](Machine& m) { m.zone(1, ZoneType::Normal).watermark[0] /= 2; },
     "node 1 zone Normal: min"},
    {"mm.zones.watermarks",
     {"mm.buddy.audit"},
     [](Machine& m) {
       for (uint64_t& mark : m.zone(1, ZoneType::Normal).watermark) mark -= 100;
     },
     "min_free_kbytes asks for"},
    {"mm.cpu.lists",
     {"kernel.ledger", "mm.buddy.audit", "mm.cpus.stress", "mm.zones.largest", "mm.zones.orders",
      "mm.zones.small"},
     [](Machine& m) { m.pcp(1, ZoneType::Normal).room += 100'000; },
     "the CPU still keeps"},
    {"mm.roads", {}, [](Machine& m) { m.layout(1).spanned.start += 1; }, "memblock hands over"},
    {"mm.roads",
     {"kernel.ledger", "mm.buddy.audit", "mm.cpus.stress"},
     [](Machine& m) { m.layout(0).zones[ZoneType::Dma32].spanned.start += 1; },
     "buddy has been given"},
    // A reservation ended, and its memory was handed to nobody.
    {"mm.roads",
     {"kernel.ledger"},
     [](Machine& m) {
       const mm::Range lost = m->relay.reservations().entries().back().range;
       ASSERT_TRUE(m->relay.reservations().free(lost).ok());
     },
     "buddy has been given"},
};

TEST(MmSelfTests, EachBreakageTripsItsTestAndThoseThatSeeEverything) {
  for (const Breakage& breakage : kBreakages) {
    Machine machine(breakage.drawing);
    breakage.apply(machine);
    std::string said;
    Ids expected = breakage.others;
    expected.insert(breakage.id);
    EXPECT_EQ(machine.tripped(&said), expected) << breakage.id << ":\n" << said;
    const size_t own = said.find(std::string(breakage.id) + ": ");
    ASSERT_NE(own, std::string::npos) << breakage.id;
    EXPECT_NE(said.substr(own, said.find('\n', own) - own).find(breakage.says), std::string::npos)
        << said;
  }
}

TEST(MmSelfTests, EveryTestCanBeTripped) {
  Ids broken;
  for (const Breakage& breakage : kBreakages) broken.insert(breakage.id);
  Ids rows;
  for (const KernelTest& test : all_tests()) rows.insert(test.row.id);
  EXPECT_EQ(broken, rows);
}

}  // namespace
}  // namespace kernel
