// The memory test's sweeps by vector registers do what the ones word by word do.
#if defined(__x86_64__) || defined(__i386__)
#include "kernel/x86/vector_runs.h"
#else
#include "kernel/bsa/vector_runs.h"
#endif

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <tuple>
#include <vector>

#include "kernel/memtest/memory_patterns.h"

namespace kernel {
namespace {

const RunForm* const kPlain = nullptr;

// Those that this host has, the plain one first.
std::vector<const RunForm*> forms() {
#if defined(__aarch64__) || defined(__arm__)
  static const RunForm kNeon = bsa::neon_runs(true);
  return {kPlain, &kNeon};
#else
  static const RunForm kSse2 = x86::sse2_runs(true);
  static const RunForm kAvx2 = x86::avx2_runs(true);
  std::vector<const RunForm*> all{kPlain, &kSse2};
  if (__builtin_cpu_supports("avx2") != 0) all.push_back(&kAvx2);
  return all;
#endif
}

const char* name_of(const RunForm* form) { return form == nullptr ? "plain" : form->name; }

constexpr uint64_t kWords = 2 * mm::kPageSize / 8;

struct alignas(64) Words {
  std::array<uint64_t, kWords> words{};
  [[nodiscard]] uint64_t at(uint64_t word = 0) const {
    return reinterpret_cast<uintptr_t>(&words[word]);
  }
};

TEST(VectorRuns, FillTouchesTheRunAndNothingElse) {
  for (const RunForm* form : forms()) {
    if (form == nullptr) continue;
    const auto run = std::make_unique<Words>();
    run->words.fill(7);
    form->fill(run->at(8), 5 * kRunLine, 0x0123'4567'89ab'cdef);
    for (uint64_t i = 0; i < kWords; ++i) {
      EXPECT_EQ(run->words[i], i >= 8 && i < 48 ? 0x0123'4567'89ab'cdef : 7) << form->name << i;
    }
    form->fill(run->at(), 0, 1);
    EXPECT_EQ(run->words[0], 7U) << form->name;
  }
}

TEST(VectorRuns, CopyMovesEveryWord) {
  for (const RunForm* form : forms()) {
    if (form == nullptr) continue;
    const auto run = std::make_unique<Words>();
    for (uint64_t i = 0; i < kWords; ++i) run->words[i] = i * 0x9e37'79b9'7f4a'7c15U;
    form->copy(run->at(), run->at(kWords / 2), mm::kPageSize);
    for (uint64_t i = 0; i < kWords; ++i) {
      EXPECT_EQ(run->words[i], (i % (kWords / 2) + kWords / 2) * 0x9e37'79b9'7f4a'7c15U)
          << form->name << i;
    }
  }
}

// A wrong bit anywhere in any word of a line stops a sweep at that line, from either end.
TEST(VectorRuns, OneWrongBitStopsASweepAtItsLine) {
  constexpr uint64_t kBefore = 0x1111'2222'3333'4444, kAfter = ~kBefore;
  for (const RunForm* form : forms()) {
    if (form == nullptr) continue;
    const auto run = std::make_unique<Words>();
    for (uint64_t bad = 16; bad < 24; ++bad) {
      for (const unsigned bit : {0U, 31U, 32U, 63U}) {
        run->words.fill(kBefore);
        run->words[bad] ^= uint64_t{1} << bit;
        EXPECT_EQ(form->same(run->at(), sizeof run->words, kBefore), 128U) << form->name;
        EXPECT_EQ(form->turn_up(run->at(), sizeof run->words, kBefore, kAfter), 128U);
        EXPECT_EQ(form->turn_down(run->at(), sizeof run->words, kBefore, kAfter),
                  sizeof run->words - 192U);
        for (uint64_t i = 0; i < kWords; ++i) {
          const uint64_t left = i == bad ? kBefore ^ uint64_t { 1 } << bit : kBefore;
          EXPECT_EQ(run->words[i], i >= 16 && i < 24 ? left : kAfter) << form->name << i;
        }
      }
    }
    run->words.fill(kBefore);
    EXPECT_EQ(form->same(run->at(), sizeof run->words, kBefore), sizeof run->words);
    EXPECT_EQ(form->turn_down(run->at(), sizeof run->words, kBefore, kAfter), sizeof run->words);
    EXPECT_EQ(form->turn_up(run->at(), sizeof run->words, kAfter, 5), sizeof run->words);
    EXPECT_EQ(run->words[0] + run->words[kWords - 1], 10U);
    EXPECT_EQ(form->turn_up(run->at(), 0, 5, 6) + form->turn_down(run->at(), 0, 5, 6) +
                  form->same(run->at(), 0, 5),
              0U);
  }
}

// Two blocks of real memory in which some words lose a bit once they are written.
class LeakyMemory {
 public:
  static constexpr uint64_t kSize = 6 * mm::kPageSize;
  using Error = std::tuple<uint64_t, uint64_t, uint64_t>;  // address in the block, expected, found

  LeakyMemory(const RunForm* form, std::vector<uint64_t> leaks)
      : form_(form), leaks_(std::move(leaks)) {}

  [[nodiscard]] static size_t blocks() { return 1; }
  [[nodiscard]] static mm::Range block(size_t) {
    const auto at = reinterpret_cast<uintptr_t>(kCells->data());
    return {mm::Phys{at}, mm::Phys{at + kSize}};
  }
  static volatile uint64_t* at(uint64_t address) {
    return reinterpret_cast<volatile uint64_t*>(static_cast<uintptr_t>(address));  // NOLINT
  }
  static uint64_t read(uint64_t address) { return *at(address); }
  static void write(uint64_t address, uint64_t value) { *at(address) = value; }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) {
    if (form_ != nullptr) return form_->copy(to, from, bytes);
    std::memcpy(const_cast<uint64_t*>(at(to)), const_cast<uint64_t*>(at(from)),  // NOLINT
                static_cast<size_t>(bytes));
  }
  void written_back(mm::Range range) {
    for (const uint64_t leak : leaks_) {
      const uint64_t at = block(0).start.v + leak;
      if (range.contains(mm::Phys{at})) write(at, read(at) & ~uint64_t{0x10'0000'0001});
    }
  }
  static void wait(unsigned) {}
  static void progress(uint64_t) {}
  template <class Work>
  void together(bool up, const Work& work) {
    patterns::one_by_one(*this, up, work);
  }
  template <class Work>
  static void alone(const Work& work) {
    work();
  }
  void error(uint64_t address, uint64_t expected, uint64_t found) {
    errors.emplace_back(address - block(0).start.v, expected, found);
  }
  bool fill(mm::Range run, uint64_t value) const {
    if (form_ != nullptr) form_->fill(run.start.v, run.size(), value);
    return form_ != nullptr;
  }
  [[nodiscard]] std::optional<uint64_t> same(mm::Range run, uint64_t value) const {
    if (form_ == nullptr) return std::nullopt;
    return form_->same(run.start.v, run.size(), value);
  }
  [[nodiscard]] std::optional<uint64_t> turn(mm::Range run, uint64_t before, uint64_t after,
                                             bool up) const {
    if (form_ == nullptr) return std::nullopt;
    return (up ? form_->turn_up : form_->turn_down)(run.start.v, run.size(), before, after);
  }

  std::vector<Error> errors;

 private:
  struct alignas(64) Cells : std::array<uint64_t, kSize / 8> {};
  const RunForm* form_;
  std::vector<uint64_t> leaks_;
  // One for all: some patterns' words depend on the address.
  static inline const std::unique_ptr<Cells> kCells = std::make_unique<Cells>();
};

// What each form finds, to the word, with what was written and read, and in which order.
TEST(VectorRuns, EveryFormFindsTheSame) {
  using enum PatternId;
  const std::vector<std::vector<uint64_t>> faults{
      {},
      {0},                       // the run's first word
      {LeakyMemory::kSize - 8},  // its last
      {0x1238},                  // inside, a line's last
      {0x1240, 0x1248, 0x1278},  // several of a line
      {0, 8, 0x1000, 0x1ff8, 0x2000, LeakyMemory::kSize - 64, LeakyMemory::kSize - 8}};
  for (const auto& leaks : faults) {
    for (const PatternId id : {MovingOnesZeros, MovingBytes, MovingWalking, BitFade, BlockMove}) {
      std::vector<LeakyMemory::Error> plain;
      for (const RunForm* form : forms()) {
        LeakyMemory memory(form, leaks);
        patterns::Sweeper<LeakyMemory>(memory, Depth::Normal, 99).run(id);
        if (form == kPlain) {
          plain = memory.errors;
          // (Words of a block move may not have had the bits that leak.)
          if (id != BlockMove) {
            EXPECT_EQ(plain.empty(), leaks.empty());
          }
        }
        EXPECT_TRUE(memory.errors == plain)
            << name_of(form) << " finds " << memory.errors.size() << ", not " << plain.size()
            << ", by pattern " << static_cast<int>(id);
      }
    }
  }
}

}  // namespace
}  // namespace kernel
