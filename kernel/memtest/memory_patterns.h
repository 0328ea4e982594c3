// Memory test patterns: what is written where, in which order, and what must be read afterwards.
//
// A pattern is a row of a table and some sweeps over the memory under test. Sweeps run on any
// Memory, so that a host test can put memory with faults under them and see which pattern finds
// which:
//     struct Memory {
//       size_t blocks() const;                  // stretches of physical addresses,
//       mm::Range block(size_t i) const;        // ascending, each of whole pages
//       uint64_t read(uint64_t address);        // 64 bits at a multiple of 8
//       void write(uint64_t address, uint64_t value);
//       void copy(uint64_t from, uint64_t to, uint64_t bytes);  // as fast as the CPU can
//       void written_back(mm::Range range);     // what caches hold of it is in memory after this
//       void wait(unsigned seconds);
//       void progress(uint64_t bytes);          // so much more of the memory has been swept
//       // Calls work(chunk) for all of the memory in chunks of kChunk at most, those at lower
//       // addresses first (up) or last; by several CPUs at once, if it has them. Returns when all
//       // are done; what each chunk was is progress. one_by_one() below is this for one CPU.
//       template <class Work> void together(bool up, const Work& work);
//       template <class Work> void alone(const Work& work);  // runs work() on one CPU
//       void error(uint64_t address, uint64_t expected, uint64_t found);
//       // Runs of whole pages in which all words hold one value, by anything faster than word for
//       // word: as kernel/memtest/run_form.h has it. False, and nothing: there is no such way.
//       bool fill(mm::Range run, uint64_t value);
//       std::optional<uint64_t> same(mm::Range run, uint64_t value);
//       std::optional<uint64_t> turn(mm::Range run, uint64_t before, uint64_t after, bool up);
//     };
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernel/memtest/run_form.h"
#include "loader/handoff/self_test.h"
#include "mm/types.h"

