#include "tools/replay/log_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/drawn_machine.h"
#include "tools/replay/log_text.h"

namespace {

using mm::E820Type;
using replay::Log;
using replay::read_log;

// `0x1000-0x9efff usable`, last byte inclusive, a line each.
std::string map_of(const Log& log) {
  std::vector<mm::E820Entry> storage(log.room_for_map());
  const mm::E820Table map = test::must(log.map(storage));
  test::Log text;
  for (const mm::E820Entry& entry : map.entries()) {
    text.printer().line("{}-{:#x} {}", entry.range.start, entry.range.end.v - 1,
                        mm::e820_type_name(entry.type));
  }
  return text.take();
}

std::string ranges_of(const std::vector<mm::Range>& ranges) {
  test::Log text;
  for (const mm::Range& range : ranges) {
    text.printer().line("{}-{:#x}", range.start, range.end.v - 1);
  }
  return text.take();
}

std::string srat_of(const Log& log) {
  test::Log text;
  for (const mm::MemoryAffinity& entry : log.srat) {
    text.printer().line("{}: {}-{:#x}{}", entry.node, entry.range.start, entry.range.end.v - 1,
                        entry.hotplug ? " hotplug" : "");
  }
  return text.take();
}

// `line: text`, a line each.
std::string said(const Log& log) {
  std::string text;
  for (const auto& remarks : {log.refused, log.remarks}) {
    for (const replay::Remark& remark : remarks) {
      text += std::to_string(remark.line) + ": " + remark.text + "\n";
    }
  }
  return text;
}

constexpr const char* kPlain =
    "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff] usable\n"
    "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n"
    "[    0.000000] BIOS-e820: [mem 0x0000000040000000-0x000000004fffffff] reserved\n"
    "[    0.000000] ACPI: SRAT: Node 1 PXM 4 [mem 0x00000000-0x3fffffff] hotplug\n";
constexpr const char* kPlainMap =
    "0x0-0x8ffff usable\n0x100000-0x3fffffff usable\n0x40000000-0x4fffffff reserved\n";

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

TEST(LogReader, TheWordsOfAllKernels) {
  const std::string map = "0x0-0x8ffff usable\n0x90000-0x9ffff reserved\n";
  for (const char* text : {
           "BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff] usable\n"
           "BIOS-e820: [mem 0x0000000000090000-0x000000000009ffff] reserved\n",
           // Linux 7.
           "BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff]  System RAM\n"
           "BIOS-e820: [mem 0x0000000000090000-0x000000000009ffff]  device reserved\n"
           "BIOS-e820: [gap 0x00000000000a0000-0x00000000000fffff]\n",
           // Before 3.5.
           " BIOS-e820: 0000000000000000 - 0000000000090000 (usable)\n"
           " BIOS-e820: 0000000000090000 - 00000000000a0000 (reserved)\n",
           " BIOS-88: 0000000000000000 - 0000000000090000 (usable)\n"
           " BIOS-88: 0000000000090000 - 00000000000a0000 (reserved)\n",
           // 2.4.0.
           " BIOS-e801: 0000000000090000 @ 0000000000000000 (usable)\n"
           " BIOS-e801: 0000000000010000 @ 0000000000090000 (reserved)\n",
       }) {
    const Log log = read_log(text);
    EXPECT_EQ(map_of(log), map) << text;
    EXPECT_EQ(said(log), "") << text;
    EXPECT_EQ(log.boots, 1u);
  }
}

TEST(LogReader, EveryTypeThatLinuxNames) {
  const Log log = read_log(R"(
BIOS-e820: [mem 0x0000000000000000-0x0000000000000fff] ACPI data
BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff] ACPI NVS
BIOS-e820: [mem 0x0000000000002000-0x0000000000002fff] unusable
BIOS-e820: [mem 0x0000000000003000-0x0000000000003fff] persistent (type 7)
BIOS-e820: [mem 0x0000000000004000-0x0000000000004fff] persistent RAM (type 12)
BIOS-e820: [mem 0x0000000000005000-0x0000000000005fff] soft reserved
BIOS-e820: [mem 0x0000000000006000-0x0000000000006fff] type 20
BIOS-e820: [mem 0x0000000000007000-0x0000000000007fff] kernel usable RAM
BIOS-e820: [mem 0x0000000000008000-0x0000000000008fff] unaccepted
)");
  std::vector<E820Type> types;
  for (const mm::E820Entry& entry : log.firmware) types.push_back(entry.type);
  EXPECT_EQ(types, (std::vector{E820Type::Acpi, E820Type::Nvs, E820Type::Unusable, E820Type::Pmem,
                                E820Type::Pram, E820Type::SoftReserved, E820Type{20}, E820Type::Ram,
                                E820Type::Unaccepted}));
  EXPECT_EQ(said(log), "");
}

