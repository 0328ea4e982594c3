// A random map, written in each spelling that the replay reads, is read back as the same map.
//
// BATON_SEED=n runs only the map n, which is what a failure says to do.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "mm/e820.h"
#include "tools/replay/formats/format.h"
#include "tools/replay/log_reader.h"
#include "tools/replay/log_text.h"
#include "tools/replay/machine_file.h"
#include "tools/replay/machine_text.h"
#include "tools/replay/said.h"

namespace {

using mm::E820Entry;
using mm::E820Type;
using replay::said;
using Map = std::vector<E820Entry>;
using Random = std::mt19937_64;

uint64_t below(Random& random, uint64_t end) { return random() % end; }

// What all spellings have words for, in whole pages, ascending, with gaps. No two that touch are of
// one type, and none is so large that it holds another: /proc/iomem would call that a part.
Map random_map(Random& random) {
  constexpr E820Type kTypes[] = {E820Type::Ram, E820Type::Reserved, E820Type::Acpi, E820Type::Nvs,
                                 E820Type::Unusable};
  Map map;
  uint64_t page = below(random, 2);
  const uint64_t count = 1 + below(random, 40);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t pages = 1 + below(random, uint64_t{1} << below(random, 24));
    const E820Type type = kTypes[below(random, std::size(kTypes))];
    map.push_back({{mm::phys(mm::Pfn{page}), mm::phys(mm::Pfn{page + pages})}, type});
    page += pages + 1 + below(random, 1000);
  }
  return map;
}

template <class Line>  // std::string(const E820Entry&)
std::string written(const Map& map, Line line) {
  std::string text;
  for (const E820Entry& entry : map) text += line(entry) + "\n";
  return text;
}

uint64_t last(const E820Entry& entry) { return entry.range.end.v - 1; }
uint64_t pages(const E820Entry& entry) { return entry.range.size() / mm::kPageSize; }

struct Words {
  const char* ram;
  const char* reserved;
  const char* acpi;
  const char* nvs;
  const char* unusable;

  [[nodiscard]] std::string of(E820Type type) const {
    switch (type) {
      case E820Type::Ram:
        return ram;
      case E820Type::Acpi:
        return acpi;
      case E820Type::Nvs:
        return nvs;
      case E820Type::Unusable:
        return unusable;
      default:
        return reserved;
    }
  }
};

constexpr Words kLinux{"usable", "reserved", "ACPI data", "ACPI NVS", "unusable"};
constexpr Words kIomem{"System RAM", "Reserved", "ACPI Tables", "ACPI Non-volatile Storage",
                       "Unusable memory"};
constexpr Words kShell{"Available", "Reserved", "ACPI_Recl", "ACPI_NVS", "Unusable"};
constexpr Words kGrubEfi{"conv-mem", "reserved", "ACPI-rec", "ACPI-nvs", "unusable"};
constexpr Words kGrub{"available RAM", "reserved RAM", "ACPI reclaimable RAM",
                      "ACPI non-volatile storage RAM", "faulty RAM (BadRAM)"};
constexpr Words kLimine{"Usable RAM", "Reserved", "ACPI reclaimable", "ACPI NVS", "Bad memory"};
constexpr Words kEfi{"Conventional Memory", "Reserved           ", "ACPI Reclaim Memory",
                     "ACPI Memory NVS    ", "Unusable Memory    "};
constexpr Words kFreeBsd{"ConventionalMemory", "Reserved", "ACPIReclaimMemory", "ACPIMemoryNVS",
                         "UnusableMemory"};

unsigned efi_type(E820Type type) {
  switch (type) {
    case E820Type::Ram:
      return 7;
    case E820Type::Acpi:
      return 9;
    case E820Type::Nvs:
      return 10;
    case E820Type::Unusable:
      return 8;
    default:
      return 0;
  }
}

struct Spelling {
  const replay::Format* format;
  std::string (*line)(const E820Entry& entry);
};

