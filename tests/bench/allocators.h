// Allocators to measure on the host, all with the same few words: Baton's, on a machine of 4 GiB in
// pretend memory, and that of a shared library (BENCH_WITH).
#pragma once

#include <dlfcn.h>
#include <sched.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "mm/firmware_ram.h"
#include "mm/page_alloc.h"
#include "mm/platform.h"
#include "mm/policy.h"
#include "mm/relay.h"
#include "mm/relay_ledger.h"
#include "tests/bench/other_allocator.h"
#include "tools/replay/must.h"
#include "tools/replay/pretend_memory.h"

namespace bench {

using Frame = int64_t;  // its number; below 0: none

inline constexpr mm::Gfp kGfp = mm::kGfpKernel | mm::kGfpFlagMovable;
inline constexpr uint64_t kHalf = uint64_t{1} << 19;  // frames
inline constexpr uint64_t kHole = mm::kGiB * 2;       // and as long, as in a PC
inline constexpr uint64_t kEnd = mm::kGiB * 6;

// What a thread has counted.
struct Counts {
  uint64_t locks = 0;      // acquired
  uint64_t contended = 0;  // of these not at the first try
  uint64_t atomics = 0;    // read-modify-writes: of locks and of claims
};
inline thread_local Counts counts;

// The kernel's policy with threads for CPUs: the same lock, but who waits lets others run, as there
// may be more threads than CPUs. Interrupts there are none. Counting costs time, so it is one or
// the other.
template <bool counting>
struct Threads : mm::ManyCpus {
  class Lock {
   public:
    void lock() {
      const bool got = try_lock();
      if (counting) ++counts.locks;
      if (got) return;
      if (counting) ++counts.contended;
      do {
        for (unsigned i = 0; __atomic_load_n(&taken_, __ATOMIC_RELAXED) != 0; ++i) {
          if (i % 64 == 63) sched_yield();
          __builtin_ia32_pause();
        }
      } while (!try_lock());
    }
    bool try_lock() {
      if (counting) ++counts.atomics;
      return __atomic_exchange_n(&taken_, 1, __ATOMIC_ACQUIRE) == 0;
    }
    void unlock() { __atomic_store_n(&taken_, 0, __ATOMIC_RELEASE); }

   private:
    uint32_t taken_ = 0;
  };
  using Masked = mm::OneCpu::Masked;
  static bool claim(uint32_t& word, uint32_t from, uint32_t to) {
    if (counting) ++counts.atomics;
    return mm::ManyCpus::claim(word, from, to);
  }
};

// `more` is what an allocation may besides: Memalloc takes the last page.
template <class Policy, uint32_t more = 0>
class Baton {
 public:
  explicit Baton(unsigned cpus) : Baton(cpus, mm::Road::Memblock) {
    replay::must(hand_over());
    for (unsigned cpu = 1; cpu < cpus; ++cpu) replay::must(pages().start_cpu(cpu, 0));
  }
  // Before its memory is handed over, by either road.
  Baton(unsigned cpus, mm::Road road)
      : memory_(mm::Phys{kEnd}), relay_(mm::x86_64_platform(), memory_.map(), mm::Printer()) {
    using mm::Phys;
    const mm::E820Entry e820[] = {{{Phys{0}, Phys{0xa0000}}, mm::E820Type::Ram},
                                  {{Phys{mm::kMiB}, Phys{kHole}}, mm::E820Type::Ram},
                                  {{Phys{2 * kHole}, Phys{kEnd}}, mm::E820Type::Ram}};
    replay::must(relay_.take_over(e820, {}, Phys{mm::kMaxPhys}, memory_.end_of_low()));
    facts_.firmware = mm::account_firmware_ram(mm::claims_of(e820), relay_.e820());
    replay::must(relay_.trim());
    replay::must(relay_.find_nodes({}));
    replay::must(relay_.lay_out({}, cpus));
    replay::must(relay_.start_boot_allocator(road));
    replay::must(relay_.build_zones({}, mm::NodeOrder::Distance));
  }
  mm::Result<> hand_over() { return relay_.hand_over(); }

  static const char* name() { return "Baton"; }
  [[gnu::always_inline]] Frame get(unsigned cpu, unsigned order) {
    const mm::PagesOr block = pages().alloc_pages(cpu, kGfp | mm::Gfp{more}, order, 0);
    return block ? static_cast<Frame>(block.value().v) : -1;
  }
  [[gnu::always_inline]] void put(unsigned cpu, Frame frame, unsigned order) {
    if (!pages().free_pages(cpu, {static_cast<uint64_t>(frame)}, order)) std::abort();
  }
  mm::PageAllocator<Policy>& pages() { return relay_.pages(); }
  mm::Result<> close_ledger() { return mm::close_ledger(relay_, pages(), facts_, mm::Printer()); }
  [[nodiscard]] const replay::PretendMemory& memory() const { return memory_; }

 private:
  replay::PretendMemory memory_;
  mm::Relay<Policy> relay_;
  mm::LedgerFacts facts_;
};

// The library that BENCH_WITH names, if any.
class Library {
 public:
  Library() {
    const char* const path = std::getenv("BENCH_WITH");
    if (path == nullptr || *path == '\0') return;
    library_ = dlopen(path, RTLD_NOW);
    if (library_ == nullptr) throw std::runtime_error(dlerror());
    find(name, "bench_name");
    find(init, "bench_init");
    find(get, "bench_get");
    find(put, "bench_put");
  }
  explicit operator bool() const { return library_ != nullptr; }

  decltype(&bench_name) name = nullptr;
  decltype(&bench_init) init = nullptr;
  decltype(&bench_get) get = nullptr;
  decltype(&bench_put) put = nullptr;

 private:
  template <class Function>
  void find(Function& function, const char* symbol) {
    function = reinterpret_cast<Function>(dlsym(library_, symbol));
    if (function == nullptr) throw std::runtime_error(dlerror());
  }
  void* library_ = nullptr;
};
inline const Library& library() {
  static const Library opened;
  return opened;
}

class Other {
 public:
  explicit Other(unsigned cores)
      : memory_(mm::Phys{4 * mm::kGiB}), get_(library().get), put_(library().put) {
    if (library().init(memory_.map().at<>(mm::Phys{0}), 2 * kHalf, cores) != 0) {
      throw std::runtime_error(std::string(name()) + ": bench_init failed");
    }
  }
  static const char* name() { return library().name(); }
  Frame get(unsigned core, unsigned order) { return get_(core, order); }
  void put(unsigned core, Frame frame, unsigned order) {
    if (put_(core, frame, order) != 0) std::abort();
  }

 private:
  replay::PretendMemory memory_;
  decltype(&bench_get) get_;
  decltype(&bench_put) put_;
};

}  // namespace bench