TEST(LogReader, PastedInAnyWay) {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = kPlain;
    replace_all(text, from, to);
    return text;
  };
  std::string wide("\xff\xfe", 2);
  for (const char* c = kPlain; *c != '\0'; ++c) wide += {*c, '\0'};
  for (const std::string& text :
       {std::string(kPlain), with("BIOS-e820: ", "\x1b[33mBIOS-e820: \x1b[0m"),
        with("BIOS-e820: ", "[33mBIOS-e820: [0m"), with("\n", "\t\n"), with("\n", "\r\n"),
        with("reserved\n", "reserved   <-- what is this?\n"), with("[    0.0", "> [    0.0"),
        with("[mem ", "[mem\t"), with("\n", "\\n"), with("\n", "<br/>"),
        with("] usable", "]\n  usable"),
        with("-0x",
             "\xe2\x80\x93"
             "0x"),
        with("\n", "\n\n"), wide, wide.substr(2), "\xef\xbb\xbf" + std::string(kPlain)}) {
    const Log log = read_log(text);
    EXPECT_EQ(map_of(log), kPlainMap) << text;
    EXPECT_EQ(srat_of(log), "1: 0x0-0x3fffffff hotplug\n") << text;
    EXPECT_EQ(said(log), "") << text;
    EXPECT_EQ(log.boots, 1u) << text;
  }
}