const Spelling kSpellings[] = {
    {&replay::kIomemFormat,
     [](const E820Entry& e) {
       return said("{:08x}-{:08x} : ", e.range.start.v, last(e)) + kIomem.of(e.type);
     }},
    {&replay::kXenFormat,
     [](const E820Entry& e) {
       return said("(XEN)  [{:016x}, {:016x}] (", e.range.start.v, last(e)) + kLinux.of(e.type) +
              ")";
     }},
    {&replay::kXenFormat,
     [](const E820Entry& e) {
       return said("(XEN)  {:016x} - {:016x} (", e.range.start.v, e.range.end.v) +
              kLinux.of(e.type) + ")";
     }},
    {&replay::kFreeBsdFormat,
     [](const E820Entry& e) {
       return said("SMAP type={:02x} base={:016x} len={:016x}", static_cast<uint32_t>(e.type),
                   e.range.start.v, e.range.size());
     }},
    {&replay::kFreeBsdFormat,
     [](const E820Entry& e) {
       return said("SMAP type={:02x}, xattr=01, base={:016x}, len={:016x}",
                   static_cast<uint32_t>(e.type), e.range.start.v, e.range.size());
     }},
    {&replay::kFreeBsdEfiFormat,
     [](const E820Entry& e) {
       return "  " + kFreeBsd.of(e.type) +
              said(" {:012x}          0x0 {:08x} UC WC WT WB", e.range.start.v, pages(e));
     }},
    {&replay::kShellFormat,
     [](const E820Entry& e) {
       return kShell.of(e.type) +
              said(" {:016X}-{:016X} {:016X} 000000000000000F", e.range.start.v, last(e), pages(e));
     }},
    {&replay::kGrubEfiFormat,
     [](const E820Entry& e) {
       return kGrubEfi.of(e.type) + said("  {:016x}-{:016x} {:08x}    640KiB UC WC WT WB",
                                         e.range.start.v, last(e), pages(e));
     }},
    {&replay::kGrubFormat,
     [](const E820Entry& e) {
       return said("base_addr = {:#x}, length = {:#x}, ", e.range.start.v, e.range.size()) +
              kGrub.of(e.type);
     }},
    {&replay::kLimineFormat,
     [](const E820Entry& e) {
       return said("e820: [{:#x} -> {:#x}] : {:#x}  <", e.range.start.v, e.range.end.v,
                   e.range.size()) +
              kLimine.of(e.type) + ">";
     }},
    {&replay::kEfiLogFormat,
     [](const E820Entry& e) {
       return "efi: mem07: [" + kEfi.of(e.type) +
              said("|   |  |  |WB|WT|WC|UC] range=[0x{:016x}-0x{:016x}] (0MB)", e.range.start.v,
                   last(e));
     }},
    {&replay::kEfiLogFormat,
     [](const E820Entry& e) {
       return said("efi: mem07: type={}, attr=0xf, range=[0x{:016x}-0x{:016x}) (0MB)",
                   efi_type(e.type), e.range.start.v, e.range.end.v);
     }},
    {&replay::kEfiLogFormat,
     [](const E820Entry& e) {
       return said("efi:   0x{:012x}-0x{:012x} [", e.range.start.v, last(e)) + kEfi.of(e.type) +
              "|   |  |  |  |  |WB|WT|WC|UC]";
     }},
    {&replay::kMapRecordFormat,
     [](const E820Entry& e) {
       return said("{:016x}-{:016x} {} ", e.range.start.v, last(e), efi_type(e.type)) +
              kEfi.of(e.type);
     }},
};

// Of these a whole report is one text, which nobody stamps or quotes.
const Spelling kReports[] = {
    {&replay::kReportFormat,
     [](const E820Entry& e) {
       return said("    {{\"start\": \"{:#x}\", \"pages\": {}, \"type\": {}, \"name\": \"\", ",
                   e.range.start.v, pages(e), efi_type(e.type)) +
              "\"attributes\": \"0xf\"},";
     }},
    {&replay::kReplayJsonFormat,
     [](const E820Entry& e) {
       return "  {\n   \"type\": \"" + kLinux.of(e.type) +
              said("\",\n   \"start\": {},\n   \"end\": {}\n  }},", e.range.start.v, e.range.end.v);
     }},
};

