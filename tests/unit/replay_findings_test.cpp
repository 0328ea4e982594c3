// Findings, each on a machine that is drawn for it, and none on one that is well.
#include "tools/replay/findings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tools/replay/finding_rows.h"
#include "tools/replay/log_reader.h"
#include "tools/replay/replayed.h"
#include "tools/replay/what_if.h"

namespace {

using mm::kGiB;
using mm::Phys;
using mm::Range;
using replay::Finding;
using replay::Machine;
using replay::Replayed;

constexpr const char* kWell =
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
    "BIOS-e820: [mem 0x0000000080000000-0x000000008fffffff] reserved\n"
    "BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable\n";
constexpr const char* kNodes =
    "SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]\n"
    "SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]\n";

std::unique_ptr<Replayed> replayed(Machine machine, const replay::ReplayOptions& options = {}) {
  auto replayed = std::make_unique<Replayed>();
  const auto done = replayed->run(std::move(machine), options);
  EXPECT_TRUE(done.ok()) << replayed->log();
  EXPECT_EQ(replayed->open(), "");
  return replayed;
}

std::vector<Finding> findings(Machine machine) {
  return findings_of(*replayed(std::move(machine)));
}

std::string names(const std::vector<Finding>& findings, bool notes = false) {
  std::string text;
  for (const Finding& finding : findings) {
    if (finding.note == notes) text += std::string(finding.name) + " ";
  }
  return text;
}

Finding one(const std::vector<Finding>& findings, const std::string& name) {
  for (const Finding& finding : findings) {
    if (finding.name == name) return finding;
  }
  ADD_FAILURE() << "no finding " << name << " among: " << names(findings) << names(findings, true);
  return {.name = "none", .where = {Range{}}};
}

Machine drawn(const std::string& log) { return replay::read_log(log); }

Range range(uint64_t start, uint64_t end) { return {Phys{start}, Phys{end}}; }

TEST(ReplayFindings, NoneOnAMachineThatIsWell) {
  EXPECT_EQ(names(findings(drawn(std::string(kWell) + kNodes))), "");
  // Page 0 and the BIOS's hole are in a section that has RAM.
  EXPECT_EQ(names(findings(drawn(std::string(kWell) + kNodes)), true), "section-holes ");
}

TEST(ReplayFindings, Mtrr) {
  const Finding found =
      one(findings(drawn(std::string(kWell) +
                         "e820: update [mem 0x160000000-0x17fffffff] usable ==> reserved\n"
                         "WARNING: BIOS bug: CPU MTRRs don't cover all of memory, losing 512MB\n")),
          "mtrr-uncovered");
  EXPECT_FALSE(found.note);
  EXPECT_EQ(found.bytes, 512 * mm::kMiB);
  ASSERT_EQ(found.where.size(), 1u);
  EXPECT_EQ(found.where[0], range(0x160000000, 0x180000000));
  EXPECT_EQ(found.text.substr(0, 11), "512 MiB of ");
  EXPECT_NE(found.advice.find("enable_mtrr_cleanup"), std::string::npos);
}

TEST(ReplayFindings, OverlapsOfDifferentTypes) {
  const Finding found = one(
      findings(drawn(std::string(kWell) + "BIOS-e820: [mem 0x170000000-0x18fffffff] ACPI NVS\n")),
      "overlap");
  EXPECT_EQ(found.bytes, 256 * mm::kMiB);
  EXPECT_EQ(found.where.front(), range(0x170000000, 0x180000000));
}

TEST(ReplayFindings, AMapThatMovedSinceTheBootBefore) {
  const auto acpi = [](const char* range) {
    return std::string("Linux version 6.1.0\n") + kWell + "BIOS-e820: [mem " + range +
           "] ACPI data\n";
  };
  const std::string monday = acpi("0x200000000-0x2000fffff");
  const std::string tuesday = acpi("0x200001000-0x200100fff");
  EXPECT_EQ(one(findings(drawn(monday + tuesday)), "map-moved").text,
            "The firmware's map is another than at the boot before: One slide: ACPI data (1 range, "
            "1 MiB) between [mem 0x200000000-0x2000fffff] moved 4 KiB up (+0x1000).");
  EXPECT_EQ(names(findings(drawn(monday + monday))), "");
  EXPECT_EQ(names(findings(drawn(std::string(monday) + acpi("0x300000000-0x3fffffff0")))),
            "map-moved ");
}

TEST(ReplayFindings, FirmwareThatKeepsMuch) {
  Machine machine = drawn(kWell);
  machine.firmware.push_back({range(0x180000000, 0x1c0000000), mm::E820Type::Reserved});
  machine.firmware.push_back({range(0x1c0000000, 0x1d0000000), mm::E820Type::Ram});
  const Finding found = one(findings(machine), "firmware-keeps-much");
  EXPECT_EQ(found.bytes, kGiB);
  // What lies above the last RAM may be devices.
  machine.firmware.pop_back();
  EXPECT_EQ(names(findings(machine)), "");
}

TEST(ReplayFindings, TypesThatNobodyGets) {
  Machine machine = drawn(kWell);
  machine.firmware.push_back({range(0x200000000, 0x300000000), mm::E820Type::SoftReserved});
  machine.firmware.push_back({range(0x300000000, 0x300001000), mm::E820Type::Unusable});
  machine.firmware.push_back({range(0x400000000, 0x500000000), mm::E820Type::Pmem});
  EXPECT_EQ(names(findings(machine)), "soft-reserved unusable ");
  EXPECT_EQ(names(findings(machine), true), "persistent section-holes ");
  EXPECT_EQ(one(findings(machine), "soft-reserved").bytes, 4 * kGiB);
}

TEST(ReplayFindings, RamInNoNode) {
  const std::string nodes =
      "SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]\n"
      "SRAT: Node 1 PXM 1 [mem 0x100000000-0x16fffffff]\n";
  const Finding found = one(findings(drawn(kWell + nodes)), "ram-outside-srat");
  EXPECT_FALSE(found.note);  // Linux does not believe SRAT then
  EXPECT_EQ(found.bytes, 256 * mm::kMiB);
  EXPECT_EQ(found.where.front(), range(0x170000000, 0x180000000));
}

TEST(ReplayFindings, TwoNodesForOneByte) {
  const std::string nodes =
      "SRAT: Node 0 PXM 0 [mem 0x00000000-0x10fffffff]\n"
      "SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]\n";
  const Finding found = one(findings(drawn(kWell + nodes)), "srat-overlap");
  EXPECT_EQ(found.bytes, 256 * mm::kMiB);
  EXPECT_NE(found.text.find("nodes 0 and 1"), std::string::npos) << found.text;
}

TEST(ReplayFindings, HalfOfANodeIsMissing) {
  const std::string nodes =
      "SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]\n"
      "SRAT: Node 1 PXM 1 [mem 0x100000000-0x1ffffffff]\n";
  const Finding found = one(findings(drawn(kWell + nodes)), "node-incomplete");
  EXPECT_EQ(found.bytes, 2 * kGiB);
  EXPECT_EQ(found.where.front(), range(0x180000000, 0x200000000));
  EXPECT_EQ(found.text.substr(0, 26), "Node 1 lacks 2,048 MiB of ");
}

TEST(ReplayFindings, ANodeWithoutMemoryAndOneWithinAnother) {
  const auto found =
      findings(drawn(std::string(kWell) + "SRAT: PXM 2 -> APIC 0x02 -> Node 2\n"
                                          "SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]\n"
                                          "SRAT: Node 1 PXM 1 [mem 0x100000000-0x13fffffff]\n"
                                          "SRAT: Node 0 PXM 0 [mem 0x140000000-0x17fffffff]\n"));
  EXPECT_EQ(names(found), "");
  EXPECT_EQ(names(found, true), "node-without-memory nodes-interleaved section-holes ");
}

TEST(ReplayFindings, ABorderWithinASection) {
  const Finding found = one(
      findings(drawn(std::string(kWell) + "SRAT: Node 0 PXM 0 [mem 0x00000000-0x143ffffff]\n"
                                          "SRAT: Node 1 PXM 1 [mem 0x144000000-0x17fffffff]\n")),
      "node-border-unaligned");
  EXPECT_EQ(found.where.front(), range(0x140000000, 0x148000000));
}

TEST(ReplayFindings, A32BitKernel) {
  const std::string low = "max_arch_pfn = 0x100000\n885MB LOWMEM available.\n";
  EXPECT_EQ(one(findings(drawn(kWell + low)), "32-bit-kernel").bytes, 2 * kGiB);
  const std::string pae = "max_arch_pfn = 0x1000000\n885MB LOWMEM available.\n";
  EXPECT_TRUE(one(findings(drawn(kWell + pae)), "32-bit-kernel").note);
}

TEST(ReplayFindings, AKernelWithoutHighmem) {
  Machine machine = drawn(kWell);
  machine.ignored = {range(0x100000000, 0x140000000)};
  const auto machine_ran = replayed(machine);
  EXPECT_EQ(one(findings_of(*machine_ran), "no-highmem").bytes, kGiB);
  // Nothing was placed there.
  for (const mm::Reservation& each : machine_ran->relay().reservations().entries()) {
    EXPECT_FALSE(each.range.overlaps(machine.ignored.front())) << each.name;
  }
}

TEST(ReplayFindings, MemoryOfDifferentSpeed) {
  using Kind = replay::NodeSpeed::Kind;
  Machine machine = drawn(std::string(kWell) + kNodes);
  machine.speeds = {{Kind::ReadLatency, 0, 0, 80'000},
                    {Kind::ReadLatency, 0, 1, 250'500},
                    {Kind::ReadBandwidth, 0, 0, 100'000},
                    {Kind::ReadBandwidth, 0, 1, 28'000}};
  EXPECT_EQ(one(findings(machine), "memory-speeds-differ").text,
            "Memory is not equally fast (HMAT): read latency 80 ns from node 0 to node 0, 250.5 ns "
            "from node 0 to node 1; read bandwidth 100000 MB/s from node 0 to node 0, 28000 MB/s "
            "from node 0 to node 1.");
  for (auto& speed : machine.speeds) speed.value = 1;
  EXPECT_EQ(names(findings(machine), true), "section-holes ");
}

TEST(ReplayFindings, CpusOfNodes) {
  Machine machine = drawn(std::string(kWell) + kNodes);
  machine.cpus = replay::NodeCpus{.enabled = 9, .of = {4}, .in_none = {16, 17, 18, 19, 20}};
  const auto found = findings(machine);
  EXPECT_EQ(one(found, "node-without-cpus").bytes, 2 * kGiB);
  EXPECT_TRUE(one(found, "node-without-cpus").note);
  EXPECT_EQ(one(found, "cpu-without-node").text,
            "5 of 9 CPUs are in no node of SRAT's (APIC ids 0x10, 0x11, 0x12, 0x13, 0x14).");
}

TEST(ReplayFindings, LeftBehindByAnOption) {
  const Finding found =
      one(findings(drawn(std::string(kWell) +
                         "user: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
                         "user: [mem 0x0000000000100000-0x000000007fffffff] usable\n")),
          "left-by-option");
  EXPECT_EQ(found.bytes, 2 * kGiB);
}

TEST(ReplayFindings, OutOfReach) {
  Machine machine = drawn(kWell);
  machine.firmware.push_back(
      {range(uint64_t{1} << 46, (uint64_t{1} << 46) + kGiB), mm::E820Type::Ram});
  EXPECT_EQ(one(findings(machine), "ram-out-of-reach").bytes, kGiB);
}

TEST(ReplayFindings, MirroredMemoryAndEmptyWindows) {
  Machine machine = drawn(kWell);
  machine.mirrored = {range(0x100000000, 0x140000000)};
  machine.windows = {range(0x1000000000, 0x2000000000), range(0x100000000, 0x180000000)};
  EXPECT_EQ(one(findings(machine), "mirrored").bytes, kGiB);
  EXPECT_EQ(one(findings(machine), "cxl-window-empty").bytes, 64 * kGiB);
}

TEST(ReplayFindings, WhereLinuxHadAnotherResult) {
  const auto found = findings(drawn(std::string(kWell) + "Memory: 1K/2K available\n"));
  EXPECT_EQ(names(found), "differs-from-linux ");
}

TEST(ReplayFindings, TheCommandLineExplainsAnotherResult) {
  const auto why = [](const std::string& words) {
    const auto found = findings(drawn(kWell + words + "Memory: 1K/2K available\n"));
    return one(found, "differs-from-linux").advice;
  };
  EXPECT_EQ(
      why("Command line: quiet mem=4M numa=off\n"),
      "Its command line has mem=4M (it leaves out RAM); numa=off (it makes nodes of its own, or "
      "none).");
  EXPECT_EQ(
      why("Command line: elfcorehdr=0x1000 acpi_rsdp=0x2000\n"),
      "Its command line has elfcorehdr=0x1000 (a crash kernel, which kexec gave a small part of "
      "the machine); acpi_rsdp=0x2000 (kexec started it: its map is its predecessor's, as that "
      "passed it on).");
  EXPECT_NE(why("Command line: acpi=on quiet\n").find("says nothing of memory"), std::string::npos);
  EXPECT_NE(why("").find("which the log does not have"), std::string::npos);
}

TEST(ReplayFindings, SizesAreExactAndShort) {
  EXPECT_EQ(replay::size_words(1), "1 bytes");
  EXPECT_EQ(replay::size_words(4096), "4 KiB");
  EXPECT_EQ(replay::size_words(2 * kGiB), "2,048 MiB");
  EXPECT_EQ(replay::size_words(64 * kGiB), "64 GiB");
  EXPECT_EQ(replay::size_words(12 * mm::kKiB + 512), "12.5 KiB");
}

TEST(ReplayOwners, FromTheFirmwareToBuddy) {
  const auto machine = replayed(drawn(std::string(kWell) + kNodes));
  std::string text;
  for (const replay::Owner& owner : owners_of(*machine, Phys{0x150000000})) {
    text += std::string(owner.station) + "=" + owner.what + " ";
  }
  EXPECT_EQ(text,
            "firmware=usable e820=usable SRAT=node 1 node=1 zone=Normal pageblock=Movable "
            "block=free, in a block of order 17 ");
  const auto hole = owners_of(*machine, Phys{0xc0000000});
  EXPECT_EQ(hole.front().what, "not in its map");
  const auto bytes = owners_of(*machine, Phys{0x80000000});
  EXPECT_EQ(bytes.front().what, "reserved");
}

TEST(ReplayWhatIf, OptionsOfTheKernel) {
  const auto machine = replayed(drawn(kWell), {.words = "mem=1G"});
  EXPECT_EQ(machine->relay().e820().last_pfn(), mm::Pfn{0x40000});
  const auto more = replayed(drawn(kWell), {.words = "memmap=1G@0x200000000 kernelcore=1G"});
  EXPECT_EQ(more->relay().e820().last_pfn(), mm::Pfn{0x240000});
  EXPECT_NE(replayed(drawn(kWell), {.words = "early=bootmem"})->log().find("bootmap"),
            std::string::npos);
  for (const char* words : {"mem=much", "early=late"}) {
    Replayed wrong;
    EXPECT_FALSE(wrong.run(drawn(kWell), {.words = words}).ok()) << words;
  }
}

TEST(ReplayWhatIf, ADimmMore) {
  Machine machine = drawn(std::string(kWell) + kNodes);
  ASSERT_TRUE(replay::add_dimm("16G@1", machine).ok());
  EXPECT_EQ(machine.firmware.back().range, range(0x180000000, 0x580000000));
  EXPECT_EQ(replayed(machine)->relay().layout().nodes[1].present, (18 * kGiB) >> mm::kPageShift);
  EXPECT_FALSE(replay::add_dimm("16G@1024", machine).ok());
  EXPECT_FALSE(replay::add_dimm("64T", machine).ok());
  EXPECT_FALSE(replay::add_dimm("few", machine).ok());
}

TEST(ReplayWhatIf, WhereACrashKernelLands) {
  const auto machine = replayed(drawn(kWell));
  const auto text = [&](const char* wanted) {
    const auto parsed = replay::parse_crashkernel(wanted);
    EXPECT_TRUE(parsed.ok()) << wanted;
    return replay::crashkernel_text(*machine, parsed.value());
  };
  EXPECT_EQ(text("512M"), "crashkernel=512 MiB: [mem 0x60000000-0x7fffffff]\n");
  EXPECT_EQ(text("512M,high"),
            "crashkernel=512 MiB,high: [mem 0x160000000-0x17fffffff]\n"
            "  and 256 MiB below 4 GiB: [mem 0x70000000-0x7fffffff]\n");
  EXPECT_NE(text("3G").find("fits nowhere. Below 4 GiB the largest stretch is 2,047 MiB"),
            std::string::npos);
  EXPECT_FALSE(replay::parse_crashkernel("512M,low").ok());
  EXPECT_FALSE(replay::parse_crashkernel("").ok());
}

TEST(ReplayWhatIf, ReservationsAndWholeGigabytes) {
  const auto reserved = replay::parse_reservation("MINE=64M@0x150000000");
  ASSERT_TRUE(reserved.ok());
  const auto machine = replayed(drawn(kWell), {.reserved = {reserved.value()}});
  EXPECT_STREQ(machine->relay().reservations().find(Phys{0x150000000})->name, "MINE");
  // Of the four GiB one has the reservation, one Baton's own, one begins with page 0.
  EXPECT_EQ(replay::hugepages_text(*machine, 3),
            "hugepagesz=1G hugepages=3: only 2 are there\n"
            "  node 0: 2 whole GiB are free, of 4,095.6 MiB\n");
  for (const char* wrong :
       {"", "=4K@0", "A=4K", "A=0@0", "A=4K@0x10000000000000", "FIFTEEN_LETTERS=4K@0x1000"}) {
    EXPECT_FALSE(replay::parse_reservation(wrong).ok()) << wrong;
  }
}

TEST(ReplayWhatIf, BadPagesAndTheirOption) {
  const auto machine = replayed(drawn(kWell));
  const std::string text = replay::bad_pages_text(*machine, {Phys{0x150000123}, Phys{0x1000}});
  EXPECT_NE(text.find("memmap=4K$0x150000000,4K$0x1000\n"), std::string::npos) << text;
}

}  // namespace