TEST(LogReader, WhatCannotBeReadIsNamedAndSkipped) {
  const Log log = read_log(R"(BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x00000000
BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] usab
BIOS-e820: [mem 0x0000000000300000-0x00000000002fffff] usable
BIOS-e820: [mem 0x0000000000300000-0x1000000000000ffff] usable
BIOS-e820: [mem 0xfff0000000000000-0xffffffffffffffff] usable
BIOS-e820: [mem 0x000f000000000000-0xffffffffffffffff] reserved
BIOS-e820: [mem 0x0010000000000000-0x00000000ffffffff] type 4294967298
SRAT: Node 0 PXM 99999999999 [mem 0x00000000-0x7fff]
SRAT: PXM 0 -> APIC 0x00
BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] usables
)");
  EXPECT_EQ(map_of(log), "0x0-0x8ffff usable\n0xf000000000000-0xfffffffffffff reserved\n");
  const std::string text = said(log);
  for (const char* line :
       {"2: cannot be read: BIOS-e820", "3: cannot be read", "4: ends before it begins, skipped",
        "5: cannot be read", "6: lies above 2^52", "7: reaches above 2^52", "8: cannot be read",
        "10: cannot be read", "11: cannot be read"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  EXPECT_EQ(said(read_log("x\r\r\nBIOS-e820: [mem 0x0\r\r\n")),
            "2: cannot be read: BIOS-e820: [mem 0x0\n");
}

TEST(LogReader, WhatOverlapsIsNamedAndWhatStandsTwiceIsNot) {
  const std::string first =
      "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff] usable\n";
  EXPECT_EQ(said(read_log(first + kPlain)), "");
  EXPECT_EQ(map_of(read_log(first + kPlain)), kPlainMap);
  const Log log =
      read_log(first + "BIOS-e820: [mem 0x0000000000080000-0x000000000009ffff] reserved\n");
  EXPECT_EQ(said(log).find("2: overlaps or precedes the entry before it"), 0u) << said(log);
}

TEST(LogReader, ListsThatAreNotTheFirmwares) {
  const std::string range = "[mem 0x0000000000000000-0x000000000008ffff] usable\n";
  const std::string map = "0x0-0x8ffff usable\n";
  const Log guest = read_log("(XEN)  BIOS-e820: [mem 0x0-0xfff] usable\nXen: " + range);
  EXPECT_EQ(map_of(guest), map);
  EXPECT_EQ(said(guest), "0: the list is what Xen gives this guest, not the machine's\n");
  // What the options made of it takes its place.
  EXPECT_EQ(map_of(read_log(std::string(kPlain) + "user: " + range)), map);
  const Log extended = read_log("reserve setup_data: " + range);
  EXPECT_EQ(map_of(extended), map);
  EXPECT_NE(said(extended).find("taken instead: Linux's with setup_data"), std::string::npos);
  // The first of several: each has a heading.
  const std::string header = "modified physical RAM map:\n";
  const Log modified = read_log(header + "modified: " + range + header +
                                "modified: [mem 0x0000000000001000-0x000000000009ffff] usable\n");
  EXPECT_EQ(map_of(modified), map);
  EXPECT_NE(said(modified).find("taken instead: the one Linux had modified"), std::string::npos);
}

TEST(LogReader, AnOldSratEntryEndsOnePastIt) {
  const Log log = read_log(R"(
SRAT: Node 0 PXM 0 0-80000000
SRAT: Node 0 PXM 0 100000000-280000000
SRAT: Node 1 PXM 1 280000000-480000000
SRAT: Node 2 PXM 2 480000000-4ffffffff
)");
  // The last is 2.6.12's, which printed the last byte.
  EXPECT_EQ(srat_of(log),
            "0: 0x0-0x7fffffff\n0: 0x100000000-0x27fffffff\n1: 0x280000000-0x47fffffff\n"
            "2: 0x480000000-0x4ffffffff\n");
  EXPECT_EQ(log.named.count(), 3u);
  EXPECT_EQ(said(log), "");
}

TEST(LogReader, ANodeBeyondWhatAreHeld) {
  const Log log = read_log(
      "SRAT: PXM 0 -> APIC 0x00 -> Node 3\nSRAT: PXM 9 -> APIC 0x09 -> Node 65000\n"
      "SRAT: PXM 9 -> APIC 0x09 -> Node 65539\n");
  EXPECT_EQ(log.named.count(), 1u);
  EXPECT_NE(said(log).find("2: node id is too large (65000, at most 1023)"), std::string::npos);
  EXPECT_NE(said(log).find("3: node id is too large (65539, at most 1023)"), std::string::npos);
  EXPECT_TRUE(log.refused.empty());
  // Its memory cannot be left out.
  const Log memory = read_log("SRAT: Node 65537 PXM 1 [mem 0x00000000-0x7fffffff]\n");
  ASSERT_EQ(memory.refused.size(), 1u);
  EXPECT_EQ(memory.refused[0].text, "node id is too large (65537, at most 1023)");
}

TEST(LogReader, TheLastOfSeveralBoots) {
  const std::string first =
      "kernel: Linux version 6.1.0 (a@b)\n"
      "kernel: BIOS-provided physical RAM map:\n"
      "kernel: BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff] usable\n"
      "kernel: BIOS-e820: [mem 0x0000000000100000-0x00000000ffffffff] usable\n";
  const std::string second =
      "kernel: Linux version 6.1.0 (a@b)\n"
      "kernel: BIOS-provided physical RAM map:\n"
      "kernel: BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff] usable\n"
      "kernel: BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n";
  const auto bare = [](std::string text) {
    replace_all(text, "kernel: Linux version 6.1.0 (a@b)\n", "");
    return text;
  };
  const auto lists = [&](std::string text) {
    text = bare(text);
    replace_all(text, "kernel: BIOS-provided physical RAM map:\n", "");
    return text;
  };
  const std::string last_map = "0x0-0x8ffff usable\n0x100000-0x3fffffff usable\n";
  for (const std::string& text :
       {first + second, bare(first) + bare(second), lists(first) + lists(second)}) {
    const Log log = read_log(text);
    EXPECT_EQ(log.boots, 2u) << text;
    EXPECT_EQ(map_of(log), last_map);
    EXPECT_EQ(said(log), "0: 2 boots in this log; this is number 2\n");
    EXPECT_EQ(map_of(read_log(text, 1)), "0x0-0x8ffff usable\n0x100000-0xffffffff usable\n");
    EXPECT_EQ(read_log(text, 3).boot, 0u);
  }
  // A heading alone tells, where the second list has lost its beginning.
  const std::string heading = "BIOS-provided physical RAM map:\n";
  const Log headed =
      read_log(heading + "BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff] usable\n" +
               heading + "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n");
  EXPECT_EQ(headed.boots, 2u);
  EXPECT_EQ(map_of(headed), "0x100000-0x3fffffff usable\n");
  // One whose list is lost is no reason to mix them.
  const Log cut = read_log(first + "Linux version 6.1.0 (a@b)\n" + kPlain[0]);
  EXPECT_EQ(cut.boots, 1u);
  EXPECT_NE(said(cut).find("5: a boot begins here that has no e820 list"), std::string::npos);
}

constexpr const char* kTrimmed = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x00000002ffffffff] usable
e820: update [mem 0x00000000-0x00000fff] usable ==> reserved
e820: remove [mem 0x000a0000-0x000fffff] usable
MTRR default type: uncachable
)";

