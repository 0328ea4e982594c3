// CPUs: which are started, what one has another do, and what becomes of those that do not answer.
#include "kernel/smp/cpus.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "kernel/policy.h"
#include "kernel/smp/bring_up.h"
#include "kernel/smp/drain.h"
#include "kernel/x86/apic_commands.h"
#include "tests/support/booted.h"
#include "tests/support/pretend_cpus.h"
#include "tests/support/pretend_hardware.h"

namespace kernel {
namespace {

using State = CpuState;

TEST(Cpus, BeforeThereIsATableTheBootCpuIsAlone) {
  EXPECT_EQ(cpus().online(), 1U);
  EXPECT_TRUE(cpus().is_online(0));
  EXPECT_FALSE(cpus().is_online(1));
  int done = 0;
  EXPECT_TRUE(call_on(
      0, [](void* c) { ++*static_cast<int*>(c); }, &done));
  run_everywhere([](void* c) { ++*static_cast<int*>(c); }, &done);
  EXPECT_EQ(done, 2);
}

TEST(Cpus, ACallRunsThereAndIsWaitedFor) {
  test::PretendCpus pretend;
  pretend.start(4);
  for (unsigned cpu = 0; cpu < 4; ++cpu) {
    unsigned ran_on = 99;
    ASSERT_TRUE(call_on(
        cpu, [](void* c) { *static_cast<unsigned*>(c) = arch::this_cpu(); }, &ran_on));
    EXPECT_EQ(ran_on, cpu);
  }
}

TEST(Cpus, NobodyCallsWhatIsNotOnline) {
  test::PretendCpus pretend;
  pretend.dead = {2};
  pretend.start(4);
  EXPECT_EQ(cpus().online(), 3U);
  EXPECT_FALSE(call_on(
      2, [](void*) { FAIL(); }, nullptr));
  EXPECT_FALSE(call_on(
      4, [](void*) { FAIL(); }, nullptr));
}

// Each CPU calls each other at the same time, over and over: nobody waits for ever, nothing is
// lost.
TEST(Cpus, AllMayCallEachOtherAtOnce) {
  constexpr unsigned kCpus = 6, kRounds = 200;
  test::PretendCpus pretend;
  pretend.start(kCpus);
  std::array<std::atomic<unsigned>, kCpus> calls{};
  run_everywhere(
      [](void* context) {
        auto& count = *static_cast<std::array<std::atomic<unsigned>, kCpus>*>(context);
        for (unsigned round = 0; round < kRounds; ++round) {
          for (unsigned cpu = 0; cpu < kCpus; ++cpu) {
            ASSERT_TRUE(call_on(
                cpu,
                [](void* c) {
                  ++(*static_cast<std::array<std::atomic<unsigned>, kCpus>*>(c))[arch::this_cpu()];
                },
                &count));
          }
        }
      },
      &calls);
  for (const auto& count : calls) EXPECT_EQ(count, kCpus * kRounds);
}

TEST(Cpus, ATaskRunsOnEachAtTheSameTime) {
  constexpr unsigned kCpus = 5;
  test::PretendCpus pretend;
  pretend.start(kCpus);
  // It ends only when all are in it.
  std::atomic<unsigned> inside = 0;
  run_everywhere(
      [](void* context) {
        auto& in = *static_cast<std::atomic<unsigned>*>(context);
        ++in;
        while (in < kCpus) std::this_thread::yield();
      },
      &inside);
  EXPECT_EQ(inside, kCpus);
}

TEST(Cpus, ThoseThatAreWantedAreCalledAllAtATime) {
  constexpr unsigned kCpus = 6;
  test::PretendCpus pretend;
  pretend.dead = {3};
  pretend.start(kCpus);
  // Each waits for the other two.
  std::atomic<unsigned> inside = 0;
  const auto odd_or_last = [](void*, unsigned cpu) { return cpu % 2 == 1 || cpu == 4; };
  const auto meet = [](void* context) {
    auto& in = *static_cast<std::atomic<unsigned>*>(context);
    ++in;
    while (in < 3) std::this_thread::yield();
  };
  EXPECT_EQ(call_others(odd_or_last, meet, &inside), 0U);
  EXPECT_EQ(inside, 3U) << "CPUs 1, 4 and 5";
}

// Counters that each CPU raises, twice with nothing between, as long as it runs.
struct Running {
  static constexpr unsigned kCpus = 5;
  std::array<std::array<std::atomic<unsigned>, 2>, kCpus> steps{};
  std::array<unsigned, kCpus> seen{};
  std::atomic<unsigned> standstills = 0, moved = 0;
  unsigned rounds = 0;