// What has words for RAM alone.
const Spelling kRamOnly[] = {
    {&replay::kNodeRangesFormat,
     [](const E820Entry& e) { return said("  node   0: {}", mm::mem(e.range)); }},
    {&replay::kZoneinfoFormat,
     [](const E820Entry& e) {
       return said(
           "Node 0, zone   Normal\n        spanned  {}\n        present  {}\n"
           "  start_pfn:           {}",
           pages(e), pages(e), e.range.start.v / mm::kPageSize);
     }},
};

// The nodes of a map's RAM, one after the other.
std::vector<mm::MemoryAffinity> nodes_of(const Map& map) {
  std::vector<mm::MemoryAffinity> nodes;
  for (const E820Entry& entry : map) {
    if (entry.type != E820Type::Ram) continue;
    nodes.push_back({.node = static_cast<mm::NodeId>(nodes.size() % 5), .range = entry.range});
  }
  return nodes;
}

std::string text_of(const std::vector<mm::MemoryAffinity>& nodes) {
  std::string text;
  for (const mm::MemoryAffinity& each : nodes)
    text += said("{} {}\n", each.node, mm::mem(each.range));
  return text;
}

struct NodeSpelling {
  const Spelling& map;
  std::string (*line)(const mm::MemoryAffinity& entry);
};

const NodeSpelling kNodeSpellings[] = {
    {kSpellings[1],  // Xen, new and old
     [](const mm::MemoryAffinity& m) {
       return said("(XEN) SRAT: Node {} PXM {} [{:016x}, {:016x}]", m.node, m.node, m.range.start.v,
                   m.range.end.v - 1);
     }},
    {kSpellings[2],
     [](const mm::MemoryAffinity& m) {
       return said("(XEN) SRAT: Node {} PXM {} {:x}-{:x}", m.node, m.node, m.range.start.v,
                   m.range.end.v);
     }},
    {kSpellings[3],  // FreeBSD
     [](const mm::MemoryAffinity& m) {
       return said("SRAT: Found memory domain {} addr {:#x} len {:#x}: enabled", m.node,
                   m.range.start.v, m.range.size());
     }},
};

// What journalctl and dmesg make of a log's lines.
std::string exported(const std::string& log) {
  std::string text;
  for (size_t at = 0; at < log.size();) {
    const size_t stop = log.find('\n', at);
    text += "__CURSOR=s=1\nMESSAGE=" + log.substr(at, stop - at) + "\nPRIORITY=6\n\n";
    at = stop + 1;
  }
  return text;
}
std::string in_json(const std::string& log) {
  std::string text = "{\n   \"dmesg\": [\n";
  for (size_t at = 0; at < log.size();) {
    const size_t stop = log.find('\n', at);
    text += "      {\n         \"pri\":  6,\n         \"msg\": \"" + log.substr(at, stop - at) +
            "\"\n      },";
    at = stop + 1;
  }
  return text + "\n   ]\n}\n";
}

// As people paste it: quoted, by Windows, with a stamp, twice.
std::string pasted(const std::string& text, Random& random) {
  const char* const kPrefixes[] = {"", "> ", "[    0.000000] ", "Jun  1 08:00:01 host kernel: "};
  const std::string prefix = kPrefixes[below(random, std::size(kPrefixes))];
  const std::string end = below(random, 2) == 0 ? "\n" : "\r\n";
  const bool doubled = below(random, 4) == 0;
  std::string all = below(random, 2) == 0 ? "see what I have:" + end : "";
  for (size_t at = 0; at < text.size();) {
    const size_t stop = text.find('\n', at);
    std::string line = prefix;
    line.append(text, at, stop - at).append(end);
    all += line;
    if (doubled) all += line;
    at = stop + 1;
  }
  return all;
}

