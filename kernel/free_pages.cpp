#include "kernel/free_pages.h"

#include <algorithm>
#include <array>
#include <optional>

#include "kernel/page_walk.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

// RAM that the direct map has: from its beginning up to here. Nothing is taken from it before that is known.
struct Reach {
  mm::DirectMap map;
  mm::Pfn end;
};
constinit Reach reach{};

uint64_t virt_of(mm::Pfn frame) {
  return reinterpret_cast<uintptr_t>(reach.map.at<void>(phys(frame)));
}

void set_presence(void* /*context*/, mm::PfnRange frames, bool there) {
  frames.end = std::min(frames.end, reach.end);
  if (!frames.empty()) arch::set_present(virt_of(frames.start), frames.size(), there);
}

// Tables, one after the other, in as few pieces as memory allows.
class Pool {
 public:
  mm::Result<> fill(mm::RelayCore& relay, uint64_t tables) {
    // Where devices of 32 bits do not reach, if there is such RAM: of 1 TiB they are 2 GiB.
    constexpr mm::Phys k4GiB{mm::kGiB * 4}, k16MiB{mm::kMiB * 16};
    const mm::Pfn end = std::min(relay.e820().last_pfn(), reach.end);
    const mm::Phys goal = end > mm::pfn_down(k4GiB) ? k4GiB : k16MiB;
    for (uint64_t most = tables; tables != 0;) {
      most = std::min(most, tables);
      const mm::Result<mm::Phys> start = relay.boot_alloc(most * mm::kPageSize, "DIRECT MAP", goal);
      if (!start.ok() && most > 1) {
        most /= 2;
        continue;
      }
      if (!start.ok()) return start.error();
      if (count_ == pieces_.size()) {
        return mm::Error{"more pieces of memory than there is room for", "DIRECT MAP", count_};
      }
      pieces_[count_++] = {start.value(), start.value() + most * mm::kPageSize};
      tables -= most;
    }
    return {};
  }

  static mm::Phys take(void* context) { return static_cast<Pool*>(context)->next(); }

 private:
  mm::Phys next() {
    while (current_ < count_ && pieces_[current_].empty()) ++current_;
    if (current_ == count_) return {};
    const mm::Phys table = pieces_[current_].start;
    pieces_[current_].start += mm::kPageSize;
    return table;
  }

  std::array<mm::Range, 32> pieces_{};
  size_t count_ = 0, current_ = 0;
};

// Calls visit(virt, bytes) for RAM that the direct map has.
template <class Visit>
void for_each_run(const mm::RelayCore& relay, Visit visit) {
  for (const mm::ActiveRange& range : relay.layout().active) {
    const mm::PfnRange low{range.pfns.start, std::min(range.pfns.end, reach.end)};
    if (!low.empty()) visit(virt_of(low.start), low.size() * mm::kPageSize);
  }
}

}  // namespace

mm::Result<> make_pages_small(mm::RelayCore& relay, const Kept& kept, const mm::Printer& out) {
  reach = {kept.map(), mm::pfn_down(relay.platform().end_of_low)};
  uint64_t tables = 0;
  for_each_run(relay, [&](uint64_t virt, uint64_t bytes) {
    tables += arch::tables_for_small_pages(virt, bytes);
  });
  Pool pool;
  BATON_TRY(pool.fill(relay, tables));
  bool enough = true;
  for_each_run(relay, [&](uint64_t virt, uint64_t bytes) {
    enough = enough && arch::make_small_pages(virt, bytes, {Pool::take, &pool});
  });
  if (!enough) return mm::Error{"too few tables (bytes {})", "DIRECT MAP", tables * mm::kPageSize};
  arch::drop_identity_map();
  out.line("debug_pagealloc: free pages are not mapped; {}K of page tables", tables * 4);
  return {};
}

mm::Presence absence_of_free_pages() { return {set_presence, nullptr}; }

void show_frame(mm::Pfn frame) { set_presence(nullptr, {frame, frame + 1}, true); }

void print_if_free(const char* before, uint64_t virt, const mm::Printer& out) {
  if (reach.end == mm::Pfn{0}) return;
  if (const auto page = arch::absent_page(virt)) {
    out.line("{}address is in a free page: nobody has {}", before, *page);
  }
}

}  // namespace kernel
