// The memory test on pretend machines, some of whose words are bad.
#include "kernel/memtest/memtest.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "mm/audit.h"
#include "mm/page_alloc.h"
#include "tests/support/pretend_cpus.h"
#include "tests/support/pretend_hardware.h"
#include "tests/unit/acpi_bytes.h"
#include "tests/unit/pretend_machine.h"

namespace kernel {
namespace {

using mm::kGiB;
using mm::kMiB;
using mm::test::at;
using mm::test::PretendMachine;
using mm::test::Text;

// Pretend memory in which some words have a bit that is stuck at 1.
struct Cells : patterns::ByWords {
  mm::DirectMap map;
  const std::set<uint64_t>* bad = nullptr;

  uint64_t read(uint64_t address) {
    return *map.at<uint64_t>(mm::Phys{address}) | (bad->count(address) != 0 ? 4 : 0);
  }
  void write(uint64_t address, uint64_t value) { *map.at<uint64_t>(mm::Phys{address}) = value; }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) {
    for (uint64_t i = 0; i < bytes; i += 8) write(to + i, read(from + i));
  }
  static void written_back(mm::Range) {}
  static void wait(unsigned) {}
  static void swept(mm::Range, const MemtestProgress&) {}
  static void choose(const RunForm*) {}
};

struct Bench {
  PretendMachine<Policy> machine{{{{at(kMiB, 9 * kMiB)}}, {{at(16 * kMiB, 20 * kMiB)}}}};
  std::unique_ptr<MemtestState> state = std::make_unique<MemtestState>();
  std::set<uint64_t> bad;
  Text log;

