// How what mm costs grows with a machine: time over number, on the host, as curves and as the
// exponents that fit their upper ends. n log n has one a little above 1. `make bench-growth`.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "loader/efi_memory_map.h"
#include "mm/early_res.h"
#include "mm/platform.h"
#include "mm/policy.h"
#include "mm/relay.h"
#include "tools/replay/must.h"
#include "tools/replay/pretend_memory.h"

namespace {

using mm::Phys;
using mm::Range;
using replay::must;

// Of this process, so that what others do counts little.
double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

// How long one call takes: the least of several times, each of so many calls that the clock can tell
// them apart. `prepare` makes what a call uses up, and is not counted.
template <class Prepare, class Measured>
double seconds_of(Prepare prepare, Measured measured) {
  constexpr double kTold = 0.001;
  constexpr size_t kMostCalls = 64;
  constexpr int kTimes = 5;
  double least = 1e9;
  size_t calls = 1;
  for (int time = 0; time < kTimes;) {
    std::vector<decltype(prepare())> made;
    made.reserve(calls);
    for (size_t i = 0; i < calls; ++i) made.push_back(prepare());
    const double before = cpu_seconds();
    for (auto& one : made) measured(one);
    const double took = cpu_seconds() - before;
    if (took < kTold && calls < kMostCalls) {
      calls *= 2;
      continue;
    }
    least = std::min(least, took / static_cast<double>(calls));
    ++time;
  }
  return least;
}

using Order = std::vector<size_t>;

Order ascending(size_t count) {
  Order order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

Order descending(size_t count) {
  Order order = ascending(count);
  std::reverse(order.begin(), order.end());
  return order;
}

// Another one each time: the host's CPU remembers the branches of short ones.
Order shuffled(size_t count) {
  static std::mt19937 random(1);
  Order order = ascending(count);
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

// --- e820 ----------------------------------------------------------------------------------------

// A firmware's map in some order: RAM, every other page of it somebody's.
std::vector<loader::EfiDescriptor> descriptors(const Order& order) {
  std::vector<loader::EfiDescriptor> map;
  for (const size_t i : order) {
    const auto type = i % 2 == 0 ? loader::EfiMemoryType::Conventional
                                 : loader::EfiMemoryType::RuntimeServicesData;
    map.push_back({type, 0, i * mm::kPageSize, 0, 1 + i % 2, 0});
  }
  return map;
}

template <Order (*order)(size_t)>
double e820(size_t n) {
  std::vector<mm::E820Entry> storage(mm::E820Table::capacity_for(n));
  return seconds_of([n] { return descriptors(order(n)); },
                    [&](const std::vector<loader::EfiDescriptor>& given) {
                      mm::E820Table table(storage);
                      const auto bytes = std::as_bytes(std::span(given));
                      must(loader::add_to_e820({bytes, sizeof(given[0])}, table, {}));
                    });
}

// --- Early reservations --------------------------------------------------------------------------

// One byte of every other page, from 16 MiB on.
Range reserved_byte(size_t i) {
  const Phys at{16 * mm::kMiB + i * 2 * mm::kPageSize};
  return {at, at + 1};
}

double reserve(size_t n) {
  std::vector<mm::Reservation> storage(n + 2);
  return seconds_of([n] { return shuffled(n); },
                    [&](const Order& order) {
                      mm::EarlyRes list(storage);
                      for (const size_t i : order) must(list.reserve(reserved_byte(i), "X"));
                      if (list.entries().size() != n) std::abort();
                    });
}

// A machine of nodes that are one as large as the other, taken to alloc_pages().
class Machine {
 public:
  Machine(uint64_t bytes, size_t nodes, const std::vector<mm::Reservation>& in_use = {})
      : memory_(Phys{bytes}), relay_(mm::x86_64_platform(), memory_.map(), mm::Printer()) {
    for (size_t id = 0; id < nodes; ++id) {
      srat_.push_back({static_cast<mm::NodeId>(id),
                       {Phys{bytes / nodes * id}, Phys{bytes / nodes * (id + 1)}}});
    }
    const mm::E820Entry e820[] = {{{Phys{0}, Phys{0xa0000}}, mm::E820Type::Ram},
                                  {{Phys{mm::kMiB}, Phys{bytes}}, mm::E820Type::Ram}};
    must(relay_.take_over(e820, in_use, Phys{mm::kMaxPhys}, memory_.end_of_low()));
  }

  void hand_over(unsigned cpus = 1) {
    mm::RelayInput input;
    input.numa.memory = srat_;
    input.cpus = cpus;
    must(relay_.finish(input));
  }
  void give_back(const char* name, uint64_t frames) {
    if (must(relay_.give_back(name)) != frames) std::abort();
  }
  void start_cpus() {
    for (unsigned cpu = 1; cpu < relay_.pages().cpus(); ++cpu) {
      must(relay_.pages().start_cpu(cpu, 0));
    }
  }

 private:
  replay::PretendMemory memory_;
  std::vector<mm::MemoryAffinity> srat_;
  mm::Relay<mm::OneCpu> relay_;
};

double give_back(size_t n) {
  std::vector<mm::Reservation> in_use;
  for (size_t i = 0; i < n; ++i) in_use.push_back({reserved_byte(i), {'G', 'I', 'V', 'E', 'N'}});
  return seconds_of(
      [&] {
        auto machine = std::make_unique<Machine>(2 * mm::kGiB, 1, in_use);
        machine->hand_over();
        return machine;
      },
      [n](std::unique_ptr<Machine>& machine) { machine->give_back("GIVEN", n); });
}

// --- Nodes ---------------------------------------------------------------------------------------

double nodes(size_t n) {
  return seconds_of([n] { return std::make_unique<Machine>(n * mm::kGiB, n); },
                    [](std::unique_ptr<Machine>& machine) { machine->hand_over(); });
}

// --- CPUs ----------------------------------------------------------------------------------------

double start_cpu(size_t n) {
  return seconds_of(
      [n] {
        auto machine = std::make_unique<Machine>(4 * mm::kGiB, 1);
        machine->hand_over(static_cast<unsigned>(n));
        return machine;
      },
      [](std::unique_ptr<Machine>& machine) { machine->start_cpus(); });
}

// --- Curves --------------------------------------------------------------------------------------

struct Curve {
  const char* name;
  const char* what;
  double (*seconds)(size_t n);
  std::vector<size_t> numbers;
};

// The slope of log t over log n, by least squares, of the last two decades.
double exponent(const std::vector<size_t>& numbers, const std::vector<double>& seconds) {
  double x = 0, y = 0, xx = 0, xy = 0, count = 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] * 100 < numbers.back()) continue;
    const double n = std::log(static_cast<double>(numbers[i]));
    const double t = std::log(seconds[i]);
    x += n, y += t, xx += n * n, xy += n * t, count += 1;
  }
  return (count * xy - x * y) / (count * xx - x * x);
}