namespace kernel {

enum class PatternId : uint8_t {
  AddressLines,
  OwnAddress,
  MovingOnesZeros,
  MovingBytes,
  MovingWalking,
  MovingRandom,
  BlockMove,
  Modulo20,
  BitFade,
};

// How much is done: quick only what finds most, full all there is.
enum class Depth : uint8_t { Quick, Normal, Full };

struct MemoryPattern {
  PatternId id;
  loader::SelfTest row;
  // How often all of the memory is swept, at each depth; 0 at Quick: left out there.
  std::array<uint16_t, 3> sweeps;
};

inline constexpr const char* kBadMemory =
    "Data is lost without a word. The bad pages are listed: an OS can be told to leave them alone "
    "(the memmap= and badram lines); then seat or replace the module.";

inline constexpr std::array kMemoryPatterns{
    MemoryPattern{
        PatternId::AddressLines,
        {"memtest.address-lines", "no two address lines are shorted or stuck",
         loader::Severity::Critical,
         "Words at all powers of two from each block's start keep their own values", kBadMemory},
        {1, 1, 1}},
    MemoryPattern{
        PatternId::OwnAddress,
        {"memtest.own-address", "each word can hold its own address", loader::Severity::Critical,
         "Every word is written with its address, all of memory at once, then read", kBadMemory},
        {4, 4, 4}},
    MemoryPattern{
        PatternId::MovingOnesZeros,
        {"memtest.moving-ones-zeros", "zeros and ones, inverted word by word",
         loader::Severity::Critical,
         "Moving inversions: up and down through memory, check and write the inverse", kBadMemory},
        {4, 8, 8}},
    MemoryPattern{PatternId::MovingBytes,
                  {"memtest.moving-bytes", "a walking bit in each byte, inverted word by word",
                   loader::Severity::Critical, "Moving inversions with 8 patterns", kBadMemory},
                  {0, 24, 24}},
    MemoryPattern{PatternId::MovingWalking,
                  {"memtest.moving-walking", "a walking bit in each word, inverted word by word",
                   loader::Severity::Critical,
                   "Moving inversions with 64 patterns (16 unless all is asked for)", kBadMemory},
                  {0, 48, 192}},
    MemoryPattern{
        PatternId::MovingRandom,
        {"memtest.moving-random", "random words, inverted word by word", loader::Severity::Critical,
         "Moving inversions with another number in each word", kBadMemory},
        {3, 6, 18}},
    MemoryPattern{PatternId::BlockMove,
                  {"memtest.block-move", "blocks keep their content when moved at full speed",
                   loader::Severity::Critical,
                   "Each half of a block is copied over the other by the CPU's string instruction",
                   kBadMemory},
                  {0, 3, 6}},
    MemoryPattern{PatternId::Modulo20,
                  {"memtest.modulo-20", "every 20th word keeps its value among inverted ones",
                   loader::Severity::Critical,
                   "Every 20th word one value, the others twice the inverse; 4 offsets, or all 20",
                   kBadMemory},
                  {0, 24, 120}},
    MemoryPattern{
        PatternId::BitFade,
        {"memtest.bit-fade", "memory keeps its content for a while", loader::Severity::Critical,
         "All ones, then all zeros, left alone for some seconds (2; 60 at full depth)", kBadMemory},
        {0, 4, 4}},
};

namespace patterns {

// How long memory is left alone, twice, to see whether it fades.
inline constexpr unsigned kFades = 2;
constexpr unsigned fade_seconds(Depth depth) { return depth == Depth::Full ? 60 : 2; }

// What a word at an address should hold.
struct Constant {
  uint64_t value;
  uint64_t operator()(uint64_t /*address*/) const { return value; }
};
struct OwnAddress {
  uint64_t flip;
  uint64_t operator()(uint64_t address) const { return address ^ flip; }
};
struct Random {
  uint64_t seed, flip;
  uint64_t operator()(uint64_t address) const {
    uint64_t v = (address ^ seed) * 0x9e37'79b9'7f4a'7c15U;
    v = (v ^ v >> 29) * 0xbf58'476d'1ce4'e5b9U;
    return (v ^ v >> 32) ^ flip;
  }
};
struct EveryTwentieth {
  uint64_t offset, there, elsewhere;
  uint64_t operator()(uint64_t address) const {
    return address / 8 % 20 == offset ? there : elsewhere;
  }
};

inline constexpr uint64_t kOnes = ~uint64_t{0};
inline constexpr uint64_t kChunk = mm::kMiB;  // swept between two words about progress

// The part of Memory that is about runs, of one that has no way but word for word.
struct ByWords {
  static bool fill(mm::Range, uint64_t) { return false; }
  static std::optional<uint64_t> same(mm::Range, uint64_t) { return std::nullopt; }
  static std::optional<uint64_t> turn(mm::Range, uint64_t, uint64_t, bool) { return std::nullopt; }
};

template <class Memory, class Work>
void one_by_one(const Memory& memory, bool up, const Work& work) {
  const size_t count = memory.blocks();
  for (size_t i = 0; i < count; ++i) {
    const mm::Range block = memory.block(up ? i : count - 1 - i);
    const uint64_t pieces = (block.size() + kChunk - 1) / kChunk;
    for (uint64_t p = 0; p < pieces; ++p) {
      const mm::Phys start = block.start + (up ? p : pieces - 1 - p) * kChunk;
      work(mm::Range{start, block.end - start < kChunk ? block.end : start + kChunk});
    }
  }
}

template <class Memory>
class Sweeper {
 public:
  Sweeper(Memory& memory, Depth depth, uint64_t seed)
      : memory_(memory), depth_(depth), seed_(seed) {}