  Bench() {
    EXPECT_TRUE(machine.ready.ok());
    EXPECT_TRUE(machine.release_all().ok());
  }
  static mm::Result<> take_out(void* context, mm::PfnRange frames) {
    auto& pages = *static_cast<mm::PageAllocator<Policy>*>(context);
    BATON_TRY(pages.alloc_contig_range(0, frames));
    return pages.withdraw(frames);
  }
  MemoryTest<Cells> test(const char* words) {
    const auto options = parse_memtest(words, 2, log.printer());
    EXPECT_TRUE(options.has_value());
    return {machine.allocator,
            0,
            {{}, machine.map(), &bad},
            {take_out, &machine.allocator},
            options.value(),
            *state,
            log.printer()};
  }
  std::string run_all(const char* words) {
    auto memtest = test(words);
    std::string said;
    for (const MemoryPattern& pattern : kMemoryPatterns) {
      if (memtest.run(pattern).failed()) said += std::string(pattern.row.id) + "\n";
    }
    return said;
  }
};

std::optional<MemtestOptions> parsed(const char* words, std::string* said = nullptr) {
  Text log;
  const auto options = parse_memtest(words, 3, log.printer());
  EXPECT_EQ(options.has_value(), log.text.empty()) << log.text;
  if (said != nullptr) *said = log.text;
  return options;
}

TEST(MemtestOptions, Words) {
  EXPECT_EQ(parsed("")->depth, Depth::Normal);
  EXPECT_EQ(parsed("")->passes, 1U);
  EXPECT_EQ(parsed("")->node, std::nullopt);
  EXPECT_EQ(parsed("full")->depth, Depth::Full);
  EXPECT_EQ(parsed("1000000")->passes, 1'000'000U);
  EXPECT_EQ(parsed("node:2")->node, mm::NodeId{2});
  EXPECT_FALSE(parsed("full")->overnight);
  EXPECT_TRUE(parsed("overnight,quick")->overnight);
  for (const char* words :
       {"quick,3,node:1", "node:1,3,quick", "quick 3 node:1", "3 node:1,quick"}) {
    const auto all = parsed(words);
    ASSERT_TRUE(all.has_value()) << words;
    EXPECT_EQ(all->depth, Depth::Quick);
    EXPECT_EQ(all->passes, 3U);
    EXPECT_EQ(all->node, mm::NodeId{1});
  }
}

TEST(MemtestOptions, WhatIsWrongIsNamedAndWhatWouldBeRight) {
  struct Wrong {
    const char *words, *said;
  };
  const Wrong kWrong[] = {
      {"fast",
       "\"fast\": not one of quick, full, a number of passes, overnight, node:N, in-turn, cpu:N, "
       "plain, sse2, "
       "avx2"},
      {"qiuck",
       "\"qiuck\": not one of quick, full, a number of passes, overnight, node:N, in-turn, cpu:N, "
       "plain, "
       "sse2, avx2; did you "
       "mean "
       "\"quick\"?"},
      {"quick,fast", "\"fast\": not one of"},
      {"quick,,2", "\"\": not one of"},
      {"-1", "\"-1\": not one of"},
      {"node", "\"node\": not one of"},
      {"0", "\"0\": the number of passes is 1 to 1000000"},
      {"1000001", "\"1000001\": the number of passes is"},
      {"2x", "\"2x\": the number of passes is"},
      {"2,3", "\"3\": the number of passes is given already"},
      {"quick,full", "\"full\": quick and full exclude each other"},
      {"overnight,3", "\"3\": the number of passes is given already"},
      {"3,overnight", "\"overnight\": the number of passes is given already"},
      {"overnigth",
       "\"overnigth\": not one of quick, full, a number of passes, overnight, node:N, "
       "in-turn, cpu:N, plain, sse2, avx2; did you mean \"overnight\"?"},
      {"node:", "\"node:\": no such node; this machine has node:0 to node:2"},
      {"node:x", "\"node:x\": no such node"},
      {"node:3", "\"node:3\": no such node"},
      {"node:99999999999", "\"node:99999999999\": no such node"},
      {"node:0,node:1", "\"node:1\": a node is given already"},
      {"cpu:", "\"cpu:\": no such CPU is online"},
      {"cpu:1", "\"cpu:1\": no such CPU is online"},
      {"avx2", "\"avx2\": this CPU has no such registers"},
      {"sse2,plain", "\"plain\": how words are swept is given already"},
      {"in-turn,cpu:0", "\"cpu:0\": which CPUs test is given already"},
  };
  for (const Wrong& wrong : kWrong) {
    std::string said;
    EXPECT_FALSE(parsed(wrong.words, &said).has_value()) << wrong.words;
    EXPECT_EQ(said.rfind(std::string("memtest: ") + wrong.said, 0), 0U) << said;
  }
}

TEST(MemtestOptions, WhichFormAPassTakes) {
  const RunForm* const sse2 = &arch::run_forms()[0];  // the other is not there
  const MemtestOptions open = *parsed("");
  EXPECT_EQ(form_of(open, PatternId::MovingWalking, 0), sse2);
  EXPECT_EQ(form_of(open, PatternId::BlockMove, 2), sse2);
  EXPECT_EQ(form_of(open, PatternId::MovingWalking, 1), nullptr);
  EXPECT_EQ(form_of(open, PatternId::MovingOnesZeros, 0), nullptr);
  EXPECT_EQ(form_of(*parsed("plain"), PatternId::MovingWalking, 0), nullptr);
  EXPECT_EQ(form_of(*parsed("quick,sse2"), PatternId::MovingOnesZeros, 1), sse2);
  Text said;
  print_forms(open, said.printer());
  print_forms(*parsed("plain"), said.printer());
  print_forms(*parsed("sse2"), said.printer());
  EXPECT_EQ(said.text,
            "memtest: words that are alike, and blocks, by sse2; zeros and ones, and every second "
            "pass, word by word\n"
            "memtest: word by word\n"
            "memtest: words that are alike, and blocks, by sse2\n");
}

TEST(Memtest, GoodMemoryIsTestedAllAndGivenBack) {
  Bench bench;
  const uint64_t free = bench.machine.allocator.counts().free;
  EXPECT_EQ(bench.run_all("quick"), "");
  EXPECT_EQ(bench.machine.allocator.counts().free, free);
  EXPECT_TRUE(mm::audit(bench.machine.allocator).ok());
  EXPECT_TRUE(bench.state->bad.empty());
}

// Whatever CPUs test, every pattern sweeps every word, and what is bad is found and given back.
TEST(Memtest, CpusShareTheMemoryAndMissNothing) {
  for (const char* words : {"", "in-turn", "cpu:2", "node:1"}) {
    ::test::PretendCpus cpus;
    cpus.start(4, 2);
    Bench bench;
    for (unsigned cpu = 1; cpu < 4; ++cpu) {
      bench.bad.insert(5 * kMiB + uint64_t{cpu} * 0x1008);
      bench.bad.insert(16 * kMiB + uint64_t{cpu} * 0x2000);
    }
    EXPECT_NE(bench.run_all((std::string("quick") + (*words == '\0' ? "" : ",") + words).c_str()),
              "");
    EXPECT_EQ(bench.state->bad.list().size(), *words == 'n' ? 3U : 6U) << words << bench.log.text;
    EXPECT_NE(bench.log.text.find(", seen by CPU "), std::string::npos);
    if (*words == 'c') {
      EXPECT_EQ(bench.log.text.find("seen by CPU 0"), std::string::npos);
    }
    EXPECT_TRUE(mm::audit(bench.machine.allocator).ok());
  }
}

// A chunk is fetched once, of the CPU's own node as long as there is any.
TEST(TakenMemory, ChunksComeOnceAndTheOwnNodesFirst) {
  Bench bench;
  auto taken = std::make_unique<TakenMemory>();
  const uint64_t bytes =
      taken->take(bench.machine.allocator, 0, 0) + taken->take(bench.machine.allocator, 0, 1);
  for (const bool up : {true, false}) {
    taken->start(up);
    std::set<uint64_t> seen;
    uint64_t sum = 0;
    mm::Phys last = up ? mm::Phys{0} : mm::Phys{kGiB};
    for (bool own = true; const auto chunk = taken->fetch(1);) {
      own = own && chunk->start.v >= 16 * kMiB;
      if (own) {
        EXPECT_EQ(last < chunk->start, up);
        last = chunk->start;
      }
      EXPECT_EQ(own, chunk->start.v >= 16 * kMiB) << "another node's before its own were done";
      EXPECT_LE(chunk->size(), patterns::kChunk);
      EXPECT_TRUE(seen.insert(chunk->start.v).second);
      sum += chunk->size();
    }
    EXPECT_EQ(sum, bytes);
  }
  EXPECT_TRUE(taken->give_back(bench.machine.allocator, 0).ok());
}

TEST(TakenMemory, HowFarEachNodeIs) {
  Bench bench;
  auto taken = std::make_unique<TakenMemory>();
  Text said;
  (void)taken->take(bench.machine.allocator, 0, 0);
  taken->start(true);
  taken->print_nodes(said.printer());
  EXPECT_EQ(said.text, "") << "one node";
  (void)taken->take(bench.machine.allocator, 0, 1);
  taken->start(true);
  for (int i = 0; i < 2; ++i) (void)taken->fetch(0);
  taken->print_nodes(said.printer());
  while (taken->fetch(1)) {
  }
  taken->print_nodes(said.printer());
  EXPECT_EQ(said.text,
            "memtest: of this sweep node 0 25%, node 1 0%\n"
            "memtest: of this sweep node 0 100%, node 1 100%\n");
  EXPECT_TRUE(taken->give_back(bench.machine.allocator, 0).ok());
}

TEST(Memtest, ABadPageIsNamedAndTakenOutOfUse) {
  Bench bench;
  bench.bad = {5 * kMiB + 0x18, 5 * kMiB + 0x1008, 17 * kMiB + 0xff8};
  const uint64_t free = bench.machine.allocator.counts().free;
  EXPECT_NE(bench.run_all("quick"), "");
  EXPECT_EQ(bench.state->bad.list().size(), 3U);
  EXPECT_EQ(bench.machine.allocator.counts().free, free - 3);
  EXPECT_EQ(bench.machine.allocator.counts().allocated(), 0U);
  EXPECT_TRUE(mm::audit(bench.machine.allocator).ok());
  EXPECT_NE(bench.log.text.find("memtest: error at 0x1100ff8 (node 1): wrote"), std::string::npos)
      << bench.log.text;
  Text bad;
  print_outcome(*bench.state, 1, bad.printer());
  EXPECT_EQ(bad.text,
            "memtest: module not told: " + std::to_string(bench.state->errors) +
                " wrong words, 0 lost, 0 corrected, in 3 bad pages\n"
                "memtest: pull first: cannot be known: SMBIOS names no memory module\n"
                "memtest: 3 bad pages, 12 KiB, taken out of use\n"
                "memtest: Linux: memmap=8K$0x500000 memmap=4K$0x1100000\n"
                "memtest: GRUB: badram 0x500000,0xffffffffffffe000,0x1100000,0xfffffffffffff000\n");
  // Whatever is allocated, it is not one of them.
  TakenMemory taken;
  for (const mm::NodeId node : {mm::NodeId{0}, mm::NodeId{1}}) {
    (void)taken.take(bench.machine.allocator, 0, node);
    for (size_t i = 0; i < taken.count(); ++i) {
      for (const uint64_t word : bench.bad) EXPECT_FALSE(taken[i].contains(mm::Phys{word}));
    }
    EXPECT_TRUE(taken.give_back(bench.machine.allocator, 0).ok());
  }
}

HardwareError lost_at(uint64_t address, uint64_t bytes = 64) {
  return {.bank = 7,
          .corrected = false,
          .kind = "memory controller error",
          .where = {mm::Phys{address}, mm::Phys{address + bytes}}};
}

TEST(Memtest, WhatTheHardwareTells) {
  Bench bench;
  acpi_test::Bytes smbios;  // one module
  smbios.u8(17).u8(21).zeros(6).u16(64).u16(64).u16(1).zeros(2).u8(1).zeros(4);
  smbios.put({'D', 'I', 'M', 'M', ' ', '3', 0, 0});
  bench.state->modules.read(smbios.bytes());
  const MemoryPlaces places{&bench.machine.allocator, &bench.state->modules};
  const mm::Printer out = bench.log.printer();
  HardwareError corrected = lost_at(6 * kMiB + 0x40);
  corrected.corrected = true;
  take_hardware_error(*bench.state, corrected, places, out);
  EXPECT_TRUE(bench.state->bad.empty()) << "nothing is lost";
  take_hardware_error(*bench.state, lost_at(17 * kMiB + 0x3000, 0x2000), places, out);
  take_hardware_error(*bench.state, {.bank = 1, .corrected = false, .kind = "error"}, places, out);
  EXPECT_EQ(
      bench.log.text,
      "memtest: corrected error at 0x600040 (node 0, DIMM 3): memory controller error, bank 7, "
      "status 0000000000000000\n"
      "memtest: uncorrected error at 0x1103000 (node 1, DIMM 3): memory controller error, bank "
      "7, status 0000000000000000\n"
      "memtest: uncorrected error without an address, CPU 0: error, bank 1, status "
      "0000000000000000\n");
  EXPECT_EQ(bench.state->bad.list().size(), 2U);
  for (int i = 0; i < 30; ++i) take_hardware_error(*bench.state, corrected, places, out);
  EXPECT_EQ(std::count(bench.log.text.begin(), bench.log.text.end(), '\n'), 17);
  EXPECT_TRUE(bench.test("quick").retire().ok());
  EXPECT_EQ(bench.machine.allocator.owner_of(mm::Pfn{17 * kMiB / mm::kPageSize + 3}).use,
            mm::FrameUse::Reserved);
  Text said;
  print_outcome(*bench.state, 1, said.printer());
  EXPECT_EQ(said.text.find("memtest: the hardware told of 31 corrected and 2 uncorrected errors\n"
                           "memtest: bank 7, 0x600040: 31 corrected\n"),
            0U)
      << said.text;
  EXPECT_NE(said.text.find("memtest: module DIMM 3, SMBIOS handle 0x0: 0 wrong words, 1 lost, 31 "
                           "corrected, in 2 bad pages\n"
                           "memtest: module not told: 0 wrong words, 1 lost, 0 corrected, in 0 bad "
                           "pages\n"
                           "memtest: pull first: DIMM 3: 1 of 2 errors\n"),
            std::string::npos)
      << said.text;
}

// Memory that the hardware lost, and of which it tells who reads there; then the CPU cannot go on.
struct LosingCells : patterns::ByWords {
  Cells cells;
  MemtestState* state;
  MemoryPlaces places;
  mm::Printer out;
  uint64_t lost;  // address
  uint64_t* reads;

