#include "kernel/monitor/monitor.h"
#include "kernel/monitor/commands.h"

#include <gtest/gtest.h>

#include <span>
#include <string>

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/firmware_variables.h"
#include "kernel/memory_options.h"
#include "tests/support/booted.h"
#include "tests/support/pretend_hardware.h"

namespace kernel {
namespace {

constexpr const char* kMachine =
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    "BIOS-e820: [mem 0x0000000000100000-0x000000001fffffff] usable\n"
    "BIOS-e820: [mem 0x00000000fec00000-0x00000000fec00fff] reserved\n";

std::string answer(test::BootedMachine& machine, std::string_view line) {
  test::Log log;
  run_command(*machine, line, log.printer());
  return log.take();
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Monitor, HelpNamesEveryCommand) {
  test::BootedMachine machine(kMachine);
  const std::string help = answer(machine, "help");
  for_each_command([&](const Command& command) {
    EXPECT_TRUE(has(help, std::string(command.name) + " ")) << command.name;
  });
}

TEST(Monitor, SaysWhatIsWrong) {
  test::BootedMachine machine(kMachine);
  EXPECT_EQ(answer(machine, "gibberish 7"), "gibberish: no such command; `help` lists them\n");
  EXPECT_EQ(answer(machine, "hlep"),
            "hlep: no such command; did you mean \"help\"? `help` lists them\n");
  EXPECT_EQ(answer(machine, "e820 now"), "e820 takes no argument\n");
  EXPECT_TRUE(has(answer(machine, "explain"), "explain needs ADDR"));
  EXPECT_TRUE(has(answer(machine, "explain banana"), "\"banana\" is no address"));
  EXPECT_TRUE(has(answer(machine, "explain 0x"), "is no address"));
  EXPECT_TRUE(has(answer(machine, "explain 11112222333344445"), "is no address"));
  EXPECT_EQ(answer(machine, ""), "");
  EXPECT_EQ(answer(machine, "   "), "");
}

TEST(Monitor, StressIsOfAsManyOperationsAsAreAskedFor) {
  test::BootedMachine machine(kMachine);
  EXPECT_TRUE(has(answer(machine, "stress"), "stress needs N"));
  for (const char* wrong : {"stress 0", "stress many", "stress 5x"}) {
    EXPECT_EQ(answer(machine, wrong), "stress needs N, a number of operations\n") << wrong;
  }
  const std::string said = answer(machine, "stress 3000");
  EXPECT_TRUE(has(said, "1 CPUs, 3")) << said;
  EXPECT_TRUE(has(said, "\nok 1 mm\n")) << said;
  EXPECT_EQ(machine->stress, 0U);
}

TEST(Monitor, ExplainsAnyAddress) {
  test::BootedMachine machine(kMachine);
  EXPECT_EQ(answer(machine, "explain 10000000"),
            "0x10000000:\n"
            "  firmware:    not in its map\n"
            "  e820:        usable [mem 0x0000000000100000-0x000000001fffffff]\n"
            "  reservation: none\n"
            "  node:        0\n"
            "  zone:        DMA32\n"
            "  pageblock:   0x10000, Movable\n"
            "  frame 0x10000: free, in the block of order 15 at frame 0x10000\n");
  EXPECT_TRUE(has(answer(machine, "explain 0x0"), "e820:        reserved"));
  EXPECT_TRUE(has(answer(machine, "explain 0xa0000"), "e820:        a gap"));
  EXPECT_TRUE(has(answer(machine, "explain 0xFEC00000"), "in no node's mem_map"));
  EXPECT_TRUE(has(answer(machine, "explain 0x10000000000"), "beyond the CPU's physical address"));
  EXPECT_TRUE(has(answer(machine, "explain 0xffffffffffffffff"), "0xffffffffffffffff:\n"));
  const mm::Reservation& r = machine->relay.reservations().entries().back();
  char line[64];
  mm::format(line, "explain {:x}", r.range.start);
  EXPECT_TRUE(has(answer(machine, line), std::string("reservation: ") + r.name));
}

TEST(Monitor, AddressesThatCannotBeAreRefused) {
  test::BootedMachine machine(kMachine, "", test::BootedMachine::With::KernelImage);
  for (const char* address : {"800000000000", "ffff7fffffffffff", "8000000000000000"}) {
    EXPECT_EQ(answer(machine, std::string("pt ") + address),
              std::string("pt: 0x") + address +
                  " is not canonical: with 4 levels bits 63 to 47 are all alike\n");
  }
  EXPECT_TRUE(has(answer(machine, "pt 7fffffffffff"), "0x7fffffffffff is not mapped"));
  EXPECT_TRUE(has(answer(machine, "pt ffff800000000000"), "0xffff800000000000 is not mapped"));
  const_cast<loader::Handoff&>(machine->kept.handoff()).paging_levels = 5;  // NOLINT: as if
  EXPECT_TRUE(has(answer(machine, "pt 800000000000"), "PML5 entry 0"));
  EXPECT_TRUE(has(answer(machine, "pt 100000000000000"), "bits 63 to 56 are all alike"));
  EXPECT_TRUE(has(answer(machine, "pt ff00000000000000"), "is not mapped"));
  EXPECT_TRUE(has(answer(machine, "free 10000000000"), "beyond the CPU's physical address space"));
  EXPECT_TRUE(
      has(answer(machine, "free ffffffffff000"), "beyond the CPU's physical address space"));
}

// As on the command line, and nothing else.
TEST(Monitor, HoldsSizesAsTheCommandLineHasThem) {
  test::BootedMachine machine(kMachine);
  const std::pair<const char*, const char*> kSizes[] = {
      {"8192", "8"}, {"64K", "64"}, {"1m", "1024"}, {"0x10k", "16"}, {"010K", "8"}, {"1", "4"}};
  for (const auto& [size, kib] : kSizes) {
    EXPECT_EQ(answer(machine, std::string("hold ") + size),
              std::string(kib) + " KiB of " + kib + " KiB are held\n");
    EXPECT_TRUE(has(answer(machine, "free all"), " blocks given back")) << size;
  }
  for (const char* size : {"banana", "K", "0", "0x", "08", "-1", "64KB", "64K 1", "8P", "1E",
                           "99999999999999999999", "99999999T"}) {
    EXPECT_EQ(answer(machine, std::string("hold ") + size),
              std::string("hold: \"") + size + "\" is no size; write 64K, 512M or 2G\n");
  }
  EXPECT_EQ(answer(machine, "hold"), "0 blocks, 0 KiB are held\n");
}

TEST(Monitor, ShowsTheMachine) {
  test::BootedMachine machine(kMachine, "selftest mem=1G");
  EXPECT_TRUE(has(answer(machine, "e820"),
                  "BIOS-e820: [mem 0x0000000000100000-0x000000001fffffff] usable\n"));
  EXPECT_TRUE(has(answer(machine, "iomem"), "00100000-1fffffff : System RAM\n"));
  EXPECT_TRUE(has(answer(machine, "buddyinfo"), "Node 0, zone    DMA32 "));
  EXPECT_TRUE(has(answer(machine, "zoneinfo"), "Node 0, zone      DMA\n"));
  EXPECT_TRUE(has(answer(machine, "meminfo"), "MemTotal: "));
  EXPECT_TRUE(has(answer(machine, "ledger"), "0 bytes unaccounted for"));
  EXPECT_TRUE(has(answer(machine, "audit"), "agrees"));
  EXPECT_TRUE(has(answer(machine, "options"), "now: selftest mem=1G\n"));
  EXPECT_TRUE(has(answer(machine, "options"), "\n  poweroff: "));
  EXPECT_TRUE(has(answer(machine, "reservations"), "LAYOUT"));
}

// What to do about a failure is no news about a test that did not run.
TEST(Monitor, SelfTestsThatAreSkippedComeWithoutAdvice) {
  test::BootedMachine machine(kMachine);
  const std::string skipped = answer(machine, "selftest efi.*");
  EXPECT_TRUE(has(skipped, " # SKIP it runs under the firmware")) << skipped;
  for (const char* part : {"advice: ", "rule: ", "severity: ", "found: "}) {
    EXPECT_FALSE(has(skipped, part)) << skipped;
  }
}

TEST(MemoryOptions, ReachTheirStations) {
  test::Log log;
  const MemoryOptions o = memory_options(
      Options("early=memblock kernelcore=512M numa=off node_order=ring movable_node"),
      log.printer());
  EXPECT_EQ(o.road, mm::Road::Memblock);
  EXPECT_EQ(o.movable.kernelcore.frames, 512U << 8);
  EXPECT_TRUE(o.movable.movable_node);
  EXPECT_TRUE(o.numa_off);
  EXPECT_EQ(o.order, mm::NodeOrder::Ring);
  EXPECT_EQ(log.text(), "");
}

TEST(MemoryOptions, WrongValuesAreToldAndHaveNoEffect) {
  test::Log log;
  const MemoryOptions o =
      memory_options(Options("early=late numa=perhaps kernelcore=much"), log.printer());
  EXPECT_EQ(o.road, mm::Road::Bootmem);
  EXPECT_FALSE(o.numa_off);
  EXPECT_EQ(o.movable.kernelcore.frames, 0U);
  EXPECT_TRUE(has(log.text(), "early=late: not one of bootmem memblock\n"));
  EXPECT_TRUE(has(log.text(), "numa=perhaps: not one of on off\n"));
  EXPECT_TRUE(has(log.text(), "kernelcore"));
}

TEST(MemoryOptions, MemAndMemmapChangeE820) {
  test::DrawnMachine drawn(kMachine);
  test::Log log;
  const mm::E820Changes changes =
      change_e820(Options("mem=256M memmap=1M$16M mem=bad"), drawn.e820, log.printer());
  EXPECT_TRUE(changes.any);
  EXPECT_EQ(changes.taken_by_mem, 256 * mm::kMiB);
  EXPECT_EQ(changes.taken_by_memmap, mm::kMiB);
  EXPECT_TRUE(
      drawn.e820.all({mm::Phys{16 * mm::kMiB}, mm::Phys{17 * mm::kMiB}}, mm::E820Type::Reserved));
  EXPECT_TRUE(has(log.text(), "Option \"mem=bad\" refused: mem=: a number is missing"));
}

std::string shown;  // by the output of the console under test

TEST(Console, StampsLinesAndKeepsThem) {
  auto console = std::make_unique<Console>();
  shown.clear();
  console->log_printer().part("first {}", "line");
  console->log_printer().text("\nsecond\nthi");
  ASSERT_TRUE(console->add_output([](std::string_view text) { shown += text; }));
  EXPECT_EQ(shown, "[    0.000000] first line\n[    0.000000] second\n[    0.000000] thi")
      << "an output that comes late gets what was said before";
  console->set_clock([]() -> uint64_t { return 12'345'678; });
  console->log_printer().text("rd\n");
  console->bare_printer().line("ok 1 bare");
  console->log_printer().line("last");
  EXPECT_EQ(shown.substr(shown.find("third")), "third\nok 1 bare\n[   12.345678] last\n");
  console->log_printer().part("begun");
  console->finish_line();
  console->finish_line();
  EXPECT_EQ(shown.substr(shown.rfind("begun")), "begun\n");
}

TEST(Console, TheRingKeepsTheNewest) {
  auto console = std::make_unique<Console>();
  for (unsigned i = 0; i < Console::kRingSize / 16 + 10; ++i) {
    console->bare_printer().line("line {:010}", i);  // 16 characters with its end
  }
  shown.clear();
  console->replay([](std::string_view text) { shown += text; });
  EXPECT_EQ(shown.size(), Console::kRingSize);
  EXPECT_EQ(shown.substr(0, 16), "line 0000000010\n");
}

TEST(FirmwareMap, ReadsByTheFirmwaresStride) {
  std::vector<uint8_t> bytes(2 * 48);
  bytes[0] = 7;         // conventional
  bytes[8 + 1] = 0x10;  // at 0x1000
  bytes[24] = 2;        // two pages
  bytes[48] = 99;       // a type of the future
  bytes[48 + 8 + 1] = 0x30;
  bytes[48 + 24] = 1;
  const FirmwareMap map(bytes, 48);
  ASSERT_EQ(map.size(), 2U);
  EXPECT_STREQ(loader::efi_type_name(map.find(mm::Phys{0x2fff})->type), "Conventional");
  EXPECT_EQ(loader::efi_type_name(map.find(mm::Phys{0x3000})->type), nullptr);
  EXPECT_FALSE(map.find(mm::Phys{0x4000}).has_value());
  EXPECT_EQ(FirmwareMap(bytes, 0).size(), 0U);
}

}  // namespace
}  // namespace kernel
