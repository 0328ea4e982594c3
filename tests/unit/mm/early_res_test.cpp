#include "mm/early_res.h"

#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/drawn_machine.h"
#include "tests/support/own_e820.h"
#include "tests/support/pretend_memory.h"

namespace {

using mm::EarlyRes;
using mm::Phys;
using mm::Range;
using mm::Reservation;
using test::range;

struct List {
  std::vector<Reservation> storage;
  EarlyRes res;
  explicit List(size_t slots = 32) : storage(slots), res(storage) {}
  [[nodiscard]] std::string draw() const {
    test::Log log;
    for (const Reservation& r : res.entries()) {
      log.printer().line("{}-{} {}", r.range.start, r.range.end, r.name);
    }
    return log.take();
  }
};

TEST(EarlyRes, KeepsThemSorted) {
  List l;
  test::must(l.res.reserve(range(0x5000, 0x6000), "C"));
  test::must(l.res.reserve(range(0x1000, 0x1001), "A"));
  test::must(l.res.reserve(range(0x1001, 0x5000), "B"));
  EXPECT_EQ(l.draw(), "0x1000-0x1001 A\n0x1001-0x5000 B\n0x5000-0x6000 C\n");
}

TEST(EarlyRes, AConflictNamesBoth) {
  List l;
  test::must(l.res.reserve(range(0x1000, 0x3000), "RAMDISK"));
  const auto conflict = l.res.reserve(range(0x2fff, 0x4000), "PGTABLE");
  ASSERT_FALSE(conflict.ok());
  EXPECT_STREQ(conflict.error().subject, "PGTABLE");
  EXPECT_STREQ(conflict.error().other, "RAMDISK");
  EXPECT_EQ(l.draw(), "0x1000-0x3000 RAMDISK\n");
}

TEST(EarlyRes, WhatMayBeOverlappedGivesWay) {
  List l;
  test::must(l.res.reserve_overlap_ok(range(0x0, 0x10000), "BIOS"));
  test::must(l.res.reserve(range(0x4000, 0x6000), "A"));
  test::must(l.res.reserve(range(0xf000, 0x12000), "B"));
  EXPECT_EQ(l.draw(), "0x0-0x4000 BIOS\n0x4000-0x6000 A\n0x6000-0xf000 BIOS\n0xf000-0x12000 B\n");
  EXPECT_FALSE(l.res.reserve_overlap_ok(range(0x5000, 0x7000), "LATE").ok());
}

TEST(EarlyRes, FreesWholeHeadTailAndMiddle) {
  List l;
  test::must(l.res.reserve(range(0x1000, 0x9000), "A"));
  test::must(l.res.free(range(0x1000, 0x2000)));
  test::must(l.res.free(range(0x8000, 0x9000)));
  test::must(l.res.free(range(0x4000, 0x5000)));
  EXPECT_EQ(l.draw(), "0x2000-0x4000 A\n0x5000-0x8000 A\n");
  test::must(l.res.free(range(0x2000, 0x4000)));
  EXPECT_EQ(l.draw(), "0x5000-0x8000 A\n");
  // A byte that is not reserved: nothing is freed.
  EXPECT_FALSE(l.res.free(range(0x7000, 0x8001)).ok());
  EXPECT_FALSE(l.res.free(range(0x4000, 0x6000)).ok());
  EXPECT_EQ(l.draw(), "0x5000-0x8000 A\n");
}

TEST(EarlyRes, FreesAcrossNeighbours) {
  List l;
  test::must(l.res.reserve(range(0x1000, 0x2000), "A"));
  test::must(l.res.reserve(range(0x2000, 0x3000), "B"));
  test::must(l.res.free(range(0x1800, 0x2800)));
  EXPECT_EQ(l.draw(), "0x1000-0x1800 A\n0x2800-0x3000 B\n");
}

TEST(EarlyRes, BadRequestsAreNamed) {
  List l;
  EXPECT_FALSE(l.res.reserve(range(0x1000, 0x1000), "EMPTY").ok());
  EXPECT_FALSE(l.res.reserve(range(0x2000, 0x1000), "WRAPS").ok());
  test::must(l.res.reserve(range(0x1000, 0x2000), "FOURTEEN CHARS"));
  const auto longer = l.res.reserve(range(0x3000, 0x4000), "FIFTEEN CHARS !");
  ASSERT_FALSE(longer.ok());
  EXPECT_STREQ(longer.error().what,
               "reservation's name is longer than 14 characters (start {:#x}, end {:#x})");
}

TEST(EarlyRes, AFullListIsAnErrorUnlessItMayGrow) {
  List small(4);
  mm::Result<> result;
  for (uint64_t i = 0; result.ok() && i < 10; ++i) {
    result = small.res.reserve(range(i * 0x2000, i * 0x2000 + 0x1000), "X");
  }
  ASSERT_FALSE(result.ok());

  const test::DrawnMachine machine(
      "BIOS-e820: [mem 0x0000000000100000-0x0000000000ffffff] usable\n");
  const test::PretendMemory memory(Phys{0x1000000});
  List growing(6);
  test::must(growing.res.grow_in(machine.e820, memory.map()));
  for (uint64_t i = 0; i < 600; ++i) {
    test::must(growing.res.reserve(range(0x200000 + i * 0x2000, 0x200000 + i * 0x2000 + 5), "X"));
  }
  EXPECT_EQ(growing.res.entries().size(), 601u);  // with its own
  size_t own = 0;
  for (const Reservation& r : growing.res.entries()) {
    own += mm::has_name(r, "EARLY_RES") ? 1 : 0;
    EXPECT_EQ(growing.res.is_own(r), mm::has_name(r, "EARLY_RES"));
  }
  EXPECT_EQ(own, 1u);
  EXPECT_GE(growing.res.capacity(), 601u);
}

TEST(EarlyRes, NumbersEveryEntryButItsOwn) {
  List l;
  test::must(l.res.reserve(range(0x5000, 0x6000), "A"));
  const auto numbers = [&] {
    std::string text;
    const size_t count = l.res.for_each_numbered([&](size_t number, const Reservation& r) {
      text += std::to_string(number) + r.name + " ";
    });
    return text + "of " + std::to_string(count);
  };
  EXPECT_EQ(numbers(), "0A of 1");
  test::must(l.res.reserve_itself(range(0x1000, 0x2000)));
  test::must(l.res.reserve(range(0x3000, 0x4000), "B"));
  EXPECT_EQ(numbers(), "1B 2A of 2");  // the list is Linux's number 0
}

TEST(EarlyRes, TheMemoryItMovesOutOfIsFreeAgain) {
  const test::DrawnMachine machine(
      "BIOS-e820: [mem 0x0000000000100000-0x0000000000ffffff] usable\n");
  const test::PretendMemory memory(Phys{0x1000000});
  EarlyRes res({memory.map().at<Reservation>(Phys{0x100000}), 8});
  test::must(res.reserve_itself(range(0x100000, 0x101000)));
  test::must(res.grow_in(machine.e820, memory.map()));
  for (uint64_t i = 0; i < 8; ++i) {
    test::must(res.reserve(range(0x200000 + i * 0x2000, 0x200000 + i * 0x2000 + 5), "X"));
  }
  EXPECT_EQ(res.find(Phys{0x100000}), nullptr);
  EXPECT_EQ(res.entries().size(), 9u);  // the eight, and where the list lies now
}

// The same calls, against a list that is sorted again after each. More than are ever moved for one,
// so that there are runs; and storage that is full at times.
TEST(EarlyRes, AgreesWithAPlainListInWhateverOrder) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    List l(200 + random() % 1000);
    std::map<uint64_t, Reservation> model;  // by start
    const auto behind = [&](uint64_t at) {  // the first that ends after it
      auto r = model.upper_bound(at);
      if (r != model.begin() && std::prev(r)->second.range.end.v > at) --r;
      return r;
    };
    const auto carve = [&](Range taken) {
      for (auto r = behind(taken.start.v); r != model.end() && r->second.range.start < taken.end;) {
        const Reservation old = r->second;
        r = model.erase(r);
        for (const Range left : {Range{old.range.start, taken.start}, {taken.end, old.range.end}}) {
          if (left.start >= left.end) continue;
          model[left.start.v] = old;
          model[left.start.v].range = left;
        }
      }
    };
    const unsigned reads = random() % 3 == 0 ? 4 : 400;  // how seldom the list is read
    for (int step = 0; step < 1500; ++step) {
      const uint64_t start = random() % 20000;
      const Range wanted = range(start, start + 1 + random() % (random() % 50 == 0 ? 300 : 8));
      if (random() % 12 == 0 && l.res.has_room()) {
        uint64_t at = wanted.start.v;
        for (auto r = behind(at); r != model.end() && r->second.range.start.v <= at; ++r) {
          at = r->second.range.end.v;
        }
        const bool all = at >= wanted.end.v;
        ASSERT_EQ(l.res.free(wanted).ok(), all) << "seed " << seed << " step " << step;
        if (all) carve(wanted);
      } else {
        const bool overlap_ok = random() % 10 == 0;
        const Reservation* in_the_way = nullptr;
        for (auto r = behind(start); r != model.end() && r->second.range.start < wanted.end; ++r) {
          if (in_the_way == nullptr && r->second.overlap_ok == 0) in_the_way = &r->second;
        }
        const bool has_room = l.res.has_room();
        const std::string name = std::to_string(step);
        const auto made = overlap_ok ? l.res.reserve_overlap_ok(wanted, name.c_str())
                                     : l.res.reserve(wanted, name.c_str());
        ASSERT_EQ(made.ok(), in_the_way == nullptr && has_room) << "seed " << seed;
        if (in_the_way != nullptr) {
          ASSERT_STREQ(made.error().other, in_the_way->name);
        }
        if (made.ok()) {
          carve(wanted);
          Reservation& added = model[start];
          added = {wanted, {}, overlap_ok ? uint8_t{1} : uint8_t{0}};
          name.copy(added.name, sizeof(added.name) - 1);
        }
      }
      if (random() % reads != 0) continue;
      const Reservation* found = l.res.find(Phys{start});
      const auto expected = behind(start);
      const bool there = expected != model.end() && expected->second.range.start.v <= start;
      ASSERT_EQ(found != nullptr, there) << "seed " << seed;
      ASSERT_EQ(l.res.entries().size(), model.size()) << "seed " << seed;
      size_t i = 0;
      for (const auto& [at, reservation] : model) {
        ASSERT_TRUE(l.res.entries()[i++] == reservation) << "seed " << seed << " step " << step;
      }
    }
  }
}