  uint64_t read(uint64_t address) {
    if (address == lost) {
      ++*reads;
      take_hardware_error(*state, lost_at(address), places, out);
      throw ::test::MachineCheck();
    }
    return cells.read(address);
  }
  void write(uint64_t address, uint64_t value) { cells.write(address, value); }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) { cells.copy(from, to, bytes); }
  static void written_back(mm::Range) {}
  static void wait(unsigned) {}
  static void swept(mm::Range, const MemtestProgress&) {}
  static void choose(const RunForm*) {}
};

TEST(Memtest, AChunkThatLosesItsDataIsLeftOutAndThePageIsBad) {
  Bench bench;
  uint64_t reads = 0;
  // Another error, in another chunk: the pattern goes on and finds it.
  bench.bad = {17 * kMiB + 0x10};
  const MemoryPlaces places{&bench.machine.allocator};
  MemoryTest<LosingCells> test(bench.machine.allocator, 0,
                               {{},
                                {{}, bench.machine.map(), &bench.bad},
                                bench.state.get(),
                                places,
                                bench.log.printer(),
                                5 * kMiB + 0x80'018,
                                &reads},
                               {Bench::take_out, &bench.machine.allocator},
                               *parse_memtest("quick", 2, bench.log.printer()), *bench.state,
                               bench.log.printer());
  const uint64_t free = bench.machine.allocator.counts().free;
  for (const MemoryPattern& pattern : kMemoryPatterns) {
    const loader::Verdict verdict = test.run(pattern);
    EXPECT_EQ(verdict.failed(), pattern.id == PatternId::OwnAddress) << pattern.row.id;
    if (verdict.failed()) {
      EXPECT_STREQ(verdict.facts(),
                   "the hardware lost data 1 times, 1 wrong words; 2 bad pages so far");
    }
  }
  EXPECT_EQ(reads, 1U) << "the chunk was used again";
  EXPECT_NE(bench.log.text.find("what this pattern wrote is lost, and it leaves this out"),
            std::string::npos)
      << bench.log.text;
  EXPECT_EQ(bench.machine.allocator.counts().free, free - 2);
  EXPECT_TRUE(mm::audit(bench.machine.allocator).ok());
}