  void run(PatternId id) {
    switch (id) {
      case PatternId::AddressLines:
        return address_lines();
      case PatternId::OwnAddress:
        return own_address();
      case PatternId::MovingOnesZeros:
        invert(Constant{0}, Constant{kOnes}, true);
        if (depth_ != Depth::Quick) invert(Constant{kOnes}, Constant{0}, true);
        return;
      case PatternId::MovingBytes:
        for (unsigned bit = 0; bit < 8; ++bit) {
          const uint64_t v = 0x0101'0101'0101'0101U << bit;
          invert(Constant{v}, Constant{~v}, false);
        }
        return;
      case PatternId::MovingWalking:
        for (unsigned bit = 0; bit < 64; bit += depth_ == Depth::Full ? 1 : 4) {
          // Not always the same bits of a byte.
          const uint64_t v = uint64_t{1} << ((bit + bit / 16) % 64);
          invert(Constant{v}, Constant{~v}, false);
        }
        return;
      case PatternId::MovingRandom:
        for (unsigned i = 0; i < (depth_ == Depth::Quick  ? 1
                                  : depth_ == Depth::Full ? 6
                                                          : 2);
             ++i) {
          const uint64_t seed = seed_ + i * kOnes / 7;
          invert(Random{seed, 0}, Random{seed, kOnes}, false);
        }
        return;
      case PatternId::BlockMove:
        for (unsigned i = 0; i < (depth_ == Depth::Full ? 2 : 1); ++i) block_move(seed_ + i);
        return;
      case PatternId::Modulo20:
        return modulo20();
      case PatternId::BitFade:
        return bit_fade();
    }
  }

 private:
  // Visits all of memory in chunks, upward or downward: at(chunk).
  template <class At>
  void chunks(bool up, const At& at) {
    memory_.together(up, at);
  }

  template <class Rule>
  void fill(Rule rule, bool up = true) {
    chunks(up, [&](mm::Range chunk) {
      if (!fill_run(chunk, rule)) {
        for (uint64_t a = chunk.start.v; a < chunk.end.v; a += 8) memory_.write(a, rule(a));
      }
      memory_.written_back(chunk);
    });
  }

  template <class Rule>
  void check(Rule rule) {
    chunks(true, [&](mm::Range chunk) {
      sweep(
          chunk, true, [&](mm::Range rest) { return same_run(rest, rule); },
          [&](uint64_t a) { expect(a, rule(a)); });
    });
  }

  // Reads each word and at once writes another there.
  template <class Before, class After>
  void turn(Before before, After after, bool up) {
    chunks(up, [&](mm::Range chunk) {
      sweep(
          chunk, up, [&](mm::Range rest) { return turn_run(rest, before, after, up); },
          [&](uint64_t a) {
            expect(a, before(a));
            memory_.write(a, after(a));
          });
      memory_.written_back(chunk);
    });
  }

  // From one end to the other: ahead(rest) does as many bytes at once as it can; the line that
  // stops it goes word by word, and everything where it knows no way.
  template <class Ahead, class Word>
  static void sweep(mm::Range rest, bool up, const Ahead& ahead, const Word& word) {
    const auto leave = [&](uint64_t bytes) {
      rest = up ? mm::Range{rest.start + bytes, rest.end} : mm::Range{rest.start, rest.end - bytes};
    };
    while (!rest.empty()) {
      const std::optional<uint64_t> done = ahead(rest);
      if (done) leave(*done);
      const uint64_t bytes = done ? std::min(rest.size(), kRunLine) : rest.size();
      for (uint64_t i = 0; i < bytes; i += 8) word(up ? rest.start.v + i : rest.end.v - 8 - i);
      leave(bytes);
    }
  }

  // Only where all words are alike.
  template <class Rule>
  static bool fill_run(mm::Range /*run*/, Rule /*rule*/) {
    return false;
  }
  bool fill_run(mm::Range run, Constant rule) { return memory_.fill(run, rule.value); }
  template <class Rule>
  static std::optional<uint64_t> same_run(mm::Range /*run*/, Rule /*rule*/) {
    return std::nullopt;
  }
  std::optional<uint64_t> same_run(mm::Range run, Constant rule) {
    return memory_.same(run, rule.value);
  }
  template <class Rule>
  static std::optional<uint64_t> turn_run(mm::Range, Rule, Rule, bool) {
    return std::nullopt;
  }
  std::optional<uint64_t> turn_run(mm::Range run, Constant before, Constant after, bool up) {
    return memory_.turn(run, before.value, after.value, up);
  }