class Spellings : public testing::Test {
 protected:
  template <class Check>  // void(const Map&, Random&)
  void for_maps(Check check) {
    const char* only = std::getenv("BATON_SEED");
    const uint64_t first = only == nullptr ? 0 : std::strtoull(only, nullptr, 0);
    for (uint64_t seed = first; seed < first + (only == nullptr ? 300 : 1); ++seed) {
      SCOPED_TRACE("BATON_SEED=" + std::to_string(seed));
      Random random(seed);
      const Map map = random_map(random);
      check(map, random);
      if (HasFailure()) return;
    }
  }
};

TEST_F(Spellings, ComeBackAsTheSameMap) {
  for_maps([](const Map& map, Random& random) {
    for (const Spelling& spelling : kSpellings) {
      SCOPED_TRACE(spelling.format->name);
      const std::string text = pasted(written(map, spelling.line), random);
      const auto lines = replay::lines_of(text);
      ASSERT_EQ(replay::format_of(lines), spelling.format) << text;
      const replay::Machine machine = replay::read_as(*spelling.format, lines);
      ASSERT_EQ(machine.firmware, map) << text;
      ASSERT_TRUE(machine.remarks.empty()) << machine.remarks.front().text << "\n" << text;
    }
  });
}

TEST_F(Spellings, Reports) {
  for_maps([](const Map& map, Random&) {
    for (const Spelling& spelling : kReports) {
      SCOPED_TRACE(spelling.format->name);
      const bool own = spelling.format == &replay::kReportFormat;
      const std::string text = std::string("{\n") +
                               (own ? "  \"map\": [\n" : " \"firmware\": [\n") +
                               written(map, spelling.line) + "]}\n";
      const auto lines = replay::lines_of(text);
      ASSERT_EQ(replay::format_of(lines), spelling.format) << text;
      const replay::Machine machine = replay::read_as(*spelling.format, lines);
      ASSERT_EQ(machine.firmware, map) << text;
      // Of replay's, that the file itself says more.
      ASSERT_EQ(machine.remarks.size(), own ? 0u : 1u) << text;
    }
  });
}

TEST_F(Spellings, RamAlone) {
  for_maps([](Map map, Random& random) {
    std::erase_if(map, [](const E820Entry& entry) { return entry.type != E820Type::Ram; });
    if (map.empty()) return;
    for (const Spelling& spelling : kRamOnly) {
      SCOPED_TRACE(spelling.format->name);
      std::string text = written(map, spelling.line);
      if (spelling.format == &replay::kNodeRangesFormat) {
        text = pasted(text, random);
      } else if (below(random, 2) == 0) {  // no log's, so it may be quoted and no more
        for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) text.insert(at, "> ");
      }
      const auto lines = replay::lines_of(text);
      ASSERT_EQ(replay::format_of(lines), spelling.format) << text;
      ASSERT_EQ(replay::read_as(*spelling.format, lines).firmware, map) << text;
    }
  });
}

TEST_F(Spellings, NodesToo) {
  for_maps([](const Map& map, Random&) {
    const auto nodes = nodes_of(map);
    for (const NodeSpelling& spelling : kNodeSpellings) {
      std::string text = written(map, spelling.map.line);
      for (const mm::MemoryAffinity& entry : nodes) text += spelling.line(entry) + "\n";
      const auto machine = replay::read_as(*spelling.map.format, replay::lines_of(text));
      ASSERT_EQ(text_of(machine.srat), text_of(nodes)) << text;
      ASSERT_EQ(machine.firmware, map) << text;
    }
    replay::Machine whole;
    whole.firmware = map;
    whole.srat = nodes;
    for (const mm::MemoryAffinity& entry : nodes) whole.named.set(entry.node);
    const auto facts = replay::MachineFile::of_text(replay::facts_text(whole, "drawn")).machine();
    ASSERT_EQ(text_of(facts.srat), text_of(nodes));
    std::string now, then;
    for (const mm::MemoryAffinity& m : nodes) {
      now += said("ACPI: SRAT: Node {} PXM {} {}\n", m.node, m.node, mm::mem(m.range));
      then +=
          said("SRAT: Node {} PXM {} {:x}-{:x}\n", m.node, m.node, m.range.start.v, m.range.end.v);
    }
    for (const std::string& text : {now, then, exported(now), in_json(now)}) {
      ASSERT_EQ(text_of(replay::read_log(text + "BIOS-e820: [mem 0x0-0xfff] usable\n").srat),
                text_of(nodes))
          << text;
    }
  });
}