// Somebody ends it while it runs: what has not begun is left out, and nothing that was not written is
// found wrong.
struct EndedCells : patterns::ByWords {
  Cells cells;
  MemtestState* state;
  uint64_t* left;  // chunks before somebody wants it to end
  uint64_t* after;

  uint64_t read(uint64_t address) { return cells.read(address); }
  void write(uint64_t address, uint64_t value) { cells.write(address, value); }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) { cells.copy(from, to, bytes); }
  static void written_back(mm::Range) {}
  void wait(unsigned) { ++*after; }
  void swept(mm::Range, const MemtestProgress&) {
    if (state->stop) ++*after;
    if (*left != 0 && --*left == 0) state->stop = true;
  }
  static void choose(const RunForm*) {}
};

TEST(Memtest, EndedInTheMiddle) {
  for (const uint64_t chunks : {1, 5, 12, 30}) {
    Bench bench;
    bench.bad = {17 * kMiB + 0x10};
    uint64_t left = chunks, after = 0;
    MemoryTest<EndedCells> test(
        bench.machine.allocator, 0,
        {{}, {{}, bench.machine.map(), &bench.bad}, bench.state.get(), &left, &after},
        {Bench::take_out, &bench.machine.allocator},
        *parse_memtest("overnight", 2, bench.log.printer()), *bench.state, bench.log.printer());
    bool found = false;
    for (const MemoryPattern& pattern : kMemoryPatterns) found |= test.run(pattern, 1).failed();
    EXPECT_EQ(after, 0U) << "memory was swept, or waited for, though somebody had ended it";
    EXPECT_EQ(found, bench.state->errors != 0);
    EXPECT_LE(bench.state->bad.list().size(), 1U) << bench.log.text;
    EXPECT_EQ(bench.machine.allocator.counts().allocated(), 0U);
    EXPECT_TRUE(mm::audit(bench.machine.allocator).ok());
  }
}

