#include "mm/e820.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "mm/x86_64/e820_trim.h"
#include "tests/support/drawn_machine.h"
#include "tests/support/own_e820.h"

namespace {

using mm::E820Entry;
using mm::E820Type;
using mm::Pfn;
using mm::Phys;
using mm::Range;
using test::range;

struct Table : test::OwnE820 {
  using OwnE820::OwnE820;

  [[nodiscard]] std::string draw() const {
    test::Log log;
    for (const E820Entry& e : e820.entries()) {
      const char* name = mm::e820_type_name(e.type);
      log.printer().line("{}-{} {}", e.range.start, e.range.end, name != nullptr ? name : "?");
    }
    return log.take();
  }
};

TEST(E820, SortsAndMerges) {
  Table t;
  t.add(0x5000, 0x6000, E820Type::Ram)
      .add(0x1000, 0x2000, E820Type::Ram)
      .add(0x2000, 0x3000, E820Type::Ram)
      .add(0x3000, 0x4000, E820Type::Reserved);
  EXPECT_EQ(t.draw(), "0x1000-0x3000 usable\n0x3000-0x4000 reserved\n0x5000-0x6000 usable\n");
}

TEST(E820, WhereTypesOverlapTheStricterWins) {
  //  usable     |---------------------------|
  //  ACPI data       |-----|
  //  reserved           |-----|
  //  unusable                     |--|
  //  unknown 20                      |---|
  Table t;
  t.add(0x1000, 0x9000, E820Type::Ram)
      .add(0x2000, 0x4000, E820Type::Acpi)
      .add(0x3000, 0x5000, E820Type::Reserved)
      .add(0x6000, 0x7000, E820Type::Unusable)
      .add(0x6800, 0x8000, E820Type{20});
  EXPECT_EQ(t.draw(), R"(0x1000-0x2000 usable
0x2000-0x3000 ACPI data
0x3000-0x5000 reserved
0x5000-0x6000 usable
0x6000-0x7000 unusable
0x7000-0x8000 ?
0x8000-0x9000 usable
)");
}

TEST(E820, TheOrderOfEntriesDoesNotMatter) {
  const std::vector<std::pair<Range, E820Type>> given{
      {range(0x1000, 0x9000), E820Type::Ram},          {range(0x2000, 0x4000), E820Type::Acpi},
      {range(0x3000, 0x5000), E820Type::Reserved},     {range(0x4800, 0xa000), E820Type::Nvs},
      {range(0x0000, 0x20000), E820Type::Unaccepted},  {range(0x7000, 0x8000), E820Type::Pram},
      {range(0x8000, 0x8800), E820Type::SoftReserved},
  };
  Table forward;
  Table backward;
  for (size_t i = 0; i < given.size(); ++i) {
    test::must(forward.e820.append(given[i].first, given[i].second));
    const auto& back = given[given.size() - 1 - i];
    test::must(backward.e820.append(back.first, back.second));
  }
  EXPECT_EQ(forward.draw(), backward.draw());
}

TEST(E820, ThatEveryTypeHasItsPlace) {
  const std::vector<E820Type> order{
      E820Type::Ram,  E820Type::Unaccepted, E820Type::SoftReserved, E820Type::Pmem,
      E820Type::Acpi, E820Type::Nvs,        E820Type::Reserved,     E820Type::Unusable};
  for (size_t i = 1; i < order.size(); ++i) {
    EXPECT_LT(mm::strictness(order[i - 1]), mm::strictness(order[i])) << i;
  }
  EXPECT_LT(mm::strictness(E820Type{99}), mm::strictness(E820Type::Reserved));
  EXPECT_GT(mm::strictness(E820Type{99}), mm::strictness(E820Type::Nvs));
}

TEST(E820, PersistentAndSoftReservedAreNotMerged) {
  Table t;
  t.add(0x1000, 0x2000, E820Type::Pram)
      .add(0x2000, 0x3000, E820Type::Pram)
      .add(0x4000, 0x5000, E820Type::SoftReserved)
      .add(0x5000, 0x6000, E820Type::SoftReserved);
  EXPECT_EQ(t.e820.entries().size(), 4u);
}

TEST(E820, UpdateRetypesOnlyWhatIsOfThatType) {
  Table t;
  t.add(0x1000, 0x4000, E820Type::Ram).add(0x5000, 0x8000, E820Type::Acpi);
  EXPECT_EQ(test::must(t.e820.update(range(0, 0x6000), E820Type::Ram, E820Type::Reserved)),
            0x3000u);
  EXPECT_EQ(test::must(t.e820.update(range(0x6000, 0x9000), E820Type::Acpi, E820Type::Ram)),
            0x2000u);
  EXPECT_EQ(t.draw(), "0x1000-0x4000 reserved\n0x5000-0x6000 ACPI data\n0x6000-0x8000 usable\n");
}

TEST(E820, RemoveTakesOneTypeOrAll) {
  Table t;
  t.add(0x1000, 0x4000, E820Type::Ram).add(0x4000, 0x8000, E820Type::Acpi);
  EXPECT_EQ(test::must(t.e820.remove(range(0x2000, 0x6000), E820Type::Ram)), 0x2000u);
  EXPECT_EQ(test::must(t.e820.remove(range(0x7000, 0x7800))), 0x800u);
  EXPECT_EQ(t.draw(), "0x1000-0x2000 usable\n0x4000-0x7000 ACPI data\n0x7800-0x8000 ACPI data\n");
}

TEST(E820, BadRangesAreNamedAndChangeNothing) {
  Table t;
  t.add(0x1000, 0x2000, E820Type::Ram);
  const std::string before = t.draw();
  for (const Range bad : {range(0x3000, 0x3000), range(0x3000, 0x1000),
                          range(0x1000, mm::kMaxPhys + 1), range(~uint64_t{0} - 5, 5)}) {
    EXPECT_FALSE(t.e820.append(bad, E820Type::Reserved).ok());
    EXPECT_FALSE(t.e820.update(bad, E820Type::Ram, E820Type::Reserved).ok());
    EXPECT_FALSE(t.e820.remove(bad).ok());
  }
  EXPECT_EQ(t.draw(), before);
  EXPECT_EQ(test::describe(t.e820.append(range(0x3000, 0x1000), E820Type::Ram).error()),
            "error: e820: range wraps (start 0x3000, end 0x1000)\n");
}

TEST(E820, AFullTableIsAnErrorAndStaysAsItWas) {
  Table t(6);
  for (uint64_t i = 0;; ++i) {
    const std::string before = t.draw();
    const auto added = t.e820.append(range(i * 0x2000, i * 0x2000 + 0x1000), E820Type::Ram);
    if (added.ok()) continue;
    EXPECT_GE(i, 3u);
    EXPECT_EQ(t.draw(), before);
    break;
  }
}

TEST(E820, LastPfnIsOfWholeFrames) {
  Table t;
  t.add(0x100000, 0x7fffffff, E820Type::Ram)
      .add(0x100000000, 0x180000800, E820Type::Ram)
      .add(0x200000000, 0x200000fff, E820Type::Ram)
      .add(0x300000000, 0x400000000, E820Type::Reserved);
  EXPECT_EQ(t.e820.last_pfn(), Pfn{0x180000});
  EXPECT_EQ(t.e820.last_pfn(Pfn{0x100000}), Pfn{0x7ffff});
  EXPECT_EQ(t.e820.last_pfn(Pfn{0x140000}), Pfn{0x140000});
  EXPECT_EQ(Table().e820.last_pfn(), Pfn{0});
}

TEST(E820, FindsAndSums) {
  Table t;
  t.add(0x1000, 0x2000, E820Type::Ram).add(0x2000, 0x3000, E820Type::Acpi);
  EXPECT_EQ(t.e820.find(Phys{0xfff}), nullptr);
  EXPECT_EQ(t.e820.find(Phys{0x1fff})->type, E820Type::Ram);
  EXPECT_EQ(t.e820.find(Phys{0x2000})->type, E820Type::Acpi);
  EXPECT_EQ(t.e820.find(Phys{0x3000}), nullptr);
  EXPECT_TRUE(t.e820.all(range(0x1000, 0x2000), E820Type::Ram));
  EXPECT_FALSE(t.e820.all(range(0x1000, 0x2001), E820Type::Ram));
  EXPECT_EQ(t.e820.total(E820Type::Acpi), 0x1000u);
}

TEST(E820, AdoptsOnlyWhatIsSane) {
  Table t;
  const std::vector<E820Entry> good{{range(0, 0x1000), E820Type::Ram},
                                    {range(0x1000, 0x2000), E820Type::Reserved}};
  test::must(t.e820.adopt(good));
  EXPECT_EQ(t.e820.entries().size(), 2u);
  const std::vector<E820Entry> overlapping{{range(0, 0x1001), E820Type::Ram},
                                           {range(0x1000, 0x2000), E820Type::Reserved}};
  EXPECT_FALSE(t.e820.adopt(overlapping).ok());
  Table small(1);
  EXPECT_FALSE(small.e820.adopt(good).ok());
}

TEST(E820, PrintsAsLinux) {
  Table t;
  t.add(0, 0xa0000, E820Type::Ram).add(0xf0000, 0x100000, E820Type{16});
  test::Log log;
  t.e820.print(log.printer(), "BIOS-e820");
  EXPECT_EQ(log.text(),
            "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
            "BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] type 16\n");
}

// Against a map from each byte of a small world to its type.
TEST(E820, AgreesWithAByteByByteModel) {
  constexpr E820Type kTypes[] = {E820Type::Ram,  E820Type::Reserved,     E820Type::Acpi,
                                 E820Type::Pram, E820Type::Unaccepted,   E820Type{20},
                                 E820Type::Nvs,  E820Type::SoftReserved, E820Type::Unusable};
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    Table t(400);
    std::map<uint64_t, E820Type> model;
    for (int step = 0; step < 40; ++step) {
      const uint64_t start = random() % 60;
      const uint64_t end = start + 1 + random() % 20;
      const E820Type a = kTypes[random() % std::size(kTypes)];
      const E820Type b = kTypes[random() % std::size(kTypes)];
      const unsigned action = random() % 4;
      uint64_t changed = 0;
      for (uint64_t i = start; i < end; ++i) {
        const auto at = model.find(i);
        if (action <= 1) {
          if (at == model.end() || mm::strictness(a) >= mm::strictness(at->second)) model[i] = a;
        } else if (at != model.end() && at->second == a) {
          ++changed;
          action == 2 ? void(at->second = b) : void(model.erase(at));
        }
      }
      if (action <= 1) {
        test::must(t.e820.append(range(start, end), a));
      } else if (action == 2) {
        const uint64_t updated = test::must(t.e820.update(range(start, end), a, b));
        EXPECT_EQ(updated, a == b ? 0 : changed) << seed;
      } else {
        EXPECT_EQ(test::must(t.e820.remove(range(start, end), a)), changed) << seed;
      }
      for (uint64_t i = 0; i < 90; ++i) {
        const E820Entry* entry = t.e820.find(Phys{i});
        const auto at = model.find(i);
        ASSERT_EQ(entry != nullptr, at != model.end()) << "seed " << seed << " byte " << i;
        if (entry != nullptr) {
          ASSERT_EQ(entry->type, at->second) << "seed " << seed << " byte " << i;
        }
      }
      // Sorted, disjoint, merged.
      const auto entries = t.e820.entries();
      for (size_t i = 1; i < entries.size(); ++i) {
        ASSERT_LE(entries[i - 1].range.end, entries[i].range.start);
        if (entries[i - 1].range.end == entries[i].range.start &&
            entries[i].type != E820Type::Pram && entries[i].type != E820Type::SoftReserved) {
          ASSERT_NE(entries[i - 1].type, entries[i].type) << "seed " << seed;
        }
      }
    }
  }
}

