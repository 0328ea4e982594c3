// Which frames MTRRs leave uncached, and what becomes of the RAM in them.
#include "mm/x86_64/mtrr.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "mm/x86_64/e820_trim.h"
#include "tests/support/drawn_machine.h"

namespace kernel {
namespace {

using mm::kGiB;
using mm::kMiB;
using mm::Phys;

constexpr uint64_t kWriteBack = 6, kUncacheable = 0, kWriteCombining = 1;
constexpr uint64_t kTop = mm::kMaxPhys;

// Registers of a CPU with 36 address bits, on and uncacheable where nothing else is said.
struct Registers : mm::Mtrrs {
  Registers() {
    supported = true;
    has_fixed = true;
    default_type = 0xc00;
    variable_count = 8;
  }
  Registers& range(uint64_t base, uint64_t size, uint64_t type) {
    constexpr uint64_t kBits = (uint64_t{1} << 36) - 1;
    variable[used++] = {base | type, (kBits & ~(size - 1)) | 0x800};
    return *this;
  }
  size_t used = 0;
};

struct Said {
  std::vector<std::pair<uint64_t, uint64_t>> bytes;
  std::string log;
};
Said uncovered(const mm::Mtrrs& mtrrs) {
  std::array<mm::PfnRange, mm::kMostUncovered> room;
  test::Log log;
  const size_t count = mm::uncovered_frames(mtrrs, room, log.printer());
  Said said;
  for (const mm::PfnRange& run : std::span(room).first(count)) {
    said.bytes.emplace_back(mm::phys(run.start).v, mm::phys(run.end).v);
  }
  said.log = log.take();
  return said;
}
using Runs = std::vector<std::pair<uint64_t, uint64_t>>;

// The ledger's number, the log, and e820 afterwards.
struct Trimmed {
  mm::Trims trims;
  std::string log;
};
Trimmed trim(test::DrawnMachine& machine, const mm::Mtrrs& mtrrs) {
  std::array<mm::PfnRange, mm::kMostUncovered> room;
  test::Log log;
  Trimmed trimmed;
  const size_t count = mm::uncovered_frames(mtrrs, room, log.printer());
  test::must(
      mm::trim_uncached(machine.e820, std::span(room).first(count), trimmed.trims, log.printer()));
  trimmed.log = log.take();
  return trimmed;
}

TEST(MtrrTrim, OnlyTheFirstPartIsCached) {
  test::DrawnMachine machine(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000001fa7ffff] usable
BIOS-e820: [mem 0x000000001fa80000-0x000000001fffffff] reserved
)");
  const Trimmed trimmed = trim(machine, Registers().range(0, 256 * kMiB, kWriteBack));
  EXPECT_EQ(trimmed.trims.bytes_of(mm::kUncached), 0xfa80000u);
  EXPECT_EQ(trimmed.trims.first_uncached, (mm::Range{Phys{0x10000000}, Phys{0x1fa80000}}));
  EXPECT_EQ(trimmed.log,
            R"(e820: update [mem 0x10000000-0x1fa7ffff] usable ==> reserved
WARNING: BIOS bug: CPU MTRRs don't cover all of memory, losing 250MB of RAM.
update e820 for mtrr
modified physical RAM map:
modified: [mem 0x0000000000000000-0x000000000009ffff] usable
modified: [mem 0x0000000000100000-0x000000000fffffff] usable
modified: [mem 0x0000000010000000-0x000000001fffffff] reserved
)");
}

// A workstation's: 4 GiB and more at the top that no range has.
TEST(MtrrTrim, HolesAndTop) {
  test::DrawnMachine machine(R"(
BIOS-e820: [mem 0x0000000000001000-0x000000000009fbff] usable
BIOS-e820: [mem 0x0000000000100000-0x00000000bfedffff] usable
BIOS-e820: [mem 0x00000000bfee0000-0x00000000bfffffff] reserved
BIOS-e820: [mem 0x0000000100000000-0x000000023fffffff] usable
)");
  const Trimmed trimmed = trim(machine, Registers()
                                            .range(0, 2 * kGiB, kWriteBack)
                                            .range(2 * kGiB, kGiB, kWriteBack)
                                            .range(4 * kGiB, 4 * kGiB, kWriteBack));
  EXPECT_EQ(trimmed.trims.bytes_of(mm::kUncached), kGiB);
  EXPECT_EQ(machine.e820.last_pfn().v, 0x200000u);
  EXPECT_NE(trimmed.log.find("e820: update [mem 0xc0000000-0xffffffff] usable ==> reserved\n"
                             "e820: update [mem 0x200000000-0x23fffffff] usable ==> reserved\n"
                             "WARNING: BIOS bug: CPU MTRRs don't cover all of memory, losing "
                             "1024MB of RAM.\n"),
            std::string::npos)
      << trimmed.log;
}

// What every sound board with a hole below 4 GiB has: a line, and nothing lost.
TEST(MtrrTrim, AHoleWithoutRam) {
  test::DrawnMachine machine(R"(
BIOS-e820: [mem 0x0000000000100000-0x00000000dfffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000011fffffff] usable
)");
  const Trimmed trimmed = trim(machine, Registers()
                                            .range(0, 4 * kGiB, kWriteBack)
                                            .range(0xe0000000, 512 * kMiB, kUncacheable)
                                            .range(4 * kGiB, 512 * kMiB, kWriteBack));
  EXPECT_EQ(trimmed.trims.bytes_of(mm::kUncached), 0u);
  EXPECT_TRUE(trimmed.trims.first_uncached.empty());
  EXPECT_EQ(trimmed.log, "e820: update [mem 0xe0000000-0xffffffff] usable ==> reserved\n");
}

// A range beyond all RAM, as U-Boot leaves it: Linux 6.1 makes all RAM reserved there, and panics.
TEST(MtrrTrim, NothingIsTakenWhereNothingWouldBeLeft) {
  const char* const map = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000001fffffff] usable
)";
  test::DrawnMachine machine(map);
  const Trimmed trimmed = trim(machine, Registers().range(4 * kGiB, kGiB, kWriteBack));
  EXPECT_EQ(trimmed.trims.bytes_of(mm::kUncached), 0u);
  EXPECT_EQ(machine.e820.last_pfn().v, 0x20000u);
  EXPECT_EQ(trimmed.log,
            "CPU MTRRs leave 0K of RAM write-back: they are not believed, no RAM is taken away.\n");
  // 32 MiB less the hole below 1 MiB are too little, with 1 MiB more they are not.
  test::DrawnMachine little(map);
  EXPECT_EQ(trim(little, Registers().range(0, 32 * kMiB, kWriteBack)).trims.bytes_of(mm::kUncached),
            0u);
  test::DrawnMachine enough(map);
  EXPECT_EQ(trim(enough, Registers().range(0, 64 * kMiB, kWriteBack)).trims.bytes_of(mm::kUncached),
            448 * kMiB);
}