TEST(LogReader, MtrrTrimsAreThoseBeforeTheWarning) {
  const std::string updates =
      "e820: update [mem 0x80000000-0xffffffff] usable ==> reserved\n"
      "e820: update [mem 0x200000000-0x2ffffffff] usable ==> reserved\n";
  const std::string ranges = "0x80000000-0xffffffff\n0x200000000-0x2ffffffff\n";
  const std::string warning =
      "WARNING: BIOS bug: CPU MTRRs don't cover all of memory, losing 5120MB of RAM.\n";
  const Log log = read_log(kTrimmed + updates + warning +
                           "e820: update [mem 0x1000000-0x1ffffff] usable ==> reserved\n");
  EXPECT_EQ(ranges_of(log.mtrr_trims), ranges);
  EXPECT_EQ(said(log), "");

  // What else was taken right before does not count: the figure in the warning tells.
  const std::string other = "e820: update [mem 0x1000000-0x1ffffff] usable ==> reserved\n";
  EXPECT_EQ(ranges_of(read_log(kTrimmed + other + updates + warning).mtrr_trims), ranges);
  // Nor what other lines lie between, nor the BIOS's pages, where the figure fits nothing.
  const std::string low = "e820: update [mem 0x00000000-0x0000ffff] usable ==> reserved\n";
  std::string odd = warning;
  replace_all(odd, "5120", "5121");
  const Log unfit = read_log(kTrimmed + other + "last_pfn = 1\n" + low + updates + odd);
  EXPECT_EQ(ranges_of(unfit.mtrr_trims), ranges);

  // The words of 2.6.
  const Log old =
      read_log(std::string(kTrimmed) +
               "e820 update range: 0000000080000000 - 0000000100000000 (usable) ==> (reserved)\n"
               "e820 update range: 0000000200000000 - 0000000300000000 (usable) ==> (reserved)\n" +
               warning);
  EXPECT_EQ(ranges_of(old.mtrr_trims), ranges);

  // Without the updates the list tells that came of them.
  // A list from before the warning does not.
  const Log listed =
      read_log(std::string(kTrimmed) +
               "modified: [mem 0x0000000000001000-0x000000000009ffff] usable\n" + warning +
               "modified physical RAM map:\n"
               "modified: [mem 0x0000000000001000-0x000000000009ffff] usable\n"
               "modified: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
               "modified: [mem 0x0000000080000000-0x00000000bfffffff] reserved\n"
               "modified: [mem 0x0000000100000000-0x00000001ffffffff] usable\n"
               "modified: [mem 0x0000000200000000-0x00000002ffffffff] reserved\n");
  EXPECT_EQ(ranges_of(listed.mtrr_trims), "0x80000000-0xbfffffff\n0x200000000-0x2ffffffff\n");
  EXPECT_EQ(said(listed), "");
  // Nor does one that comes after that with a heading of its own, here of the same RAM as before.
  const std::string taken =
      "modified physical RAM map:\n"
      "modified: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
      "modified: [mem 0x0000000100000000-0x00000001ffffffff] usable\n";
  const Log again = read_log(kTrimmed + warning + taken +
                             "modified physical RAM map:\n"
                             "modified: [mem 0x0000000000100000-0x00000000bfffffff] usable\n"
                             "modified: [mem 0x0000000100000000-0x00000002ffffffff] usable\n");
  EXPECT_EQ(ranges_of(again.mtrr_trims), "0x80000000-0xbfffffff\n0x200000000-0x2ffffffff\n");

  // With neither it is said.
  const Log lost = read_log(kTrimmed + warning);
  EXPECT_EQ(said(lost),
            "0: Linux lost 5120 MiB to MTRRs, but the log shows where 0 MiB of it lie\n");

  // An excerpt without the warning.
  const Log excerpt = read_log(kTrimmed + updates);
  EXPECT_EQ(ranges_of(excerpt.mtrr_trims), "0x80000000-0xffffffff\n");
}