// What a batch is to make of a small world, looked at byte by byte: its type is the strictest that
// claims it, of equally strict ones the latest; an entry ends where the type does, and one that is
// not merged at every border there was.
std::string drawn_of_bytes(const std::vector<E820Entry>& given) {
  std::map<uint64_t, E820Type> bytes;
  std::set<uint64_t> borders;
  for (const E820Entry& e : given) {
    borders.insert({e.range.start.v, e.range.end.v});
    for (uint64_t i = e.range.start.v; i < e.range.end.v; ++i) {
      const auto [at, is_new] = bytes.try_emplace(i, e.type);
      if (!is_new && mm::strictness(e.type) >= mm::strictness(at->second)) at->second = e.type;
    }
  }
  std::vector<E820Entry> entries;
  for (const auto& [byte, type] : bytes) {
    const bool cut =
        (type == E820Type::Pram || type == E820Type::SoftReserved) && borders.count(byte) != 0;
    if (!entries.empty() && entries.back().range.end.v == byte && entries.back().type == type &&
        !cut) {
      entries.back().range.end += 1;
    } else {
      entries.push_back({range(byte, byte + 1), type});
    }
  }
  test::Log log;
  for (const E820Entry& e : entries) {
    log.printer().line("{}-{} {}", e.range.start, e.range.end, static_cast<unsigned>(e.type));
  }
  return log.take();
}