TEST(Memtest, MoreChunksGivenUpThanCanBeNoted) {
  const auto chunk = [](uint64_t start, uint64_t end) {
    return mm::Range{mm::Phys{start}, mm::Phys{end}};
  };
  GivenUp given_up;
  EXPECT_TRUE(given_up.empty());
  for (uint64_t i = 0; i < 64; ++i) given_up.add(chunk(i * kMiB, (i + 1) * kMiB));
  EXPECT_TRUE(given_up.has(chunk(63 * kMiB, 64 * kMiB)));
  EXPECT_FALSE(given_up.has(chunk(64 * kMiB, 65 * kMiB)));
  given_up.add(chunk(70 * kMiB, 71 * kMiB));
  EXPECT_TRUE(given_up.has(chunk(64 * kMiB, 65 * kMiB))) << "all, since not each can be named";
  given_up.clear();
  EXPECT_FALSE(given_up.has(chunk(0, kMiB)));
}

TEST(Memtest, ANodeWithoutMemory) {
  PretendMachine<Policy> machine{{{{at(kMiB, 9 * kMiB)}}, {}}};
  ASSERT_TRUE(machine.ready.ok() && machine.release_all().ok());
  const auto state = std::make_unique<MemtestState>();
  const std::set<uint64_t> bad;
  Text log;
  MemoryTest<Cells> test(machine.allocator, 0, {{}, machine.map(), &bad}, {},
                         *parse_memtest("node:1", 2, log.printer()), *state, log.printer());
  EXPECT_EQ(test.plan([] { return uint64_t{0}; }).bytes, 0U);
  const loader::Verdict verdict = test.run(kMemoryPatterns[0]);
  EXPECT_EQ(verdict.outcome(), loader::Outcome::Skip);
  EXPECT_STREQ(verdict.facts(), "node 1 has no free memory");
}