// As 32-bit Arm kernels tell RAM: node ranges, or banks on the command line.
TEST_F(Spellings, RamOfA32BitArmKernel) {
  for_maps([](Map map, Random& random) {
    std::erase_if(map, [](const E820Entry& entry) { return entry.type != E820Type::Ram; });
    if (map.empty()) return;
    const std::string cpu = "CPU: ARMv7 Processor [410fc075] revision 5 (ARMv7), cr=10c5387d\n";
    const std::string ranges = cpu + written(map, kRamOnly[0].line);
    std::string words;
    for (const E820Entry& e : map) {
      words += said(" mem={}K@{:#x}", e.range.size() / 1024, e.range.start.v);
    }
    const std::string banks =
        cpu + "Kernel command line: quiet" + words + "\nMemory: 1MB = 1MB total\n";
    for (const std::string& text : {pasted(ranges, random), pasted(banks, random)}) {
      const replay::Log log = replay::read_log(text);
      ASSERT_EQ(log.kind, replay::MachineKind::Arm) << text;
      ASSERT_EQ(log.firmware, map) << text;
    }
  });
}

TEST_F(Spellings, MemmapTreeInAnyOrder) {
  for_maps([](const Map& map, Random& random) {
    std::vector<std::string> lines;
    for (size_t i = 0; i < map.size(); ++i) {
      const std::string entry = "/sys/firmware/memmap/" + std::to_string(i);
      lines.push_back(entry + said("/start:{:#x}\n", map[i].range.start.v));
      lines.push_back(entry + said("/end:{:#x}\n", last(map[i])));
      lines.push_back(entry + "/type:" + kIomem.of(map[i].type) + "\n");
    }
    std::shuffle(lines.begin(), lines.end(), random);
    std::string text;
    for (const std::string& line : lines) text += line;
    const auto read = replay::lines_of(text);
    ASSERT_EQ(replay::format_of(read), &replay::kMemmapTreeFormat);
    ASSERT_EQ(replay::read_as(replay::kMemmapTreeFormat, read).firmware, map) << text;
  });
}

TEST_F(Spellings, LogsOfLinuxAndFactsToo) {
  for_maps([](const Map& map, Random& random) {
    const std::string now = written(map, [](const E820Entry& e) {
      return said("BIOS-e820: {}", mm::mem(e.range)) + " " + kLinux.of(e.type);
    });
    const std::string then = written(map, [](const E820Entry& e) {
      return said(" BIOS-e820: {:016x} - {:016x} (", e.range.start.v, e.range.end.v) +
             kLinux.of(e.type) + ")";
    });
    const std::string oldest = written(map, [](const E820Entry& e) {
      return said(" BIOS-e820: {:016x} @ {:016x} (", e.range.size(), e.range.start.v) +
             kLinux.of(e.type) + ")";
    });
    for (const std::string& text : {pasted(now, random), pasted(then, random),
                                    pasted(oldest, random), exported(now), in_json(now)}) {
      const replay::Log log = replay::read_log(text);
      ASSERT_EQ(log.firmware, map) << text;
    }
    replay::Machine machine;
    machine.firmware = map;
    const std::string facts = replay::facts_text(machine, "drawn");
    ASSERT_EQ(replay::MachineFile::of_text(facts).machine().firmware, map) << facts;
  });
}

}  // namespace