void measure(const Curve& curve) {
  std::vector<double> seconds;
  std::printf("%s: %s\n", curve.name, curve.what);
  for (const size_t n : curve.numbers) {
    seconds.push_back(curve.seconds(n));
    std::printf("  %7zu %12.1f us\n", n, seconds.back() * 1e6);
    std::fflush(stdout);
  }
  std::printf("BENCH %s %.2f exponent\n", curve.name, exponent(curve.numbers, seconds));
}

}  // namespace

// Words choose the curves whose names have them.
int main(int argc, char** argv) {
  const std::vector<size_t> to_100000{10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000};
  const std::vector<size_t> to_1024{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
  const std::vector<size_t> to_4096{2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};
  const Curve curves[] = {
      {"growth.e820", "a firmware's map, in random order", e820<shuffled>, to_100000},
      {"growth.e820.ascending", "sorted", e820<ascending>, to_100000},
      {"growth.e820.descending", "the other way round", e820<descending>, to_100000},
      {"growth.reserve", "reservations made in random order", reserve, to_100000},
      {"growth.give_back", "reservations ended by name", give_back, to_100000},
      {"growth.nodes", "nodes of 1 GiB, from e820 to buddy", nodes, to_1024},
      {"growth.start_cpu", "CPUs that are started, one after the other", start_cpu, to_4096},
  };
  for (const Curve& curve : curves) {
    const auto is_in_name = [&](const char* word) {
      return std::strstr(curve.name, word) != nullptr;
    };
    if (argc == 1 || std::any_of(argv + 1, argv + argc, is_in_name)) measure(curve);
  }
  const size_t slots = mm::E820Table::capacity_for(to_100000.back());
  std::printf("BENCH growth.e820.memory %zu bytes\n", slots * sizeof(mm::E820Entry));
}