TEST(E820Batch, AgreesWithAByteByByteModel) {
  constexpr E820Type kTypes[] = {E820Type::Ram,  E820Type::Reserved,     E820Type::Acpi,
                                 E820Type::Pram, E820Type::Unaccepted,   E820Type{20},
                                 E820Type{21},   E820Type::SoftReserved, E820Type::Unusable};
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    std::vector<E820Entry> given(random() % 24);
    for (E820Entry& e : given) {
      const uint64_t start = random() % 100;
      e = {range(start, start + 1 + random() % (random() % 2 == 0 ? 4 : 40)),
           kTypes[random() % std::size(kTypes)]};
    }
    // The room that is promised to be enough, and not a slot more.
    Table t(mm::E820Table::capacity_for(given.size()));
    // Some were there before, each in its turn.
    const size_t before = given.empty() ? 0 : random() % given.size();
    for (size_t i = 0; i < before; ++i) test::must(t.e820.append(given[i].range, given[i].type));
    const auto there = t.e820.entries();
    std::vector<E820Entry> all(there.begin(), there.end());
    mm::E820Batch batch(t.e820);
    for (size_t i = before; i < given.size(); ++i) {
      test::must(batch.append(given[i].range, given[i].type));
      all.push_back(given[i]);
    }
    batch.finish();
    test::Log log;
    for (const E820Entry& e : t.e820.entries()) {
      log.printer().line("{}-{} {}", e.range.start, e.range.end, static_cast<unsigned>(e.type));
    }
    ASSERT_EQ(log.text(), drawn_of_bytes(all)) << "seed " << seed;
  }
}