TEST(LogReader, A32BitKernel) {
  const std::string list =
      "BIOS-e820: [mem 0x0000000000000000-0x00000000be7bffff] usable\n"
      "max_arch_pfn = 0x100000\n2162MB HIGHMEM available.\n885MB LOWMEM available.\n";
  const Log log = read_log(list +
                           "Zone ranges:\n"
                           "  DMA      [mem 0x0000000000001000-0x0000000000ffffff]\n"
                           "  Normal   [mem 0x0000000001000000-0x00000000375fdfff]\n"
                           "  HighMem  [mem 0x00000000375fe000-0x00000000be7bffff]\n");
  ASSERT_TRUE(log.end_of_low);
  EXPECT_EQ(log.end_of_low->v, 0x375fe000u);
  EXPECT_EQ(log.end_of_reach->v, 4 * mm::kGiB);
  EXPECT_EQ(said(log), "0: the log of a 32-bit kernel: lowmem ends at 0x375fe000\n");
  EXPECT_EQ(read_log(list).end_of_low->v, 885 * mm::kMiB);
  EXPECT_EQ(read_log(list + " low ram: 0 - 375fe000\n").end_of_low->v, 0x375fe000u);
  EXPECT_EQ(read_log("Linux version 6.1.0-9-686 (a@b)\n" + list.substr(0, list.find("max_arch")))
                .end_of_low->v,
            896 * mm::kMiB);
  EXPECT_FALSE(read_log(kPlain).end_of_low);
}

// Where lines begin matters here; JSON and HTML have other ends for them.
TEST(LogReader, WhatLinuxMadeOfItPasted) {
  const std::string plain =
      "Zone ranges:\n  DMA      [mem 0x0000000000001000-0x0000000000ffffff]\n"
      "  Normal   empty\nEarly memory node ranges\n";
  for (const char* end : {"\n", "\\n", "<br>"}) {
    std::string text = plain;
    replace_all(text, "\n", end);
    EXPECT_EQ(read_log(text).linux_made.zones.size(), 2u) << text;
  }
}