TEST(EarlyRes, EndsAllOfANameWithTheirNeighbours) {
  List l;
  for (const auto& [start, end, name] :
       std::vector<std::tuple<uint64_t, uint64_t, const char*>>{{0x1000, 0x2000, "A"},
                                                                {0x2000, 0x3000, "B"},
                                                                {0x3000, 0x4000, "A"},
                                                                {0x5000, 0x6000, "A"},
                                                                {0x7000, 0x8000, "C"}}) {
    test::must(l.res.reserve(range(start, end), name));
  }
  test::Log log;
  l.res.free_named("A",
                   [&](const Reservation& r, const Reservation* before, const Reservation* behind) {
                     log.printer().line("{} after {} before {}", r.range.start,
                                        before != nullptr ? before->name : "none",
                                        behind != nullptr ? behind->name : "none");
                   });
  EXPECT_EQ(log.text(),
            "0x1000 after none before B\n0x3000 after B before A\n"
            "0x5000 after B before C\n");
  EXPECT_EQ(l.draw(), "0x2000-0x3000 B\n0x7000-0x8000 C\n");
  l.res.free_named("C", [](const auto&...) {});
  EXPECT_EQ(l.draw(), "0x2000-0x3000 B\n");
}

TEST(EarlyRes, AdoptsOnlyWhatIsSane) {
  List l;
  const std::vector<Reservation> good{{range(0, 5), {'A'}}, {range(5, 9), {'B'}}};
  test::must(l.res.adopt(good));
  EXPECT_EQ(l.draw(), "0x0-0x5 A\n0x5-0x9 B\n");
  const std::vector<Reservation> overlap{{range(0, 6), {'A'}}, {range(5, 9), {'B'}}};
  EXPECT_FALSE(l.res.adopt(overlap).ok());
  Reservation endless{range(0, 6)};
  for (char& c : endless.name) c = 'x';
  EXPECT_FALSE(l.res.adopt({&endless, 1}).ok());
}

