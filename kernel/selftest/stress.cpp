#include "kernel/selftest/stress.h"

#include <algorithm>
#include <new>

#include "kernel/console.h"
#include "kernel/selftest/zone_probe.h"
#include "kernel/smp/cpus.h"
#include "kernel/smp/drain.h"
#include "mm/audit.h"

namespace kernel {
namespace {

using mm::Gfp;
using mm::Pfn;

// A block that somebody holds, in one word, so that it is taken from an inbox and looked at from
// another CPU whole. Whose it is stays with it wherever it is handed.
class Block {
 public:
  constexpr Block() = default;
  constexpr explicit Block(uint64_t bits) : bits_(bits) {}
  Block(Pfn pfn, unsigned order, unsigned owner)
      : bits_(kThere | uint64_t{owner} << 45 | uint64_t{order} << 40 | pfn.v) {}

  [[nodiscard]] uint64_t bits() const { return bits_; }
  [[nodiscard]] bool there() const { return bits_ != 0; }
  [[nodiscard]] Pfn pfn() const { return {bits_ & ((uint64_t{1} << 40) - 1)}; }
  [[nodiscard]] unsigned order() const { return bits_ >> 40 & 31; }
  [[nodiscard]] unsigned owner() const { return bits_ >> 45 & 0xffff; }
  [[nodiscard]] uint64_t frames() const { return mm::frames_of(order()); }

 private:
  static constexpr uint64_t kThere = uint64_t{1} << 63;
  uint64_t bits_ = 0;
};

// A zone with memory, and how much of it was free before.
struct ZoneBefore {
  const mm::Zone* zone;
  uint64_t free, managed;
};
constinit std::array<ZoneBefore, mm::kMaxNodes * mm::kZoneTypes> zones_before{};

class Stress;

// What one CPU does and has. Others put blocks into its inbox, and look at all of it when it
// stands.
class alignas(64) Worker {
 public:
  Worker(Stress& all, unsigned cpu)
      : all_(all), cpu_(cpu), random_(mix((uint64_t{cpu} + 1) << 32)) {}

  void work();
  void empty_inbox();
  // Whether there was room for it.
  bool receive(Block block);
  // Calls visit(Block) for each block that this CPU is answerable for, until it returns false.
  template <class Visit>
  bool for_each(Visit visit) const {
    const uint32_t count = __atomic_load_n(&count_, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; ++i) {
      if (!visit(Block(__atomic_load_n(&held_[i], __ATOMIC_RELAXED)))) return false;
    }
    for (const uint64_t& slot : inbox_) {
      const Block block(__atomic_load_n(&slot, __ATOMIC_ACQUIRE));
      if (block.there() && !visit(block)) return false;
    }
    return true;
  }

  [[nodiscard]] unsigned cpu() const { return cpu_; }
  [[nodiscard]] uint64_t got() const { return got_; }
  [[nodiscard]] uint64_t handed_on() const { return handed_on_; }

 private:
  static constexpr size_t kMostHeld = 384, kInbox = 32;

  uint64_t random() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_ >> 8;
  }
  size_t random(size_t below) { return static_cast<size_t>(random() % below); }

  unsigned do_chunk();
  bool do_something();
  bool allocate();
  void hold(Block block);
  Block pick();
  bool hand_on();
  bool take_over();
  bool free(Block block);
  [[nodiscard]] unsigned choose_order();

  Stress& all_;
  unsigned cpu_;
  uint32_t count_ = 0;
  uint64_t random_;
  uint64_t pages_ = 0;  // in what it holds
  uint64_t got_ = 0, handed_on_ = 0;
  std::array<uint64_t, kMostHeld> held_{};
  std::array<uint64_t, kInbox> inbox_{};
};
static_assert(sizeof(Worker) <= mm::kPageSize);

class Stress {
 public:
  Stress(Booted& machine, const StressPlan& plan)
      : pages_(machine.relay.pages()), map_(machine.relay.map()), plan_(plan) {}

  Verdict run();