  void step() {
    const Policy::Masked masked;
    ++steps[arch::this_cpu()][0];
    ++steps[arch::this_cpu()][1];
  }
  // While the others stand: none is between its two, and none goes on.
  static void look(void* context) {
    auto& r = *static_cast<Running*>(context);
    for (unsigned cpu = 0; cpu < kCpus; ++cpu) {
      EXPECT_EQ(r.steps[cpu][0], r.steps[cpu][1]);
      r.seen[cpu] = r.steps[cpu][0];
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    for (unsigned cpu = 0; cpu < kCpus; ++cpu) EXPECT_EQ(r.steps[cpu][0], r.seen[cpu]);
    ++r.standstills;
  }
};

TEST(Cpus, OthersStandOnceTheirInterruptsAreOnAndGoOnAfterwards) {
  test::PretendCpus pretend;
  pretend.start(Running::kCpus);
  Running running;
  run_everywhere(
      [](void* context) {
        auto& r = *static_cast<Running*>(context);
        if (arch::this_cpu() != 0) {
          while (r.standstills < 20) r.step();
          return;
        }
        for (unsigned i = 0; i < 20; ++i) {
          while (r.steps[1][0] == r.seen[1]) std::this_thread::yield();  // it went on
          EXPECT_TRUE(while_others_stand(Running::look, context));
        }
      },
      &running);
  EXPECT_EQ(running.standstills, 20U);
}

// Whoever asks for it, while others call each other.
TEST(Cpus, AllMayAskForAStandstillAtOnce) {
  constexpr unsigned kRounds = 30;
  test::PretendCpus pretend;
  pretend.start(Running::kCpus);
  Running running;
  run_everywhere(
      [](void* context) {
        auto& r = *static_cast<Running*>(context);
        for (unsigned round = 0; round < kRounds; ++round) {
          r.step();
          EXPECT_TRUE(call_on((arch::this_cpu() + 1) % Running::kCpus, [](void*) {}, nullptr));
          if (round % 3 == arch::this_cpu() % 3) {
            EXPECT_TRUE(while_others_stand(Running::look, context));
          }
        }
      },
      &running);
  EXPECT_EQ(running.standstills, Running::kCpus * kRounds / 3);
}

// What one CPU asks of another before it stands itself may reach that one when all stand.
struct LateCalls {
  std::atomic<unsigned> ran = 0;
  Errand of_other{run, &ran, 1}, of_own{run, &ran, 1};
  unsigned ran_meanwhile = 99;