TEST(EarlyRes, NamesAreComparedWhole) {
  const Reservation r{range(0, 1), {'M', 'E', 'M'}};
  EXPECT_TRUE(mm::has_name(r, "MEM"));
  EXPECT_FALSE(mm::has_name(r, "ME"));
  EXPECT_FALSE(mm::has_name(r, "MEMMAP"));
}

constexpr const char* kRam = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] usable
)";

TEST(EarlyRes, ThoseWithinARangeHaveAByteInIt) {
  std::vector<Reservation> all;
  for (uint64_t start : {0x1000, 0x3000, 0x3800, 0x6000}) {
    all.push_back({.range = {Phys{start}, Phys{start + 0x800}}});
  }
  const auto within = [&](uint64_t start, uint64_t end) {
    const auto found = mm::reservations_within(all, {Phys{start}, Phys{end}});
    std::string text;
    for (const Reservation& each : found) text += std::to_string(each.range.start.v >> 8) + " ";
    return text;
  };
  EXPECT_EQ(within(0, 0x10000), "16 48 56 96 ");
  EXPECT_EQ(within(0x17ff, 0x3001), "16 48 ");
  EXPECT_EQ(within(0x1800, 0x3000), "");
  EXPECT_EQ(within(0x3800, 0x3801), "56 ");
  EXPECT_EQ(within(0x6800, 0x10000), "");
}

