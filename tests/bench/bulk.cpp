// Several threads, each of which takes its part of half of 4 GiB and then gives it back, at once: what
// a call takes and, beside it, what threads cost each other. `make bench-host`; THREADS="1 2 8" says
// how many, BENCH_WITH=path puts another allocator beside it (tests/bench/other_allocator.h).
//
// Nanoseconds are those of the thread's own CPU time, the mean over threads and the least of several
// runs on memory that was used once before. `apart` is the time when each thread has an allocator to
// itself: what CPUs cost each other that share a core, a cache and a clock, whatever runs on them.
// Locks and atomic read-modify-writes are counted in a run
// of its own, in all code of the allocator; of another one nothing is known.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/allocators.h"

namespace {

using bench::Counts;
using bench::Frame;

constexpr int kTimes = 5;
// Calls in a row are few at order 9, so that all of it is done so often, one after the other.
constexpr unsigned turns(unsigned order) { return order == 0 ? 1 : 64; }

double cpu_nanoseconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

// Threads that the host's scheduler puts on one CPU cost each other nothing.
void stay_on(unsigned thread) {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(thread % std::thread::hardware_concurrency(), &here);
  if (sched_setaffinity(0, sizeof here, &here) != 0) std::abort();
}

// Sums over threads, of one direction.
struct Sum {
  double nanoseconds = 0;
  Counts counts;
};
struct Both {
  Sum get, put;
};

// Who sleeps until all are there comes later than the others have ended.
class Barrier {
 public:
  explicit Barrier(unsigned threads) : threads_(threads) {}
  void wait() {
    const unsigned turn = turn_.load();
    if (waiting_.fetch_add(1) + 1 == threads_) {
      waiting_ = 0;
      turn_ = turn + 1;
      return;
    }
    for (unsigned i = 1; turn_.load() == turn; ++i) {
      if (i % 1024 == 0) sched_yield();
      __builtin_ia32_pause();
    }
  }

 private:
  const unsigned threads_;
  std::atomic<unsigned> waiting_ = 0, turn_ = 0;
};

void add(Sum& to, double nanoseconds, const Counts& counts) {
  to.nanoseconds += nanoseconds;
  to.counts.locks += counts.locks;
  to.counts.contended += counts.contended;
  to.counts.atomics += counts.atomics;
}

// All threads start together.
template <class Work>
void together(Barrier& barrier, Sum& sum, Work work) {
  barrier.wait();
  bench::counts = {};
  const double before = cpu_nanoseconds();
  work();
  const double after = cpu_nanoseconds();
  add(sum, after - before - (cpu_nanoseconds() - after), bench::counts);  // less what reading costs
}

// One allocator for all threads, or one for each.
template <class Allocator>
using Allocators = std::vector<std::unique_ptr<Allocator>>;

template <class Allocator, unsigned order>
Both once(const Allocators<Allocator>& allocators, unsigned threads) {
  Barrier barrier(threads);
  std::vector<Both> each(threads);
  const auto run = [&](unsigned thread) {
    stay_on(thread);
    const bool apart = allocators.size() > 1;
    Allocator& allocator = *allocators[apart ? thread : 0];
    const unsigned cpu = apart ? 0 : thread;
    std::vector<Frame> held((bench::kHalf >> order) / threads);
    Both mine;
    for (unsigned turn = 0; turn < turns(order); ++turn) {
      together(barrier, mine.get, [&] {
        for (Frame& frame : held) frame = allocator.get(cpu, order);
      });
      if (std::any_of(held.begin(), held.end(), [](Frame frame) { return frame < 0; })) {
        std::abort();
      }
      together(barrier, mine.put, [&] {
        for (const Frame frame : held) allocator.put(cpu, frame, order);
      });
    }
    each[thread] = mine;
  };
  std::vector<std::thread> running;
  for (unsigned thread = 0; thread < threads; ++thread) running.emplace_back(run, thread);
  for (std::thread& thread : running) thread.join();
  Both all;
  for (const Both& one : each) {
    add(all.get, one.get.nanoseconds, one.get.counts);
    add(all.put, one.put.nanoseconds, one.put.counts);
  }
  return all;
}

template <class Allocator, unsigned order>
Both timed(unsigned threads, bool apart = false) {
  Allocators<Allocator> allocators;
  for (unsigned i = 0; i < (apart ? threads : 1); ++i) {
    allocators.push_back(std::make_unique<Allocator>(apart ? 1 : threads));
  }
  Both least = once<Allocator, order>(allocators, threads);
  for (int time = 0; time < kTimes; ++time) {
    const Both now = once<Allocator, order>(allocators, threads);
    if (time == 0) least = now;
    least.get.nanoseconds = std::min(least.get.nanoseconds, now.get.nanoseconds);
    least.put.nanoseconds = std::min(least.put.nanoseconds, now.put.nanoseconds);
  }
  return least;
}

template <class Allocator, unsigned order>
Both counted(unsigned threads) {
  Allocators<Allocator> one;
  one.push_back(std::make_unique<Allocator>(threads));
  once<Allocator, order>(one, threads);
  return once<Allocator, order>(one, threads);
}

void print(const std::string& name, const Sum& timed, const Sum* counted, double calls) {
  std::printf("BENCH %s.time %.2f ns\n", name.c_str(), timed.nanoseconds / calls);
  if (counted == nullptr) return;
  const auto print_count = [&](const char* what, uint64_t count) {
    std::printf("BENCH %s.%s %.5f per_call\n", name.c_str(), what,
                static_cast<double>(count) / calls);
  };
  print_count("locks", counted->counts.locks);
  print_count("contended", counted->counts.contended);
  print_count("atomics", counted->counts.atomics);
}

std::string name_of(const std::string& allocator, unsigned threads, unsigned order,
                    const char* what) {
  return allocator + "bulk.t" + std::to_string(threads) + ".o" + std::to_string(order) + "." + what;
}

template <unsigned order>
void measure(unsigned threads) {
  const auto calls =
      static_cast<double>((bench::kHalf >> order) / threads * threads * turns(order));
  const Both time = timed<bench::Baton<bench::Threads<false>>, order>(threads);
  const Both count = counted<bench::Baton<bench::Threads<true>>, order>(threads);
  print(name_of("", threads, order, "get"), time.get, &count.get, calls);
  print(name_of("", threads, order, "put"), time.put, &count.put, calls);
  if (threads != 1) {
    const Both apart = timed<bench::Baton<bench::Threads<false>>, order>(threads, true);
    print(name_of("", threads, order, "get.apart"), apart.get, nullptr, calls);
    print(name_of("", threads, order, "put.apart"), apart.put, nullptr, calls);
  }
  if (!bench::library()) return;
  const std::string other = std::string(bench::Other::name()) + ".";
  const Both others = timed<bench::Other, order>(threads);
  print(name_of(other, threads, order, "get"), others.get, nullptr, calls);
  print(name_of(other, threads, order, "put"), others.put, nullptr, calls);
}

}  // namespace

int main() {
  const char* const asked = std::getenv("THREADS");
  std::istringstream words(asked == nullptr || *asked == '\0' ? "1 2 4" : asked);
  std::printf("Half of 4 GiB by threads (of %u CPUs): per call\n",
              std::thread::hardware_concurrency());
  for (unsigned threads = 0; words >> threads;) {
    measure<0>(threads);
    measure<mm::kPageblockOrder>(threads);
  }
}