TEST(MtrrTrim, HeadAndOverlaps) {
  EXPECT_EQ(uncovered(Registers().range(128 * kMiB, 128 * kMiB, kWriteBack)).bytes,
            (Runs{{0, 128 * kMiB}, {256 * kMiB, kTop}}));
  EXPECT_EQ(uncovered(Registers()
                          .range(kGiB, kGiB, kWriteBack)
                          .range(0, 2 * kGiB, kWriteBack)
                          .range(512 * kMiB, 256 * kMiB, kUncacheable))
                .bytes,
            (Runs{{512 * kMiB, 768 * kMiB}, {2 * kGiB, kTop}}));
}

TEST(MtrrTrim, AmdForcesWhatIsAboveFourGiB) {
  Registers mtrrs;
  mtrrs.range(0, 2 * kGiB, kWriteBack);
  mtrrs.top_of_memory = 6 * kGiB;
  EXPECT_EQ(uncovered(mtrrs).bytes, (Runs{{2 * kGiB, 4 * kGiB}, {6 * kGiB, kTop}}));
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{3 * kGiB}).type, mm::MemoryType::Uncacheable);
  EXPECT_LE(mm::memory_type_at(mtrrs, Phys{3 * kGiB}).end, Phys{4 * kGiB});
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{4 * kGiB}).type, mm::MemoryType::WriteBack);
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{4 * kGiB}).end, Phys{6 * kGiB});
  EXPECT_EQ(mm::memory_type_at(mtrrs, Phys{6 * kGiB}).type, mm::MemoryType::Uncacheable);
}

TEST(MtrrTrim, WhereLinuxLeavesThingsAlone) {
  const Registers sound = Registers().range(0, 256 * kMiB, kWriteBack);
  ASSERT_FALSE(uncovered(sound).bytes.empty());
  Registers none = sound;
  none.supported = false;
  EXPECT_TRUE(uncovered(none).bytes.empty());
  Registers cached = sound;
  cached.default_type = 0xc06;
  EXPECT_TRUE(uncovered(cached).bytes.empty());
  Registers others = sound;
  others.range(kGiB, 16 * kMiB, kWriteCombining);
  EXPECT_TRUE(uncovered(others).bytes.empty());
  Registers nothing = Registers().range(0, 64 * kGiB, kWriteBack);
  nothing.range(0, 64 * kGiB, kUncacheable);
  nothing.has_fixed = false;
  EXPECT_TRUE(uncovered(nothing).bytes.empty());
  const Said blank = uncovered(Registers().range(kGiB, kGiB, kUncacheable));
  EXPECT_TRUE(blank.bytes.empty());
  EXPECT_EQ(blank.log, "CPU MTRRs all blank - virtualized system.\n");
}

TEST(MtrrTrim, AnUncacheableRangeBelowOneMiB) {
  Registers mtrrs = Registers().range(0, 256 * kMiB, kWriteBack).range(0, 512 * 1024, kUncacheable);
  const Said said = uncovered(mtrrs);
  EXPECT_EQ(said.bytes, (Runs{{256 * kMiB, kTop}}));
  EXPECT_EQ(said.log,
            "WARNING: BIOS bug: VAR MTRR 1 contains strange UC entry under 1M, check with your "
            "system vendor!\n");
  mtrrs.default_type = 0x800;  // no fixed ranges that could say otherwise
  EXPECT_EQ(uncovered(mtrrs).bytes, (Runs{{0, 512 * 1024}, {256 * kMiB, kTop}}));
}

TEST(MtrrTrim, AsManyRunsAsThereCanBe) {
  Registers mtrrs;
  mtrrs.variable_count = mm::Mtrrs::kMaxVariable;
  for (uint64_t i = 0; i < 16; ++i) mtrrs.range((2 * i + 1) * kGiB, kGiB, kWriteBack);
  for (uint64_t i = 0; i < 16; ++i) {
    mtrrs.range((2 * i + 1) * kGiB + 256 * kMiB, 256 * kMiB, kUncacheable);
  }
  EXPECT_EQ(uncovered(mtrrs).bytes.size(), 33u);
}

}  // namespace
}  // namespace kernel