  static void run(void* context) { ++*static_cast<std::atomic<unsigned>*>(context); }
  static void post(unsigned cpu, Errand& errand) {
    __atomic_store_n(&cpus().all()[cpu].call, &errand, __ATOMIC_RELEASE);
    arch::interrupt_cpu(cpus().all()[cpu]);
  }
  static void look(void* context) {
    auto& late = *static_cast<LateCalls*>(context);
    post(1, late.of_other);
    post(0, late.of_own);
    for (unsigned i = 0; i < 20; ++i) arch::doze();
    late.ran_meanwhile = late.ran;
  }
};

TEST(Cpus, ACallThatComesWhileAllStandWaits) {
  test::PretendCpus pretend;
  pretend.start(3);
  LateCalls late;
  ASSERT_TRUE(while_others_stand(LateCalls::look, &late));
  EXPECT_EQ(late.ran_meanwhile, 0U);
  while (__atomic_load_n(&late.of_other.left, __ATOMIC_ACQUIRE) != 0) arch::doze();
  EXPECT_EQ(__atomic_load_n(&late.of_own.left, __ATOMIC_ACQUIRE), 0U);
  EXPECT_EQ(late.ran, 2U);
}

// A CPU that waits for another looks for calls with its interrupts on: so they are afterwards.
TEST(Cpus, InterruptsAreOnAgainAfterAStandstillThatWasLookedFor) {
  test::PretendCpus pretend;
  pretend.start(Running::kCpus);
  Running running;
  run_everywhere(
      [](void* context) {
        auto& r = *static_cast<Running*>(context);
        for (unsigned round = 0; round < 50; ++round) {
          EXPECT_TRUE(while_others_stand(Running::look, &r));
          EXPECT_TRUE(test::interrupts_are_on()) << arch::this_cpu();
        }
      },
      &running);
}

TEST(Cpus, WhoIsAloneHasNobodyToWaitFor) {
  int done = 0;
  EXPECT_TRUE(while_others_stand([](void* c) { ++*static_cast<int*>(c); }, &done));
  EXPECT_EQ(done, 1);
}

// CPU 1's pages come home whether it runs or never came up, from each kind of list.
void drain_with_a_block_on_cpu_1(unsigned order, bool runs) {
  constexpr const char* kMachine =
      "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n";
  test::BootedMachine machine(kMachine, "", test::BootedMachine::With::KernelImage);
  struct Use {
    mm::PageAllocator<Policy>& pages;
    unsigned order;
  } use{machine->relay.pages(), order};
  ASSERT_TRUE(use.pages.start_cpu(1, 0).ok());
  test::PretendCpus pretend;
  pretend.start(2);
  ASSERT_TRUE(call_on(
      1,
      [](void* context) {
        auto& [pages, of] = *static_cast<Use*>(context);
        const mm::PagesOr block = pages.alloc_pages(1, mm::kGfpHighUserMovable, of, 0);
        ASSERT_TRUE(block.ok());
        ASSERT_TRUE(pages.free_pages(1, block.value(), of));
      },
      &use));
  ASSERT_GT(use.pages.counts().on_cpu_lists, 0U);
  if (!runs) pretend.table[1].state = CpuState::Silent;
  drain_everywhere(use.pages);
  EXPECT_EQ(use.pages.counts().on_cpu_lists, 0U);
  EXPECT_EQ(use.pages.counts().free, use.pages.counts().managed);
}

TEST(Drain, EmptiesTheListsOfAllCpus) {
  for (const unsigned order : {0U, mm::kPageblockOrder}) {
    for (const bool runs : {true, false}) {
      SCOPED_TRACE(testing::Message() << "order " << order << " runs " << runs);
      drain_with_a_block_on_cpu_1(order, runs);
    }
  }
}

TEST(Cpus, EachRestsBeforeItsTaskCountsAsDone) {
  constexpr unsigned kCpus = 3;
  test::PretendCpus pretend;
  pretend.start(kCpus);
  std::atomic<unsigned> rested = 0;
  cpus().set_rest(
      [](void* count, unsigned cpu) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        *static_cast<std::atomic<unsigned>*>(count) += 1U << (8 * cpu);
      },
      &rested);
  run_everywhere([](void*) {}, nullptr);
  EXPECT_EQ(rested, 0x10101U);
}

// --- Which CPUs there are ------------------------------------------------------------------------

struct Listed {
  explicit Listed(std::vector<loader::MadtCpu> cpus = {}) : madt(std::move(cpus)) {}

  std::vector<loader::MadtCpu> madt;
  CpuOptions options;
  uint32_t boot = 0;