TEST(Memtest, OneNodeOnly) {
  Bench bench;
  bench.bad = {5 * kMiB};
  EXPECT_EQ(bench.run_all("quick,node:1"), "");
  EXPECT_NE(bench.run_all("quick,node:0"), "");
}

TEST(Memtest, MoreBadPagesThanCanBeListed) {
  BadPages bad;
  constexpr std::array kFinders{"one", "two", "three"};
  const auto page = [](uint64_t i) { return mm::Pfn{1000 - i % 7 + 8 * i}; };
  for (uint64_t i = 0; i < BadPages::kRoom + 5; ++i) (void)bad.add(page(i), kFinders[i % 3]);
  for (uint64_t i = 0; i < BadPages::kRoom; ++i) {
    const auto at = std::find(bad.list().begin(), bad.list().end(), page(i)) - bad.list().begin();
    ASSERT_EQ(bad.found_by(static_cast<size_t>(at)), kFinders[i % 3]);
  }
  EXPECT_EQ(bad.list().size(), BadPages::kRoom);
  EXPECT_EQ(bad.not_listed(), 5U);
  EXPECT_TRUE(std::is_sorted(bad.list().begin(), bad.list().end()));
  Text said;
  bad.print(said.printer());
  EXPECT_NE(said.text.find("memtest: 5 errors in further pages"), std::string::npos) << said.text;
}

uint64_t now = 0;  // microseconds; every access takes some, and more where it writes

// Memory that takes its time, so that patterns cost as differently as they do in a machine.
struct SlowCells : patterns::ByWords {
  Cells cells;
  // Where it is not null: pages that were touched; the first time costs 100 us.
  std::set<uint64_t>* touched = nullptr;
  static inline uint64_t nanoseconds = 0;

  static void take(uint64_t time) {
    nanoseconds += time;
    now += nanoseconds / 1000;
    nanoseconds %= 1000;
  }
  uint64_t read(uint64_t address) {
    take(5);
    return cells.read(address);
  }
  void write(uint64_t address, uint64_t value) {
    take(40);
    if (touched != nullptr && touched->insert(address / mm::kPageSize).second) take(100'000);
    cells.write(address, value);
  }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) {
    take(bytes / 8);
    cells.copy(from, to, bytes);
  }
  static void written_back(mm::Range) {}
  static void wait(unsigned seconds) { now += uint64_t{seconds} * 1'000'000; }
  static void swept(mm::Range, const MemtestProgress&) {}
  static void choose(const RunForm*) {}
};