TEST(E820Batch, CutsWhatIsNotMergedWhereLinuxDoes) {
  Table t;
  mm::E820Batch batch(t.e820);
  test::must(batch.append(range(0x1000, 0x3000), E820Type::Ram));
  test::must(batch.append(range(0x3000, 0x5000), E820Type::Ram));
  test::must(batch.append(range(0x2000, 0x4000), E820Type::Pram));
  batch.finish();
  EXPECT_EQ(t.draw(),
            "0x1000-0x2000 usable\n0x2000-0x3000 persistent (type 12)\n"
            "0x3000-0x4000 persistent (type 12)\n0x4000-0x5000 usable\n");
}

TEST(E820Batch, WhatItRefusesLeavesTheTableAsItWas) {
  Table t(12);
  t.add(0x1000, 0x2000);
  const std::string before = t.draw();
  mm::E820Batch batch(t.e820);
  EXPECT_EQ(test::describe(batch.append(range(0x3000, 0x1000), E820Type::Ram).error()),
            "error: e820: range wraps (start 0x3000, end 0x1000)\n");
  test::must(batch.append(range(0x5000, 0x6000), E820Type::Ram));
  test::must(batch.append(range(0x3000, 0x4000), E820Type::Ram));
  EXPECT_FALSE(batch.append(range(0x7000, 0x8000), E820Type::Ram).ok());  // no room
  EXPECT_EQ(t.draw(), before);
  batch.finish();
  EXPECT_EQ(t.draw(), before + "0x3000-0x4000 usable\n0x5000-0x6000 usable\n");
}

