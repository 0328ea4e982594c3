// What the maps of other programs say, with right values: one small machine in each spelling.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/replay/formats/format.h"
#include "tools/replay/log_text.h"
#include "tools/replay/machine_text.h"

namespace {

using replay::Format;
using replay::lines_of;
using replay::Machine;

// Its map and nodes, without the heading.
std::string facts(Machine machine) {
  machine.remarks.clear();
  machine.linux_made = {};
  machine.mirrored.clear();
  std::string text = replay::facts_text(machine, "m");
  return text.substr(text.find("\n\n") + 2);
}

Machine read(const Format& expected, const std::string& text) {
  const auto lines = lines_of(text);
  const Format* const format = replay::format_of(lines);
  EXPECT_EQ(format, &expected) << (format == nullptr ? "none" : format->name);
  return replay::read_as(expected, lines);
}

std::string remarks(const Machine& machine) {
  std::string text;
  for (const replay::Remark& remark : machine.remarks) {
    text += std::to_string(remark.line) + ": " + remark.text + "\n";
  }
  return text;
}

constexpr const char* kMachine =
    "e820 0x000000000000 0x0000000a0000 usable\n"
    "e820 0x000000100000 0x000080000000 usable\n"
    "e820 0x000080000000 0x000090000000 reserved\n"
    "e820 0x000100000000 0x000180000000 usable\n";
constexpr const char* kNodes =
    "\n"
    "srat-memory 0 0x000000000000 0x000080000000\n"
    "srat-memory 1 0x000100000000 0x000180000000\n"
    "\n"
    "pxm 0 0\n"
    "pxm 1 1\n";

TEST(ReplayFormats, IomemIsReadAtItsOuterLevel) {
  const Machine machine = read(replay::kIomemFormat,
                               "00000000-0009ffff : System RAM\n"
                               "000a0000-000bffff : PCI Bus 0000:00\n"
                               "  000a0000-000a0fff : Reserved\n"
                               "00100000-7fffffff : System RAM\n"
                               "  01000000-01a00000 : Kernel code\n"
                               "80000000-8fffffff : Reserved\n"
                               "100000000-17fffffff : System RAM\n");
  EXPECT_EQ(facts(machine), kMachine);
  EXPECT_EQ(remarks(machine), "");
}

TEST(ReplayFormats, IomemForOthersThanRootHasNoAddresses) {
  const Machine machine = read(replay::kIomemFormat,
                               "00000000-00000000 : System RAM\n"
                               "00000000-00000000 : Reserved\n");
  EXPECT_TRUE(machine.firmware.empty());
  EXPECT_NE(remarks(machine).find("root"), std::string::npos);
}

TEST(ReplayFormats, XenSaysNodesToo) {
  EXPECT_EQ(facts(read(replay::kXenFormat,
                       "(XEN) EFI RAM map:\n"
                       "(XEN)  [0000000000000000, 000000000009ffff] (usable)\n"
                       "(XEN)  [0000000000100000, 000000007fffffff] (usable)\n"
                       "(XEN)  0000000080000000 - 0000000090000000 (reserved)\n"
                       "(XEN)  [0000000100000000, 000000017fffffff] (usable)\n"
                       "(XEN) SRAT: Node 0 PXM 0 0-80000000\n"
                       "(XEN) SRAT: Node 1 PXM 1 [0000000100000000, 000000017fffffff]\n")),
            std::string(kMachine) + kNodes);
}

TEST(ReplayFormats, FreeBsdSaysNodesToo) {
  EXPECT_EQ(facts(read(replay::kFreeBsdFormat,
                       "SMAP type=01 base=0000000000000000 len=00000000000a0000\n"
                       "SMAP type=01, xattr=01, base=0000000000100000, len=000000007ff00000\n"
                       "SMAP type=02 base=0000000080000000 len=0000000010000000\n"
                       "SMAP type=01 base=0000000100000000 len=0000000080000000\n"
                       "SRAT: Found memory domain 0 addr 0x0 len 0x80000000: enabled\n"
                       "SRAT: Found memory domain 2 addr 0x200000000 len 0x80000000: disabled\n"
                       "SRAT: Found memory domain 1 addr 0x100000000 len 0x80000000: enabled\n")),
            std::string(kMachine) + kNodes);
}

TEST(ReplayFormats, EfiOfLinuxKnowsWhatIsMirroredAndSetApart) {
  const Machine machine = read(
      replay::kEfiLogFormat,
      "efi: mem00: [Conventional Memory|   |  |  |WB|WT|WC|UC] range=[0x0-0x9ffff] (0MB)\n"
      "efi: mem01: [Boot Data    |RUN|MR|  |WB|WT|WC|UC] range=[0x100000-0x7fffffff] (2047MB)\n"
      "efi: mem02: type=0, attr=0x1, range=[0x80000000-0x90000000) (256MB)\n"
      "efi:   0x000100000000-0x00017fffffff [Conventional |   |  |WB|WT|WC|UC]\n"
      "efi: mem04: [Conventional |   |SP|WB|WT|WC|UC] range=[0x200000000-0x2ffffffff] (4096MB)\n"
      "efi: mem05: [Nobody knows |   |  |WB|WT|WC|UC] range=[0x300000000-0x3ffffffff] (4096MB)\n");
  EXPECT_EQ(facts(machine),
            std::string(kMachine) + "e820 0x000200000000 0x000300000000 soft-reserved\n");
  ASSERT_EQ(machine.mirrored.size(), 1u);
  EXPECT_EQ(machine.mirrored[0], (mm::Range{mm::Phys{0x100000}, mm::Phys{0x80000000}}));
  EXPECT_EQ(remarks(machine).substr(0, 18), "6: cannot be read:");
}

TEST(ReplayFormats, ShellAndGrubMustAgreeWithTheirPages) {
  const Machine shell = read(replay::kShellFormat,
                             "Type       Start            End              # Pages\n"
                             "BS_Data    0000000000000000-000000000009FFFF 00000000000000A0 0F\n"
                             "Available  0000000000100000-000000007FFFFFFF 000000000007FF00 0F\n"
                             "Available  0000000000200000-00000000002FFFFF 0000000000000001 0F\n"
                             "Reserved   0000000080000000-000000008FFFFFFF 0000000000010000 01\n"
                             "LoaderCode 0000000100000000-000000017FFFFFFF 0000000000080000 0F\n");
  EXPECT_EQ(facts(shell), kMachine);
  EXPECT_EQ(remarks(shell).substr(0, 18), "4: cannot be read:");
}

TEST(ReplayFormats, NodeRangesOfAnArmLog) {
  const Machine machine = read(replay::kNodeRangesFormat,
                               "Early memory node ranges\n"
                               "  node   0: [mem 0x0000000040000000-0x00000000fffeffff]\n"
                               "  node   1: [mem 0x0000000100000000-0x000000013fffffff]\n");
  EXPECT_EQ(facts(machine),
            "e820 0x000040000000 0x0000ffff0000 usable\n"
            "e820 0x000100000000 0x000140000000 usable\n"
            "\n"
            "srat-memory 0 0x000040000000 0x0000ffff0000\n"
            "srat-memory 1 0x000100000000 0x000140000000\n"
            "\n"
            "pxm 0 0\n"
            "pxm 1 1\n");
}

TEST(ReplayFormats, ZoneinfoHasNodesAndSaysWhatItDoesNotKnow) {
  const Machine machine = read(replay::kZoneinfoFormat,
                               "Node 0, zone      DMA\n"
                               "  pages free     3840\n"
                               "        spanned  4095\n"
                               "        present  3999\n"
                               "  start_pfn:           1\n"
                               "Node 1, zone   Normal\n"
                               "        spanned  524288\n"
                               "        present  524288\n"
                               "  start_pfn:           1048576\n"
                               "Node 1, zone  Movable\n"
                               "        spanned  0\n"
                               "        present  0\n"
                               "  start_pfn:           0\n");
  EXPECT_EQ(facts(machine),
            "e820 0x000000001000 0x000001000000 usable\n"
            "e820 0x000100000000 0x000180000000 usable\n"
            "\n"
            "srat-memory 0 0x000000001000 0x000001000000\n"
            "srat-memory 1 0x000100000000 0x000180000000\n"
            "\n"
            "pxm 0 0\n"
            "pxm 1 1\n");
  EXPECT_EQ(remarks(machine).substr(0, 12), "0: 96 frames");
}

TEST(ReplayFormats, QemusArguments) {
  EXPECT_EQ(facts(read(replay::kQemuFormat,
                       "exec qemu-system-x86_64 -machine q35,smm=on \\\n"
                       "  -m 4G -object memory-backend-ram,id=a,size=2G \\\n"
                       "  -object memory-backend-ram,size=2048M,id=b \\\n"
                       "  -numa node,nodeid=0,memdev=a -numa node,memdev=b,nodeid=1\n")),
            "e820 0x000000000000 0x0000000a0000 usable\n"
            "e820 0x000000100000 0x000080000000 usable\n"
            "e820 0x000100000000 0x000180000000 usable\n" +
                std::string(kNodes));
  EXPECT_EQ(facts(read(replay::kQemuFormat, "qemu-system-x86_64 -m 3000\n")),
            "e820 0x000000000000 0x0000000a0000 usable\n"
            "e820 0x000000100000 0x0000bb800000 usable\n");
  const Machine none = read(replay::kQemuFormat, "qemu-system-x86_64 -m 0\n");
  EXPECT_TRUE(none.firmware.empty());
  ASSERT_FALSE(none.remarks.empty());
  EXPECT_EQ(none.remarks.front().text, "cannot be read: less RAM than such a machine has");
  const Machine arm = read(replay::kQemuFormat, "qemu-system-aarch64 -M virt -m 1024\n");
  EXPECT_EQ(facts(arm), "e820 0x000040000000 0x000080000000 usable\n");
  EXPECT_EQ(arm.kind, replay::MachineKind::Arm64);
}

// As loader/report_json.cpp writes it, and as a formatter would.
TEST(ReplayFormats, BatonsReport) {
  const std::string report = R"({
  "version": 1,
  "summary": [
    "say \"{\" and [",
    "Ledger: closed"
  ],
  "map": [
    {"start": "0x0", "pages": 160, "type": 7, "name": "Conventional", "attributes": "0xf"},
    {"start": "0x100000", "pages": 524032, "type": 2, "name": "Loader Data", "attributes": "0xf"},
    {
      "attributes": "0x800000000000000f",
      "type": 6, "pages": 65536, "start": "0x80000000", "name": "Runtime Data"
    },
    {"start": "0x100000000", "pages": 524288, "type": 7, "name": "Conventional", "attributes": "0x1000f"},
    {"start": "much", "pages": 1, "type": 7, "name": "Conventional", "attributes": "0xf"}
  ]
}
)";
  const Machine machine = read(replay::kReportFormat, report);
  EXPECT_EQ(facts(machine), kMachine);
  ASSERT_EQ(machine.mirrored.size(), 1u);
  EXPECT_EQ(remarks(machine).substr(0, 20), "15: cannot be read: ");
}

