// Whether memory heals: all of 4 GiB is taken frame by frame, and half of it, chosen at random, given
// back. Then, round by round, a tenth of what is held goes back, chosen at random, and as much is
// taken. Printed is how much of what is free lies in whole frames of 2 MiB and of 1 GiB: after 100
// rounds, and as a curve. It is counted from what is held, for whatever allocator in the same way,
// and so on the host: where the code runs makes no difference. `make bench`.
#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <utility>
#include <vector>

#include "tests/bench/allocators.h"

namespace {

using bench::Frame;

constexpr unsigned kRounds = 200;
constexpr unsigned kStep = 10;  // rounds between two points of the curve
constexpr unsigned kAsked = 100;
constexpr unsigned kSeeds = 3;  // the mean of so many runs, which differ by little
constexpr std::array kOrders{mm::kPageblockOrder, mm::kMaxOrder};

// Of each of kOrders, in percent.
using Shares = std::array<double, kOrders.size()>;

template <class Allocator>
class Run {
 public:
  explicit Run(unsigned seed) : allocator_(1), random_(seed) {
    while (take()) {
    }
    there_ = held_.size();
    give(there_ / 2);
  }

  void round() {
    const size_t tenth = held_.size() / 10;
    give(tenth);
    for (size_t i = 0; i < tenth; ++i) {
      if (!take()) std::abort();
    }
  }

  [[nodiscard]] Shares shares() const {
    Shares shares{};
    for (size_t i = 0; i < kOrders.size(); ++i) {
      const size_t frames = size_t{1} << kOrders[i];
      size_t whole = 0;
      for (size_t first = 0; first + frames <= is_free_.size(); first += frames) {
        const auto* const from = is_free_.data() + first;
        if (std::find(from, from + frames, 0) == from + frames) whole += frames;
      }
      shares[i] = 100.0 * static_cast<double>(whole) / static_cast<double>(there_ - held_.size());
    }
    return shares;
  }

 private:
  bool take() {
    const Frame frame = allocator_.get(0, 0);
    if (frame < 0) return false;
    held_.push_back(frame);
    const auto at = static_cast<size_t>(frame);
    if (at >= is_free_.size()) is_free_.resize((at / kGrown + 1) * kGrown);
    is_free_[at] = 0;
    return true;
  }
  void give(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      std::swap(held_[random_() % held_.size()], held_.back());
      allocator_.put(0, held_.back(), 0);
      is_free_[static_cast<size_t>(held_.back())] = 1;
      held_.pop_back();
    }
  }

  static constexpr size_t kGrown = size_t{1} << mm::kMaxOrder;
  Allocator allocator_;
  std::mt19937_64 random_;
  std::vector<Frame> held_;
  std::vector<uint8_t> is_free_;  // by frame; never of those that the allocator keeps for itself
  size_t there_ = 0;
};

template <class Allocator>
void measure(const char* prefix) {
  std::array<Shares, kRounds / kStep + 1> curve{};
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    Run<Allocator> run(seed);
    for (unsigned round = 0;; ++round, run.round()) {
      if (round % kStep == 0) {
        const Shares shares = run.shares();
        for (size_t i = 0; i < kOrders.size(); ++i) curve[round / kStep][i] += shares[i] / kSeeds;
      }
      if (round == kRounds) break;
    }
  }
  for (size_t i = 0; i < kOrders.size(); ++i) {
    std::printf("BENCH %sfrag.o%u.share %.1f percent\n", prefix, kOrders[i],
                curve[kAsked / kStep][i]);
    for (unsigned round = 0; round <= kRounds; round += kStep) {
      std::printf("BENCH %sfrag.o%u.share.%u %.1f percent\n", prefix, kOrders[i], round,
                  curve[round / kStep][i]);
    }
  }
}

}  // namespace

int main() {
  std::printf("Fragmentation over rounds, the mean of %u runs:\n", kSeeds);
  // To the last page: the machine is to be full.
  measure<bench::Baton<mm::OneCpu, (mm::kGfpFlagMemAlloc | mm::kGfpFlagNoWarn).bits()>>("");
  if (bench::library()) measure<bench::Other>((std::string(bench::Other::name()) + ".").c_str());
}
