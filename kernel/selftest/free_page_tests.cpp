// Free memory that has no address (kernel/free_pages.h): the direct map is walked, and it is tried.
#include <algorithm>
#include <bit>
#include <optional>

#include "kernel/arch.h"
#include "kernel/selftest/selftest.h"
#include "kernel/smp/cpus.h"
#include "kernel/smp/drain.h"

namespace kernel {
namespace {

using arch::Mapping;
using enum loader::Severity;
using mm::Pfn;
using mm::PfnRange;
using Pages = mm::PageAllocator<Policy>;

Verdict skipped() { return Verdict::skip("neither page_poison nor debug_pagealloc asks for it"); }

bool is_free(const Pages& pages, Pfn frame) {
  const mm::FrameUse use = pages.owner_of(frame).use;
  return use == mm::FrameUse::Free || use == mm::FrameUse::OnCpuList;
}

// Frames of RAM that the direct map has, as its leaves say: none is free, and no other is missing.
class PresenceAudit {
 public:
  explicit PresenceAudit(Booted& machine)
      : pages_(machine.relay.pages()),
        active_(machine.relay.layout().active),
        direct_map_(machine.kept.handoff().direct_map),
        end_(mm::pfn_down(std::min(machine.end_of_space, machine.relay.platform().end_of_low))) {}

  Verdict run() {
    arch::walk_mappings(
        [](void* context, const Mapping& m) {
          return static_cast<PresenceAudit*>(context)->leaf(m);
        },
        this);
    const uint64_t wanted = low_frames() - free_frames();
    if (verdict_.passed() && present_ != wanted) missing(wanted);
    return verdict_;
  }