TEST(LogReader, WhatLinuxMadeOfIt) {
  const Log log = read_log(std::string(kPlain) +
                           "Zone ranges:\n"
                           "  DMA      [mem 0x0000000000001000-0x0000000000ffffff]\n"
                           "  Normal   empty\n"
                           "Early memory node ranges\n"
                           "  node   0: [mem 0x0000000000001000-0x000000000008ffff]\n"
                           "Memory: 1000K/1047996K available\n");
  ASSERT_EQ(log.linux_made.zones.size(), 2u);
  EXPECT_EQ(log.linux_made.zones[0].range.end.v, 0x1000000u);
  EXPECT_TRUE(log.linux_made.zones[1].range.empty());
  ASSERT_EQ(log.linux_made.ranges.size(), 1u);
  EXPECT_EQ(log.linux_made.total_kib, 1047996u);
  const Log old = read_log(
      "Zone PFN ranges:\n  DMA      0x00000001 -> 0x00001000\n  DMA32    4096 ->  262144\n"
      "early_node_map[1] active PFN ranges\n    0: 0x00000001 -> 0x00000090\n");
  ASSERT_EQ(old.linux_made.zones.size(), 2u);
  EXPECT_EQ(old.linux_made.zones[1].range.end.v, 0x40000000u);
  ASSERT_EQ(old.linux_made.ranges.size(), 1u);
  EXPECT_EQ(old.linux_made.ranges[0].range.end.v, 0x90000u);
}

TEST(LogReader, AnotherKindIsNamed) {
  const auto kind = [](std::string_view bytes) {
    EXPECT_EQ(read_log(bytes).boots, 0u);
    const char* found = replay::known_kind(bytes, replay::lines_of(bytes));
    return std::string(found == nullptr ? "" : found);
  };
  EXPECT_EQ(kind("00000000-00000fff : Reserved\n00001000-0009e3ff : System RAM\n"), "/proc/iomem");
  EXPECT_EQ(kind("Type       Start            End              # Pages          Attributes\n"),
            "what the UEFI shell's memmap prints");
  EXPECT_EQ(kind("SMAP type=01 base=0000000000000000 len=000000000009fc00\n"),
            "the log of a FreeBSD boot");
  EXPECT_EQ(kind("(XEN) Xen-e820 RAM map:\n(XEN)  [0000000000000000, 000000000009e7ff] (usable)\n"),
            "the log of a Xen hypervisor");
  EXPECT_EQ(kind("efi: mem00: type=3, attr=0xf, range=[0x0-0x1000) (0MB)\n"),
            "an EFI memory map as Linux prints it with efi=debug");
  EXPECT_EQ(kind("Xen-e820 RAM map:\n"), "the log of a Xen hypervisor");
  EXPECT_EQ(kind("(XEN) Command line: \n"), "the log of a Xen hypervisor");
  EXPECT_EQ(kind("base_addr = 0x0, length = 0x9f000, available RAM\n"),
            "what GRUB's lsmmap prints");
  EXPECT_EQ(kind("Type      Physical start  - end             #Pages\n"),
            "what GRUB's lsefimmap prints");
  EXPECT_EQ(kind("SRAT @ 0x0000000000000000\n"), "what acpidump prints");
  EXPECT_EQ(kind("MemTotal:        8000000 kB\n"), "/proc/meminfo");
  EXPECT_EQ(kind("Node 0, zone      DMA\n"), "/proc/zoneinfo or /proc/buddyinfo");
  EXPECT_EQ(kind("Linux version 6.1.0 (a@b)\n").find("the log of a Linux boot without its"), 0u);
  EXPECT_EQ(kind("\x1f\x8b\x08"), "compressed with gzip");
  EXPECT_EQ(kind("nothing of interest\n"), "");
}

}  // namespace