  [[nodiscard]] loader::Madt tables() const {
    loader::Madt m;
    m.cpus = madt;
    for (const loader::MadtCpu& cpu : madt) m.enabled += cpu.enabled ? 1 : 0;
    return m;
  }
  // `id:state` of each, by number.
  std::string operator()() {
    const loader::Madt m = tables();
    std::vector<Cpu> table(possible_cpus(m, options));
    list_cpus(table, {m, {}, boot, options, [](uint32_t id) { return id <= 254; }});
    std::string text;
    for (const Cpu& cpu : table) {
      EXPECT_EQ(cpu.number, static_cast<uint32_t>(&cpu - table.data()));
      text += std::to_string(cpu.id) + ":" + cpu_state_name(cpu.state) + " ";
    }
    return text;
  }
};

constexpr loader::MadtCpu there(uint32_t id) { return {id, true, false, false}; }
constexpr loader::MadtCpu pluggable(uint32_t id) { return {id, false, true, false}; }

TEST(ListCpus, TheBootCpuIsNumberZero) {
  Listed list({there(0), there(4), there(2)});
  EXPECT_EQ(list(), "0:online 4:starting 2:starting ");
  list.boot = 4;
  EXPECT_EQ(list(), "4:online 0:starting 2:starting ");
}

TEST(ListCpus, WhatMayBePluggedInIsPossible) {
  Listed list({pluggable(1), there(0), there(2)});
  EXPECT_EQ(list(), "0:online 2:starting 1:can be plugged in ");
}

TEST(ListCpus, OptionsKeepCpusFromBeingStarted) {
  Listed list({there(0), there(1), there(2), there(3)});
  list.options.started = 2;
  EXPECT_EQ(list(), "0:online 1:starting 2:not to be started 3:not to be started ");
  list.options = {};
  list.options.possible = 2;
  EXPECT_EQ(list(), "0:online 1:starting ");
  list.options.possible = 0;
  EXPECT_EQ(list(), "0:online ");
  list.options = {};
  list.options.nosmp = true;
  EXPECT_EQ(list(), "0:online ");
}

TEST(ListCpus, WhatCannotBeAddressedIsNamed) {
  Listed list({there(0), there(300), there(1)});
  EXPECT_EQ(list(), "0:online 1:starting 300:out of reach ");
}

TEST(ListCpus, WithoutTablesThereIsOne) {
  Listed list;
  EXPECT_EQ(list(), "0:online ");
}

TEST(CpuOptions, AreNumbersAndWhatIsNoneIsTold) {
  test::Log log;
  const CpuOptions options =
      cpu_options(Options("maxcpus=x possible_cpus=3 maxcpus=2q"), log.printer());
  EXPECT_FALSE(options.started);
  EXPECT_EQ(options.possible, 3U);
  EXPECT_NE(log.text().find("maxcpus=2q"), std::string::npos) << log.text();
  EXPECT_TRUE(cpu_options(Options("maxcpus=0"), log.printer()).nosmp);
  EXPECT_TRUE(cpu_options(Options("nosmp"), log.printer()).nosmp);
}

// --- Locks ---------------------------------------------------------------------------------------

TEST(Locks, AreTakenInOneOrder) {
  Cpu& own = cpus().own();
  ASSERT_EQ(own.locks, 0U);
  SpinLock<LockRank::Findings> memtest;
  SpinLock<LockRank::Zone> zone;
  {
    const Held outer(memtest);
    EXPECT_TRUE(in_lock_order(own.locks, LockRank::Console));
    const Held inner(zone);
    EXPECT_EQ(own.locks, one_lock(LockRank::Findings) + one_lock(LockRank::Zone));
    EXPECT_TRUE(in_lock_order(own.locks, LockRank::Console));
    EXPECT_FALSE(in_lock_order(own.locks, LockRank::Zone));  // two zones' at a time
    EXPECT_FALSE(in_lock_order(own.locks, LockRank::Findings));
    EXPECT_FALSE(zone.try_lock());
    // Who does not wait is in nobody's way, and what it has counts.
    SpinLock<LockRank::Zone> other_zone;
    ASSERT_TRUE(other_zone.try_lock());
    EXPECT_EQ(own.locks, one_lock(LockRank::Findings) + 2 * one_lock(LockRank::Zone));
    other_zone.unlock();
    EXPECT_FALSE(in_lock_order(own.locks, LockRank::Zone));
  }
  EXPECT_EQ(own.locks, 0U);
  ASSERT_TRUE(zone.try_lock());
  EXPECT_FALSE(in_lock_order(own.locks, LockRank::Zone));
  zone.unlock();
  EXPECT_EQ(own.locks, 0U);
}

// --- How they are told (Intel SDM vol. 3A, chapter 11) -------------------------------------------

TEST(ApicCommands, AreWhatTheManualSays) {
  using namespace x86;  // NOLINT: all about it
  EXPECT_EQ(command(Delivery::Init, 0), 0x4500U);
  EXPECT_EQ(command(Delivery::StartUp, start_up_vector(0x9f000)), 0x469fU);
  EXPECT_EQ(command(Delivery::Fixed, 0xfb), 0x40fbU);
  EXPECT_EQ(command(Delivery::Nmi, 0), 0x4400U);
  EXPECT_EQ(xapic_destination(0x12), 0x1200'0000U);
  EXPECT_EQ(x2apic_command(0x1234'5678, Delivery::StartUp, 0x08), 0x1234'5678'0000'4608U);
  EXPECT_EQ(x2apic_msr(ApicRegister::Id), 0x802U);
  EXPECT_EQ(x2apic_msr(ApicRegister::EndOfInterrupt), 0x80bU);
  EXPECT_EQ(x2apic_msr(ApicRegister::Command), 0x830U);
  EXPECT_EQ(x2apic_msr(ApicRegister::TimerDivide), 0x83eU);
}

}  // namespace
}  // namespace kernel