 private:
  bool leaf(const Mapping& m) {
    if (static_cast<uintptr_t>(m.virt - direct_map_) != m.phys) return true;
    const PfnRange mapped{mm::pfn_down(mm::Phys{m.phys}), mm::pfn_down(mm::Phys{m.phys + m.size})};
    for (size_t i = mm::first_active_ending_after(active_, mapped.start);
         i < active_.size() && active_[i].pfns.start < mapped.end; ++i) {
      const PfnRange frames = low(active_[i].pfns.clip(mapped));
      present_ += frames.size();
      for (Pfn frame = frames.start; frame < frames.end; frame += 1) {
        if (!is_free(pages_, frame)) continue;
        verdict_ = Verdict::fail("the free page {} is mapped at {:#x}", phys(frame),
                                 m.virt + (phys(frame) - mm::Phys{m.phys}));
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] PfnRange low(PfnRange frames) const {
    return {frames.start, std::max(frames.start, std::min(frames.end, end_))};
  }
  [[nodiscard]] uint64_t low_frames() const {
    uint64_t frames = 0;
    for (const mm::ActiveRange& range : active_) frames += low(range.pfns).size();
    return frames;
  }
  [[nodiscard]] uint64_t free_frames() const {
    uint64_t frames = 0;
    const auto add = [&](const mm::FreeBlock& block) {
      frames += low({block.pfn, block.pfn + mm::frames_of(block.order)}).size();
      return true;
    };
    pages_.for_each_free_block(add);
    pages_.for_each_cpu_block([&](const mm::FreeBlock& block, unsigned) { (void)add(block); });
    return frames;
  }
  void missing(uint64_t wanted) {
    const auto base = static_cast<uintptr_t>(direct_map_);
    for (const mm::ActiveRange& range : active_) {
      const PfnRange frames = low(range.pfns);
      for (Pfn frame = frames.start; frame < frames.end; frame += 1) {
        const auto virt = static_cast<uintptr_t>(base + phys(frame).v);
        if (arch::find_mapping(virt) || is_free(pages_, frame)) continue;
        verdict_ = Verdict::fail("the page {} is not free, and not mapped", phys(frame));
        return;
      }
    }
    verdict_ = Verdict::fail("{} pages are mapped, {} are not free", present_, wanted);
  }

  const Pages& pages_;
  std::span<const mm::ActiveRange> active_;
  uint64_t direct_map_;
  Pfn end_;
  uint64_t present_ = 0;
  Verdict verdict_ = Verdict::pass();
};

Verdict test_free_pages(Booted& machine) {
  if (!machine.relay.pages().contents().absent) return skipped();
  drain_everywhere(machine.relay.pages());
  return PresenceAudit(machine).run();
}

// A way to have frames and to give them back.
struct Way {
  const char* name;
  uint64_t frames;
  mm::PagesOr (*take)(Pages& pages, unsigned cpu, uint64_t frames);
  mm::Freed (*give)(Pages& pages, unsigned cpu, Pfn first, uint64_t frames);
};

unsigned order_of(uint64_t frames) { return static_cast<unsigned>(std::bit_width(frames - 1)); }

mm::PagesOr take_block(Pages& pages, unsigned cpu, uint64_t frames) {
  return pages.alloc_pages(cpu, mm::kGfpKernel, order_of(frames), pages.cpu_node(cpu));
}
mm::Freed give_block(Pages& pages, unsigned cpu, Pfn first, uint64_t frames) {
  return pages.free_pages(cpu, first, order_of(frames));
}
mm::PagesOr take_at_once(Pages& pages, unsigned cpu, uint64_t frames) {
  return pages.try_alloc_pages(cpu, mm::kGfpKernel, order_of(frames), pages.cpu_node(cpu));
}
mm::Freed give_at_once(Pages& pages, unsigned cpu, Pfn first, uint64_t frames) {
  return pages.try_free_pages(cpu, first, order_of(frames));
}
mm::PagesOr take_exact(Pages& pages, unsigned cpu, uint64_t frames) {
  return pages.alloc_pages_exact(cpu, mm::kGfpKernel, frames, pages.cpu_node(cpu));
}
mm::PagesOr take_range(Pages& pages, unsigned cpu, uint64_t frames) {
  return pages.alloc_contig_pages(cpu, mm::kGfpKernel, frames, 1, pages.cpu_node(cpu));
}
mm::Freed give_range(Pages& pages, unsigned cpu, Pfn first, uint64_t frames) {
  return pages.free_contig_range(cpu, {first, first + frames});
}

constexpr Way kWays[] = {
    {"a page", 1, take_block, give_block},
    {"a block of order 3", 8, take_block, give_block},
    {"a block of order 4", 16, take_block, give_block},
    {"a pageblock", mm::kPageblockFrames, take_block, give_block},
    {"a page without waiting", 1, take_at_once, give_at_once},
    {"five pages", 5, take_exact, give_range},
    {"a range of 37 pages", 37, take_range, give_range},
};

// On one CPU: what it takes can be read and written, and after it gave that back no more.
class Trial {
 public:
  explicit Trial(Booted& machine) : pages_(machine.relay.pages()), map_(machine.relay.map()) {}

  Verdict run_on(unsigned cpu) {
    verdict_ = Verdict::pass();
    const bool answered = call_on(
        cpu, [](void* context) { static_cast<Trial*>(context)->run(); }, this);
    return answered ? verdict_ : Verdict::fail("CPU {} does not answer", cpu);
  }
  [[nodiscard]] unsigned tried() const { return tried_; }

 private:
  void run() {
    for (const Way& way : kWays) {
      if (verdict_.passed()) try_way(way);
    }
  }

  void try_way(const Way& way) {
    const unsigned cpu = arch::this_cpu();
    const mm::PagesOr first = way.take(pages_, cpu, way.frames);
    if (!first) return;  // so much is not there in one piece
    const PfnRange frames{first.value(), first.value() + way.frames};
    if (const auto at = first_that(false, frames)) return tell(way, *at, "cannot be used");
    // What the next power of two has on top is free.
    if (way.take == take_exact && first_that(true, {frames.end, frames.end + 1})) {
      return tell(way, frames.end, "is not part of it, and can be used");
    }
    const mm::Freed given = way.give(pages_, cpu, frames.start, way.frames);
    if (!given) return tell(way, frames.start, given.error().what);
    if (const auto at = first_that(true, frames)) return tell(way, *at, "is free, and can be used");
    ++tried_;
  }
  // The first frame that can be touched, at its beginning or end, or cannot.
  [[nodiscard]] std::optional<Pfn> first_that(bool usable, PfnRange frames) const {
    for (Pfn frame = frames.start; frame < frames.end; frame += 1) {
      const auto virt = reinterpret_cast<uintptr_t>(map_.at<void>(phys(frame)));
      for (const uint64_t offset : {uint64_t{0}, mm::kPageSize - 8}) {
        if (arch::can_read(virt + offset) == usable || arch::can_write(virt + offset) == usable) {
          return frame;
        }
      }
    }
    return std::nullopt;
  }
  void tell(const Way& way, Pfn frame, const char* what) {
    verdict_ =
        Verdict::fail("CPU {}, {}: the page {} {}", arch::this_cpu(), way.name, phys(frame), what);
  }

  Pages& pages_;
  mm::DirectMap map_;
  Verdict verdict_ = Verdict::pass();
  unsigned tried_ = 0;
};

Verdict test_freed_pages(Booted& machine) {
  if (!machine.relay.pages().contents().absent) return skipped();
  Trial trial(machine);
  for (const Cpu& cpu : cpus().all()) {
    if (!cpus().is_online(cpu.number)) continue;
    const Verdict verdict = trial.run_on(cpu.number);
    if (!verdict.passed()) return verdict;
  }
  if (trial.tried() == 0) return Verdict::fail("nothing could be allocated");
  loader::Facts facts;
  facts.say("{} blocks on {} CPUs", trial.tried(), cpus().online());
  return {loader::Outcome::Pass, facts};
}

constexpr KernelTest kTests[] = {
    {{"kernel.pages.free", "no free page is mapped, and no other page of RAM is missing", High,
      "The direct map, walked, against who has each page", kOurs},
     test_free_pages},
    {{"kernel.pages.freed", "a page can be used until it is freed, and faults from then on", High,
      "Found out by reading and writing there, on each CPU", kOurs},
     test_freed_pages},
};

}  // namespace

std::span<const KernelTest> free_page_tests() { return kTests; }

}  // namespace kernel