TEST(Memtest, TheFirstEstimateIsWhatItTakes) {
  for (const char* words : {"quick", "quick,2,node:1", "node:1", "quick,node:0"}) {
    Bench bench;
    std::set<uint64_t> pages;
    const bool fresh = std::string_view(words) == "quick,node:0";
    now = 1'000'000;
    const auto clock = [] { return now; };
    const auto options = parse_memtest(words, 2, bench.log.printer());
    ASSERT_TRUE(options.has_value());
    MemoryTest<SlowCells> test(
        bench.machine.allocator, 0,
        SlowCells{{}, {{}, bench.machine.map(), &bench.bad}, fresh ? &pages : nullptr}, {},
        *options, *bench.state, bench.log.printer());
    const uint64_t free = bench.machine.allocator.counts().free;
    const MemtestPlan plan = test.plan(clock);
    EXPECT_EQ(bench.machine.allocator.counts().free, free);
    test.set_rates(plan.rates);
    bench.state->progress = MemtestProgress(bench.log.printer(), clock, plan.microseconds);
    const uint64_t start = now;
    for (const MemoryPattern& pattern : kMemoryPatterns) {
      (void)test.run(pattern);
    }
    const uint64_t took = now - start;
    EXPECT_GT(plan.microseconds, took - took / 20) << words;
    // (Half of the memory here is the plan's sample, which is not touched for the first time
    // again.)
    EXPECT_LT(plan.microseconds, took + took / (fresh ? 4 : 20)) << words;
    EXPECT_GE(bench.state->progress.standing().percent, 99U) << words;
    EXPECT_LE(bench.state->progress.standing().seconds_left, 1U) << words;
  }
}

TEST(Memtest, Progress) {
  Text log;
  now = 0;
  MemtestProgress progress(
      log.printer(), [] { return now += 1'000'000; }, 40'000'000);
  progress.doing("memtest.own-address", 6'250'000);  // 100 ms a MiB
  EXPECT_EQ(progress.standing().seconds_left, 40U) << "the plan";
  for (int i = 0; i < 20; ++i) progress.add(10 * kMiB);
  progress.print();
  EXPECT_NE(log.text.find("memtest: [##########..........]  50%  "), std::string::npos) << log.text;
  EXPECT_NE(log.text.find(" left  own-address\n"), std::string::npos) << log.text;
}

TEST(Memtest, TheOutcomeOfGoodMemory) {
  for (const char* words : {"quick", "quick,2,node:1"}) {
    Bench bench;
    now = 1;
    bench.state->tested = ~uint64_t{0};
    bench.state->progress = MemtestProgress(
        bench.log.printer(), [] { return now; }, 1);
    ASSERT_EQ(bench.run_all(words), "");
    now += 64'500'000;
    const bool all = std::string_view(words) == "quick";
    const uint64_t free =
        all ? bench.machine.allocator.counts().free : bench.machine.allocator.node_counts(1).free;
    Text said;
    print_outcome(*bench.state, all ? 1 : 2, said.printer());
    EXPECT_EQ(said.text, "memtest: " + std::to_string(free * mm::kPageSize / kMiB) + " MiB, " +
                             (all ? "1 pass" : "2 passes") + ", took 1:05: no bad pages\n");
  }
}

// A plan that was wrong is put right by what has been done.
TEST(Memtest, TheEstimateLearns) {
  Text log;
  now = 1;
  MemtestProgress progress(
      log.printer(), [] { return now; }, 100'000'000);
  progress.doing("memtest.own-address", 62'500'000);  // a second a MiB
  progress.add(0);
  now += 40'000'000;
  for (int i = 0; i < 20; ++i) progress.add(kMiB);
  EXPECT_EQ(progress.standing().percent, 20U);
  EXPECT_EQ(progress.standing().seconds_left, 160U) << "twice as slow";
}

}  // namespace
}  // namespace kernel