TEST(FindE820Area, LowestPlaceThatFits) {
  const test::DrawnMachine machine(kRam);
  List l;
  const Range anywhere = range(0, mm::kMaxPhys);
  const auto find = [&](uint64_t size, uint64_t align, Range bounds) {
    const auto found = mm::find_e820_area(machine.e820, l.res, bounds, size, align);
    return found.ok() ? found.value().v : 0;
  };
  EXPECT_EQ(find(0x1000, 0x1000, anywhere), 0x1000u);  // never 0
  EXPECT_EQ(find(0x9f000, 0x1000, anywhere), 0x1000u);
  EXPECT_EQ(find(0x9f001, 0x1000, anywhere), 0x100000u);
  EXPECT_EQ(find(0x1000, 0x1000, range(0x9f800, 0x200000)), 0x100000u);
  test::must(l.res.reserve(range(0x100800, 0x180000), "A"));
  EXPECT_EQ(find(0x10000, 0x1000, range(0x100000, 0x200000)), 0x180000u);
  EXPECT_EQ(find(0x800, 0x800, range(0x100000, 0x200000)), 0x100000u);
  EXPECT_EQ(find(0x80001, 0x1000, range(0x100000, 0x200000)), 0u);
  EXPECT_EQ(find(0x1000, uint64_t{1} << 40, anywhere), 0u);
}

TEST(FindE820Area, HighestPlaceThatFits) {
  const test::DrawnMachine machine(kRam);
  List l;
  test::must(l.res.reserve(range(0x1ff800, 0x200000), "A"));
  const auto find = [&](uint64_t size, uint64_t align, Range bounds) {
    const auto found = mm::find_e820_area_top(machine.e820, l.res, bounds, size, align);
    return found.ok() ? found.value().v : 0;
  };
  EXPECT_EQ(find(0x1000, 0x1000, range(0, mm::kMaxPhys)), 0x1fe000u);
  EXPECT_EQ(find(0x800, 0x800, range(0, mm::kMaxPhys)), 0x1ff000u);
  EXPECT_EQ(find(0x1000, 0x1000, range(0, 0x100000)), 0x9f000u);
  EXPECT_EQ(find(0x9f000, 0x1000, range(0, 0x100000)), 0x1000u);
  EXPECT_EQ(find(0xa0000, 0x1000, range(0, 0x100000)), 0u);
  const auto none = mm::find_e820_area_top(machine.e820, l.res, range(0, 0x100000), 0xa0000, 1);
  EXPECT_EQ(test::describe(none.error()), "error: e820: no room (size 655360, below 0x100000)\n");
}

// Against one byte after the other of a small world.
TEST(FindE820Area, AgreesWithATryOfEveryPlace) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    test::OwnE820 map(200);
    List l(100);
    std::vector<bool> free(256);
    for (int i = 0; i < 5; ++i) {
      const uint64_t start = random() % 200;
      const uint64_t end = start + 1 + random() % 50;
      map.add(start, end);
      for (uint64_t b = start; b < end; ++b) free[b] = true;
    }
    for (int i = 0; i < 6; ++i) {
      const uint64_t start = random() % 240;
      const uint64_t end = start + 1 + random() % 15;
      if (!l.res.reserve(range(start, end), "X").ok()) continue;
      for (uint64_t b = start; b < end; ++b) free[b] = false;
    }
    for (int i = 0; i < 20; ++i) {
      const uint64_t size = 1 + random() % 20;
      const uint64_t align = uint64_t{1} << random() % 5;
      const Range bounds = range(random() % 100, 100 + random() % 156);
      uint64_t lowest = 0;
      uint64_t highest = 0;
      for (uint64_t at = std::max<uint64_t>(bounds.start.v, 1); at + size <= bounds.end.v; ++at) {
        bool fits = at % align == 0;
        for (uint64_t b = at; fits && b < at + size; ++b) fits = free[b];
        if (!fits) continue;
        if (lowest == 0) lowest = at;
        highest = at;
      }
      const auto low = mm::find_e820_area(map.e820, l.res, bounds, size, align);
      const auto high = mm::find_e820_area_top(map.e820, l.res, bounds, size, align);
      ASSERT_EQ(low.ok() ? low.value().v : 0, lowest) << "seed " << seed;
      ASSERT_EQ(high.ok() ? high.value().v : 0, highest) << "seed " << seed;
    }
  }
}

}  // namespace