  // --- For the workers ---
  [[nodiscard]] Pages& pages() { return pages_; }
  [[nodiscard]] bool stopping() const { return __atomic_load_n(&stopping_, __ATOMIC_RELAXED); }
  [[nodiscard]] uint64_t budget() const { return budget_; }
  [[nodiscard]] Worker& worker(uint64_t at) { return workers_[static_cast<size_t>(at)]; }
  [[nodiscard]] size_t count() const { return workers_.size(); }
  struct Request {
    Gfp gfp;
    mm::NodeId node;
    bool strict;  // no other node may serve
  };
  [[nodiscard]] Request choose_request(uint64_t dice, mm::NodeId own) const;
  // Into each page.
  void write_pattern(Block block);
  void check_pattern(unsigned cpu, Block block);
  void check_zero(unsigned cpu, Block block);
  // Who holds it too will notice.
  void spoil(Block block) { *words(block.pfn()) = 0; }
  // So many more have been done. Looks at everything when it is time to, and says how it goes.
  void add(unsigned operations);
  void wait_for_all();
  void fail(const Verdict& verdict);

 private:
  static constexpr uint64_t kMostPages = 4096;  // that a CPU holds

  Verdict take_stock();
  bool make_workers();
  void drop_workers();
  void look_at_clock();
  void inspect();
  void inspect_standing();
  bool inspect_block(const Worker& worker, Block block);
  void compare_counts();
  [[nodiscard]] uint64_t* words(Pfn pfn) const {
    return arch::reach<uint64_t>(map_, mm::phys(pfn));
  }
  [[nodiscard]] static uint64_t word_of(Pfn pfn, unsigned owner) {
    return mix(pfn.v << 16 | owner);
  }
  [[nodiscard]] uint64_t done() const { return __atomic_load_n(&done_, __ATOMIC_RELAXED); }
  [[nodiscard]] uint64_t audits() const { return __atomic_load_n(&audits_, __ATOMIC_RELAXED); }