TEST(E820Trim, TakesPageZeroAndTheBiosHole) {
  Table t;
  t.add(0, 0xc0000, E820Type::Ram).add(0xf0000, 0x200000000, E820Type::Ram);
  test::Log log;
  const mm::Trims trims =
      test::must(mm::trim_bios_range(t.e820, mm::max_arch_pfn(4), log.printer()));
  EXPECT_EQ(trims.bytes_of(mm::kPageZero), 0x1000u);
  EXPECT_EQ(trims.bytes_of(mm::kBiosHole), 0x30000u);
  EXPECT_EQ(mm::print_last_pfn(t.e820, mm::max_arch_pfn(4), log.printer()), Pfn{0x200000});
  mm::print_last_low_pfn(t.e820, mm::max_arch_pfn(4), log.printer());
  EXPECT_EQ(log.text(), R"(e820: update [mem 0x00000000-0x00000fff] usable ==> reserved
e820: remove [mem 0x000a0000-0x000fffff] usable
last_pfn = 0x200000 max_arch_pfn = 0x400000000
last_pfn = 0x100000 max_arch_pfn = 0x400000000
)");
  EXPECT_EQ(t.draw(), "0x0-0x1000 reserved\n0x1000-0xa0000 usable\n0x100000-0x200000000 usable\n");
}

TEST(E820Trim, UncachedRamIsReserved) {
  Table t;
  t.add(0x100000, 0x40000000, E820Type::Ram).add(0x40000000, 0x40100000, E820Type::Acpi);
  t.add(0x40100000, 0x50000000, E820Type::Ram);
  mm::Trims trims;
  test::Log log;
  // A hole with RAM, one without, and whatever lies above 1 GiB.
  const mm::PfnRange uncovered[] = {{{0x10000}, {0x20000}},
                                    {{0x40000}, {0x40080}},
                                    {{0x40100}, mm::pfn_down(Phys{mm::kMaxPhys})}};
  test::must(mm::trim_uncached(t.e820, uncovered, trims, log.printer()));
  EXPECT_EQ(trims.bytes_of(mm::kUncached), 0x10000000u + 0xff00000u);
  EXPECT_EQ(trims.first_uncached, (mm::Range{Phys{0x10000000}, Phys{0x20000000}}));
  EXPECT_EQ(log.text(), R"(e820: update [mem 0x10000000-0x1fffffff] usable ==> reserved
e820: update [mem 0x40000000-0x4007ffff] usable ==> reserved
e820: update [mem 0x40100000-0x4fffffff] usable ==> reserved
WARNING: BIOS bug: CPU MTRRs don't cover all of memory, losing 511MB of RAM.
update e820 for mtrr
modified physical RAM map:
modified: [mem 0x0000000000100000-0x000000000fffffff] usable
modified: [mem 0x0000000010000000-0x000000001fffffff] reserved
modified: [mem 0x0000000020000000-0x000000003fffffff] usable
modified: [mem 0x0000000040000000-0x00000000400fffff] ACPI data
modified: [mem 0x0000000040100000-0x000000004fffffff] reserved
)");
}

TEST(E820Trim, WhatPageTablesCannotReachIsRemoved) {
  Table t;
  t.add(0x100000, uint64_t{1} << 47, E820Type::Ram);
  const mm::Trims trims = test::must(mm::trim_bios_range(t.e820, mm::max_arch_pfn(4), {}));
  EXPECT_EQ(trims.bytes_of(mm::kUnreachable), uint64_t{1} << 46);
  Table five;
  five.add(0x100000, uint64_t{1} << 47, E820Type::Ram);
  EXPECT_EQ(test::must(mm::trim_bios_range(five.e820, mm::max_arch_pfn(5), {}))
                .bytes_of(mm::kUnreachable),
            0u);
}

}  // namespace
