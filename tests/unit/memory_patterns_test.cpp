// Memory with faults: which pattern finds which.
#include "kernel/memtest/memory_patterns.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace kernel {
namespace {

// Two blocks of memory whose words can be made to misbehave.
class FaultyMemory : public patterns::ByWords {
 public:
  static constexpr uint64_t kFirst = 0x10'0000, kSecond = 0x80'0000;
  static constexpr uint64_t kSize = 0x1'8000;  // no power of two

  // What stands between the CPU and the cells; each may change the value or act on other cells.
  std::function<uint64_t(uint64_t address)> decode = [](uint64_t a) { return a; };
  std::function<uint64_t(uint64_t address, uint64_t before, uint64_t value)> on_write =
      [](uint64_t, uint64_t, uint64_t v) { return v; };
  std::function<uint64_t(uint64_t address, uint64_t value)> on_read = [](uint64_t, uint64_t v) {
    return v;
  };
  std::function<void(FaultyMemory&)> on_wait = [](FaultyMemory&) {};
  std::function<void(FaultyMemory&, uint64_t to, uint64_t bytes)> on_copy =
      [](FaultyMemory&, uint64_t, uint64_t) {};

  std::set<uint64_t> wrong;  // addresses
  uint64_t swept = 0;

  uint64_t& cell(uint64_t address) {
    const bool first = address < kSecond;
    return cells_.at(first ? 0 : 1).at((address - (first ? kFirst : kSecond)) / 8);
  }

  [[nodiscard]] static size_t blocks() { return 2; }
  [[nodiscard]] static mm::Range block(size_t i) {
    const mm::Phys start{i == 0 ? kFirst : kSecond};
    return {start, start + kSize};
  }
  uint64_t read(uint64_t address) { return on_read(address, cell(decode(address))); }
  void write(uint64_t address, uint64_t value) {
    uint64_t& to = cell(decode(address));
    to = on_write(address, to, value);
  }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) {
    for (uint64_t i = 0; i < bytes; i += 8) write(to + i, read(from + i));
    on_copy(*this, to, bytes);
  }
  void written_back(mm::Range) {}
  void wait(unsigned) { on_wait(*this); }
  void progress(uint64_t bytes) { swept += bytes; }
  template <class Work>
  void together(bool up, const Work& work) {
    patterns::one_by_one(*this, up, [&](mm::Range chunk) {
      work(chunk);
      progress(chunk.size());
    });
  }
  template <class Work>
  static void alone(const Work& work) {
    work();
  }
  void error(uint64_t address, uint64_t, uint64_t) { wrong.insert(address); }

 private:
  std::vector<std::vector<uint64_t>> cells_{std::vector<uint64_t>(kSize / 8),
                                            std::vector<uint64_t>(kSize / 8)};
};

constexpr uint64_t kVictim = FaultyMemory::kFirst + 0x4a0;  // word number a multiple of 20
constexpr uint64_t kBit = 1U << 11;

struct Fault {
  const char* name;
  std::function<void(FaultyMemory&)> apply;
  // At normal depth: patterns that must find it. The others may.
  std::set<PatternId> found_by;
};

using enum PatternId;
const std::set<PatternId> kAllWords{OwnAddress,    MovingOnesZeros, MovingBytes,
                                    MovingWalking, MovingRandom,    BitFade};