TEST(ReplayFormats, WhatReplayItselfPrints) {
  const Machine machine = read(replay::kReplayJsonFormat, R"({
 "firmware": [
  {
   "type": "usable",
   "start": 0,
   "end": 655360
  },
  {"type": "usable", "start": 1048576, "end": 2147483648},
  {"type": "reserved", "start": 2147483648, "end": 2415919104},
  {"type": "usable", "start": 4294967296, "end": 6442450944}
 ],
 "e820": [{"type": "usable", "start": 4096, "end": 655360}],
 "srat": [
  {"node": 0, "hotplug": false, "nonvolatile": false, "start": 0, "end": 2147483648},
  {"node": 1, "hotplug": true, "nonvolatile": false, "start": 4294967296, "end": 6442450944},
  {"node": 5000, "hotplug": true, "nonvolatile": false, "start": 0, "end": 1}
 ]
})");
  std::string nodes = kNodes;
  nodes.insert(nodes.find("\n\npxm"), " hotplug");
  EXPECT_EQ(facts(machine), kMachine + nodes);
  EXPECT_EQ(remarks(machine).substr(0, 20), "16: cannot be read: ");
}

TEST(ReplayFormats, NothingIsTakenForAMap) {
  for (const char* text : {"", "nothing of interest\n", "08:15-09:30 : meeting\n",
                           "node 0 has 3 cats\n", "[a -> b] : c <d>\n", "Reserved seats 12-15\n"}) {
    EXPECT_EQ(replay::format_of(lines_of(text)), nullptr) << text;
  }
}

TEST(ReplayFormats, RangesThatCannotBeAreNamedByLine) {
  const Machine machine = read(replay::kFreeBsdFormat,
                               "SMAP type=01 base=0000000000000000 len=00000000000a0000\n"
                               "SMAP type=01 base=fffffffffffff000 len=0000000000002000\n"
                               "SMAP type=01 base=0010000000000000 len=0000000000002000\n"
                               "SMAP type=02 base=000ffffffffff000 len=0000000000002000\n");
  EXPECT_EQ(facts(machine),
            "e820 0x000000000000 0x0000000a0000 usable\n"
            "e820 0xffffffffff000 0x10000000000000 reserved\n");
  const std::string said = remarks(machine);
  EXPECT_NE(said.find("2: cannot be read"), std::string::npos) << said;
  EXPECT_NE(said.find("3: lies above 2^52"), std::string::npos) << said;
  EXPECT_NE(said.find("4: reaches above 2^52"), std::string::npos) << said;
}

}  // namespace