  Pages& pages_;
  const mm::DirectMap& map_;
  StressPlan plan_;
  std::span<const ZoneBefore> zones_;
  std::span<Worker> workers_;
  Pfn workers_at_;
  uint64_t budget_ = 0;
  uint64_t audit_after_ = 0;  // operations
  uint64_t done_ = 0, audits_ = 0;
  unsigned arrived_ = 0;
  uint64_t started_ = 0, told_ = 0;
  bool stopping_ = false;
  SpinLock<LockRank::Findings> lock_;  // of the verdict
  Verdict verdict_ = Verdict::pass();
};

// --- A CPU ---------------------------------------------------------------------------------------

void Worker::work() {
  constexpr unsigned kMostBarren = 64;
  all_.wait_for_all();
  // Each does some, however soon the others have done enough. Where nothing can be had at all,
  // there is an end to trying.
  for (unsigned barren = 0; barren < kMostBarren;) {
    const unsigned done = do_chunk();
    barren = done == 0 ? barren + 1 : 0;
    all_.add(done);
    if (all_.stopping()) break;
  }
  while (count_ != 0) free(pick());
}

unsigned Worker::do_chunk() {
  constexpr unsigned kChunk = 256;
  unsigned done = 0;
  for (unsigned i = 0; i < kChunk; ++i) done += do_something() ? 1 : 0;
  return done;
}

// Whether an allocation or a free came about.
bool Worker::do_something() {
  const uint64_t dice = random(1024);
  if (dice == 0) {
    all_.pages().drain(cpu_);
    return false;
  }
  if (dice < 100) return take_over();
  const bool room = count_ < kMostHeld && pages_ < all_.budget();
  if (count_ == 0 || (room && dice < 560)) return allocate();
  return dice < 660 ? hand_on() : free(pick());
}

unsigned Worker::choose_order() {
  const uint64_t dice = random(1024);
  const unsigned order = dice < 640    ? 0
                         : dice < 800  ? 1
                         : dice < 900  ? 2
                         : dice < 1000 ? 3
                         : dice < 1018 ? 4 + static_cast<unsigned>(dice % 5)
                         : dice < 1023 ? mm::kPageblockOrder
                                       : mm::kPageblockOrder + 1;
  return mm::frames_of(order) <= std::max<uint64_t>(all_.budget() / 4, 1) ? order : 0;
}

bool Worker::allocate() {
  const unsigned order = choose_order();
  const Stress::Request request = all_.choose_request(random(), cpus().own().node);
  const bool zero = order == 0 && random(32) == 0;
  const Gfp gfp = zero ? request.gfp | mm::kGfpFlagZero : request.gfp;
  const mm::PagesOr got =
      all_.pages().alloc_pages(cpu_, gfp | mm::kGfpFlagNoWarn, order, request.node);
  if (!got) return false;
  const Block block(got.value(), order, cpu_);
  const mm::Node* const home = all_.pages().node_of(block.pfn());
  if (home == nullptr || (request.strict && home->id != request.node)) {
    all_.fail(Verdict::fail("CPU {}: frame {:#x} is not of node {}, which alone was asked", cpu_,
                            block.pfn().v, request.node));
  }
  if (zero) all_.check_zero(cpu_, block);
  all_.write_pattern(block);
  hold(block);
  ++got_;
  return true;
}

void Worker::hold(Block block) {
  __atomic_store_n(&held_[count_], block.bits(), __ATOMIC_RELAXED);
  __atomic_store_n(&count_, count_ + 1, __ATOMIC_RELEASE);
  pages_ += block.frames();
}

// Whoever looks meanwhile may find another block twice, but none that has begun to be freed.
Block Worker::pick() {
  uint64_t& place = held_[random(count_)];
  const Block block(place);
  __atomic_store_n(&place, held_[count_ - 1], __ATOMIC_RELAXED);
  __atomic_store_n(&count_, count_ - 1, __ATOMIC_RELEASE);
  pages_ -= block.frames();
  return block;
}

bool Worker::hand_on() {
  const Block block = pick();
  // What lies in inboxes is nobody's budget: small blocks only.
  const bool small = block.frames() <= std::max<uint64_t>(all_.budget() / kInbox, 1);
  if (small && all_.worker(random(all_.count())).receive(block)) {
    ++handed_on_;
    return false;
  }
  return free(block);
}

bool Worker::receive(Block block) {
  for (uint64_t& slot : inbox_) {
    uint64_t none = 0;
    if (__atomic_compare_exchange_n(&slot, &none, block.bits(), false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED)) {
      return true;
    }
  }
  return false;
}

// What another CPU has handed on is freed here, or kept for later.
bool Worker::take_over() {
  uint64_t& slot = inbox_[random(kInbox)];
  const Block block(__atomic_exchange_n(&slot, 0, __ATOMIC_ACQUIRE));
  if (!block.there()) return false;
  if (count_ == kMostHeld || random(2) == 0) return free(block);
  hold(block);
  return false;
}

bool Worker::free(Block block) {
  all_.check_pattern(cpu_, block);
  all_.spoil(block);
  if (random(16) == 0) {  // by two references, dropped one after the other
    if (!all_.pages().get_page(cpu_, block.pfn()) || !all_.pages().put_page(cpu_, block.pfn())) {
      all_.fail(Verdict::fail("CPU {}: a second reference to frame {:#x} was refused", cpu_,
                              block.pfn().v));
    }
  }
  const mm::Freed freed = all_.pages().free_pages(cpu_, block.pfn(), block.order());
  if (freed) return true;
  all_.fail(Verdict::fail("CPU {}: frame {:#x} of CPU {} was not taken back: {}", cpu_,
                          block.pfn().v, block.owner(), freed.error()));
  return false;
}

// When all have come back: on the boot CPU, so that its frees are remote ones.
void Worker::empty_inbox() {
  for (uint64_t& slot : inbox_) {
    const Block block(__atomic_exchange_n(&slot, 0, __ATOMIC_ACQUIRE));
    if (!block.there()) continue;
    all_.check_pattern(arch::this_cpu(), block);
    all_.spoil(block);
    const mm::Freed freed = all_.pages().free_pages(arch::this_cpu(), block.pfn(), block.order());
    if (freed) continue;
    all_.fail(Verdict::fail("frame {:#x} of CPU {} was not taken back: {}", block.pfn().v,
                            block.owner(), freed.error()));
  }
}

// --- All of them ---------------------------------------------------------------------------------

Stress::Request Stress::choose_request(uint64_t dice, mm::NodeId own) const {
  constexpr std::array kGfps{mm::kGfpKernel, mm::kGfpHighUserMovable, mm::kGfpAtomic,
                             mm::kGfpKernel | mm::kGfpFlagReclaimable,
                             mm::kGfpNoWait | mm::kGfpDma32};
  const uint64_t which = dice >> 16;
  // A zone of its own choice, wherever it is.
  if (dice % 8 == 0) {
    const mm::Zone& zone = *zones_[static_cast<size_t>(which % zones_.size())].zone;
    return {only(zone.type) - mm::kGfpFlagMemAlloc, zone.node_id, true};
  }
  // Nodes without memory are asked, too.
  const auto any = static_cast<mm::NodeId>(which % pages_.node_count());
  return {kGfps[static_cast<size_t>(which % kGfps.size())], dice % 8 == 1 ? any : own, false};
}

void Stress::write_pattern(Block block) {
  for (Pfn pfn = block.pfn(); pfn < block.pfn() + block.frames(); pfn = pfn + 1) {
    uint64_t* const page = words(pfn);
    page[0] = word_of(pfn, block.owner());
    page[mm::kPageSize / 8 - 1] = ~page[0];
  }
}

void Stress::check_pattern(unsigned cpu, Block block) {
  for (Pfn pfn = block.pfn(); pfn < block.pfn() + block.frames(); pfn = pfn + 1) {
    const uint64_t expected = word_of(pfn, block.owner());
    const uint64_t first = words(pfn)[0], last = ~words(pfn)[mm::kPageSize / 8 - 1];
    if (first == expected && last == expected) continue;
    return fail(Verdict::fail("CPU {}: frame {:#x} of CPU {} was overwritten: {:#x} for {:#x}", cpu,
                              pfn.v, block.owner(), first != expected ? first : last, expected));
  }
}

void Stress::check_zero(unsigned cpu, Block block) {
  const uint64_t* const page = words(block.pfn());
  if (std::all_of(page, page + mm::kPageSize / 8, [](uint64_t word) { return word == 0; })) return;
  fail(Verdict::fail("CPU {}: frame {:#x} was to be zeroed and is not", cpu, block.pfn().v));
}

void Stress::wait_for_all() {
  __atomic_fetch_add(&arrived_, 1, __ATOMIC_RELAXED);
  while (__atomic_load_n(&arrived_, __ATOMIC_RELAXED) != workers_.size()) arch::doze();
}

void Stress::add(unsigned operations) {
  const uint64_t before = __atomic_fetch_add(&done_, operations, __ATOMIC_RELAXED);
  const uint64_t after = before + operations;
  if (before / audit_after_ != after / audit_after_) inspect();
  if (arch::this_cpu() == workers_[0].cpu()) look_at_clock();
  if (after >= plan_.operations) __atomic_store_n(&stopping_, true, __ATOMIC_RELAXED);
}

void Stress::look_at_clock() {
  constexpr uint64_t kTellAfter = 10'000'000;
  const uint64_t now = arch::microseconds();
  if (now - told_ >= kTellAfter) {
    told_ = now;
    log().line("stress: {} of {} operations, {} audits, {} s", done(), plan_.operations, audits(),
               (now - started_) / 1'000'000);
  }
  if (plan_.microseconds != 0 && now - started_ >= plan_.microseconds) {
    __atomic_store_n(&stopping_, true, __ATOMIC_RELAXED);
  }
}

void Stress::fail(const Verdict& verdict) {
  const Policy::Masked masked;
  const Held held(lock_);
  if (verdict_.passed()) verdict_ = verdict;
  __atomic_store_n(&stopping_, true, __ATOMIC_RELAXED);
}

// By whichever CPU comes to it.
void Stress::inspect() {
  drain_everywhere(pages_);
  const auto look = [](void* self) { static_cast<Stress*>(self)->inspect_standing(); };
  if (!while_others_stand(look, this)) fail(Verdict::fail("not all CPUs come to a stand"));
}

void Stress::inspect_standing() {
  __atomic_fetch_add(&audits_, 1, __ATOMIC_RELAXED);
  if (const mm::Result<> sound = mm::audit(pages_); !sound.ok()) {
    return fail(Verdict::fail("{}", sound.error()));
  }
  for (const Worker& worker : workers_) {
    if (!worker.for_each([&](Block block) { return inspect_block(worker, block); })) return;
  }
}

bool Stress::inspect_block(const Worker& worker, Block block) {
  const mm::FrameOwner owner = pages_.owner_of(block.pfn());
  if (owner.use != mm::FrameUse::Allocated || owner.block != block.pfn() ||
      owner.order != block.order()) {
    fail(Verdict::fail("CPU {} has frame {:#x} of order {}, the allocator does not know that",
                       worker.cpu(), block.pfn().v, block.order()));
    return false;
  }
  check_pattern(worker.cpu(), block);
  return verdict_.passed();
}

// --- Before and after ----------------------------------------------------------------------------

Verdict Stress::take_stock() {
  drain_everywhere(pages_);
  size_t count = 0;
  uint64_t free = 0;
  (void)for_each_zone(pages_, [&](const mm::Node& node, const mm::Zone& zone) {
    const mm::ZoneCounts now = pages_.zone_counts(node.id, zone.type);
    zones_before[count++] = {&zone, now.free, now.managed};
    free += now.free;
    return Verdict::pass();
  });
  zones_ = std::span(zones_before).first(count);
  budget_ = std::clamp<uint64_t>(free / (uint64_t{8} * cpus().online()), 1, kMostPages);
  audit_after_ = std::clamp<uint64_t>(plan_.operations / 4, 1, 1'000'000);
  return make_workers() ? Verdict::pass() : Verdict::skip("no memory to write down what is held");
}

bool Stress::make_workers() {
  const unsigned online = cpus().online();
  const mm::PagesOr room = pages_.alloc_pages_exact(
      arch::this_cpu(), mm::kGfpKernel | mm::kGfpFlagNoWarn, online, cpus().own().node);
  if (!room) return false;
  workers_at_ = room.value();
  workers_ = {map_.at<Worker>(mm::phys(workers_at_)), online};
  size_t at = 0;
  const auto add = [&](unsigned cpu) { new (&workers_[at++]) Worker(*this, cpu); };
  add(arch::this_cpu());  // the first looks at the clock
  for (const Cpu& cpu : cpus().all()) {
    if (cpu.number != arch::this_cpu() && cpus().is_online(cpu.number)) add(cpu.number);
  }
  return true;
}

void Stress::drop_workers() {
  if (!pages_.free_pages_exact(arch::this_cpu(), workers_at_, workers_.size())) {
    fail(Verdict::fail("frame {:#x}, where it was written down who holds what, was not taken back",
                       workers_at_.v));
  }
  workers_ = {};
}

void Stress::compare_counts() {
  for (const ZoneBefore& before : zones_) {
    const mm::Zone& zone = *before.zone;
    const mm::ZoneCounts now = pages_.zone_counts(zone.node_id, zone.type);
    if (now.free == before.free && now.managed == before.managed && now.on_cpu_lists == 0) continue;
    fail(Verdict::fail("node {} zone {}: {} pages are free and {} on lists, {} were free before",
                       zone.node_id, zone.type, now.free, now.on_cpu_lists, before.free));
  }
}

Verdict Stress::run() {
  if (const Verdict stock = take_stock(); !stock.passed()) return stock;
  started_ = told_ = arch::microseconds();
  run_everywhere(
      [](void* context) {
        auto& all = *static_cast<Stress*>(context);
        for (Worker& worker : all.workers_) {
          if (worker.cpu() == arch::this_cpu()) worker.work();
        }
      },
      this);
  if (audits() == 0) inspect();  // there was no time for it
  uint64_t handed_on = 0, idle = 0;
  for (Worker& worker : workers_) {
    worker.empty_inbox();
    handed_on += worker.handed_on();
    idle += worker.got() == 0 ? 1 : 0;
  }
  const size_t count = workers_.size();
  drop_workers();
  drain_everywhere(pages_);
  compare_counts();
  if (const mm::Result<> sound = mm::audit(pages_); !sound.ok()) {
    fail(Verdict::fail("at the end: {}", sound.error()));
  }
  if (!verdict_.passed()) return verdict_;
  if (idle == count) return Verdict::skip("no CPU got a page: there is no memory to spare");
  loader::Facts facts;
  facts.say("{} CPUs, {} operations, {} blocks handed on, {} audits with all stopped", count,
            done(), handed_on, audits());
  if (idle != 0) facts.say("{} CPUs got no page", idle);
  return {loader::Outcome::Pass, facts};
}

}  // namespace

Verdict stress_allocator(Booted& machine, const StressPlan& plan) {
  return Stress(machine, plan).run();
}

}  // namespace kernel