const Fault kFaults[] = {
    {"a bit stuck at 0",
     [](FaultyMemory& m) {
       m.on_read = [](uint64_t a, uint64_t v) { return a == kVictim ? v & ~kBit : v; };
     },
     kAllWords},
    {"a bit stuck at 1",
     [](FaultyMemory& m) {
       m.on_read = [](uint64_t a, uint64_t v) { return a == kVictim ? v | kBit : v; };
     },
     kAllWords},
    {"a bit that does not go from 0 to 1 when its word is rewritten",
     [](FaultyMemory& m) {
       m.on_write = [](uint64_t a, uint64_t before, uint64_t v) {
         return a == kVictim ? v & ~(kBit & ~before) : v;
       };
     },
     {MovingOnesZeros, MovingBytes, MovingWalking}},
    {"a neighbour's write of a one flips a bit",
     [](FaultyMemory& m) {
       m.on_write = [&m](uint64_t a, uint64_t before, uint64_t v) {
         if (a == kVictim + 8 && (v & ~before & kBit) != 0) m.cell(kVictim) ^= kBit;
         return v;
       };
     },
     {MovingOnesZeros, MovingBytes}},
    {"a far word's write of a zero sets a bit",
     [](FaultyMemory& m) {
       m.on_write = [&m](uint64_t a, uint64_t before, uint64_t v) {
         if (a == kVictim + 0x8000 && (~v & before & kBit) != 0) m.cell(kVictim) |= kBit;
         return v;
       };
     },
     {MovingOnesZeros}},
    {"two words that are one",
     [](FaultyMemory& m) {
       m.decode = [](uint64_t a) { return a == kVictim + 0x70 ? kVictim : a; };
     },
     {OwnAddress, MovingRandom}},
    {"a word of another block that is one with it",
     [](FaultyMemory& m) {
       m.decode = [](uint64_t a) { return a == FaultyMemory::kSecond + 0x4a0 ? kVictim : a; };
     },
     {OwnAddress, MovingRandom}},
    {"an address line that is stuck",
     [](FaultyMemory& m) { m.decode = [](uint64_t a) { return a & ~uint64_t{0x2000}; }; },
     {AddressLines, OwnAddress, MovingRandom}},
    {"two shorted bits of a byte",
     [](FaultyMemory& m) {
       m.on_read = [](uint64_t a, uint64_t v) {
         if (a != kVictim) return v;
         const bool both = (v >> 3 & 1) != 0 && (v >> 4 & 1) != 0;
         return both ? v : v & ~uint64_t{0x18};
       };
     },
     {MovingBytes}},
    {"two shorted bits at one place of two bytes",
     [](FaultyMemory& m) {
       m.on_read = [](uint64_t a, uint64_t v) {
         if (a != kVictim) return v;
         const bool both = (v & 1) != 0 && (v >> 8 & 1) != 0;
         return both ? v : v & ~uint64_t{0x101};
       };
     },
     {MovingWalking}},
    {"a word that gives way when all its neighbours differ",
     [](FaultyMemory& m) {
       m.on_read = [&m](uint64_t a, uint64_t v) {
         const bool odd = a == kVictim && m.cell(a - 8) == ~v && m.cell(a + 8) == ~v;
         return odd ? v ^ kBit : v;
       };
     },
     {Modulo20}},
    {"a word that is lost in a copy at full speed",
     [](FaultyMemory& m) {
       m.on_copy = [](FaultyMemory& self, uint64_t to, uint64_t bytes) {
         if (to <= kVictim && kVictim < to + bytes) self.cell(kVictim) ^= kBit;
       };
     },
     {BlockMove}},
    {"a bit that leaks its charge",
     [](FaultyMemory& m) { m.on_wait = [](FaultyMemory& self) { self.cell(kVictim) &= ~kBit; }; },
     {BitFade}},
    {"a bit that gains charge",
     [](FaultyMemory& m) { m.on_wait = [](FaultyMemory& self) { self.cell(kVictim) |= kBit; }; },
     {BitFade}},
};

std::set<uint64_t> run(const MemoryPattern& pattern, FaultyMemory& memory,
                       Depth depth = Depth::Normal) {
  patterns::Sweeper<FaultyMemory>(memory, depth, 0x1234'5678).run(pattern.id);
  return memory.wrong;
}

TEST(MemoryPatterns, GoodMemoryPassesAtEveryDepthAndCostsWhatTheTableSays) {
  for (const MemoryPattern& pattern : kMemoryPatterns) {
    for (const Depth depth : {Depth::Quick, Depth::Normal, Depth::Full}) {
      const uint64_t sweeps = pattern.sweeps[static_cast<size_t>(depth)];
      if (sweeps == 0) continue;
      FaultyMemory memory;
      EXPECT_TRUE(run(pattern, memory, depth).empty()) << pattern.row.id;
      EXPECT_EQ(memory.swept, sweeps * 2 * FaultyMemory::kSize) << pattern.row.id;
    }
  }
}

TEST(MemoryPatterns, EachFindsTheFaultsItShould) {
  for (const Fault& fault : kFaults) {
    for (const MemoryPattern& pattern : kMemoryPatterns) {
      if (fault.found_by.count(pattern.id) == 0) continue;
      FaultyMemory memory;
      fault.apply(memory);
      EXPECT_FALSE(run(pattern, memory).empty())
          << pattern.row.id << " does not find " << fault.name;
    }
  }
}

TEST(MemoryPatterns, EachIsNeededForSomeFault) {
  std::set<PatternId> needed;
  for (const Fault& fault : kFaults) needed.insert(fault.found_by.begin(), fault.found_by.end());
  EXPECT_EQ(needed.size(), kMemoryPatterns.size());
}

TEST(MemoryPatterns, AStuckBitIsFoundWhereItIs) {
  for (const PatternId id : kAllWords) {
    FaultyMemory memory;
    kFaults[0].apply(memory);
    for (const MemoryPattern& pattern : kMemoryPatterns) {
      if (pattern.id != id) continue;
      EXPECT_EQ(run(pattern, memory), std::set<uint64_t>{kVictim});
    }
  }
}

}  // namespace
}  // namespace kernel