  void expect(uint64_t address, uint64_t expected) {
    const uint64_t found = memory_.read(address);
    if (found != expected) [[unlikely]]
      memory_.error(address, expected, found);
  }

  template <class Rule, class Inverse>
  void invert(Rule rule, Inverse inverse, bool check_after) {
    fill(rule);
    turn(rule, inverse, true);
    turn(inverse, rule, false);
    if (check_after) check(rule);
  }

  void address_lines() {
    memory_.alone([&] { each_block_s_lines(); });
  }

  void each_block_s_lines() {
    for (size_t i = 0; i < memory_.blocks(); ++i) {
      const mm::Range block = memory_.block(i);
      const Random value{seed_, 0};
      const auto each = [&](auto visit) {
        visit(block.start.v);
        for (uint64_t offset = 8; offset < block.size(); offset *= 2) {
          visit(block.start.v + offset);
        }
      };
      each([&](uint64_t a) { memory_.write(a, value(a)); });
      memory_.written_back(block);
      each([&](uint64_t a) { expect(a, value(a)); });
      // Each in turn is changed: no other may be.
      each([&](uint64_t changed) {
        memory_.write(changed, ~value(changed));
        each([&](uint64_t a) {
          if (a != changed) expect(a, value(a));
        });
        memory_.write(changed, value(changed));
      });
      memory_.progress(block.size());
    }
  }

  void own_address() {
    for (const uint64_t flip : {uint64_t{0}, kOnes}) {
      fill(patterns::OwnAddress{flip}, flip == 0);
      check(patterns::OwnAddress{flip});
    }
  }

  void block_move(uint64_t seed) {
    const Random value{seed, 0};
    fill(value);
    // The upper half over the lower one, and back with the lower one inverted in between.
    chunks(true, [&](mm::Range chunk) {
      const uint64_t half = chunk.size() / 2;
      memory_.copy(chunk.start.v + half, chunk.start.v, half);
      for (uint64_t a = chunk.start.v; a < chunk.start.v + half; a += 8) {
        expect(a, value(a + half));
        memory_.write(a, ~value(a + half));
      }
      memory_.copy(chunk.start.v, chunk.start.v + half, half);
      memory_.written_back(chunk);
    });
    chunks(true, [&](mm::Range chunk) {
      const uint64_t half = chunk.size() / 2;
      for (uint64_t a = chunk.start.v; a < chunk.start.v + half; a += 8) {
        expect(a, ~value(a + half));
        expect(a + half, ~value(a + half));
      }
    });
  }

  void modulo20() {
    const unsigned step = depth_ == Depth::Full ? 1 : 5;
    for (uint64_t offset = 0; offset < 20; offset += step) {
      for (const uint64_t there : {uint64_t{0}, kOnes}) {
        const EveryTwentieth rule{offset, there, ~there};
        fill(rule);
        // Once more all but the 20th.
        chunks(true, [&](mm::Range chunk) {
          for (uint64_t a = chunk.start.v; a < chunk.end.v; a += 8) {
            if (a / 8 % 20 != offset) memory_.write(a, ~there);
          }
          memory_.written_back(chunk);
        });
        chunks(true, [&](mm::Range chunk) {
          for (uint64_t a = chunk.start.v; a < chunk.end.v; a += 8) {
            if (a / 8 % 20 == offset) expect(a, there);
          }
        });
      }
    }
  }

  void bit_fade() {
    for (const uint64_t value : {kOnes, uint64_t{0}}) {
      fill(Constant{value});
      memory_.wait(fade_seconds(depth_));
      check(Constant{value});
    }
  }

  Memory& memory_;
  Depth depth_;
  uint64_t seed_;
};

}  // namespace patterns
}  // namespace kernel
