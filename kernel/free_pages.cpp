#include "kernel/free_pages.h"

#include <algorithm>
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

// Tables, one after the other.
struct Pool {
  mm::Range left;

  static mm::Phys take(void* context) {
    mm::Range& left = static_cast<Pool*>(context)->left;
    if (left.empty()) return {};
    const mm::Phys table = left.start;
    left.start += mm::kPageSize;
    return table;
  }
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
  if (tables != 0) {
    const mm::Phys start = BATON_TRY(relay.boot_alloc(tables * mm::kPageSize, "DIRECT MAP"));
    pool.left = {start, start + tables * mm::kPageSize};
  }
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

void show_frame(mm::Pfn frame) {
  if (frame < reach.end) arch::set_present(virt_of(frame), 1, true);
}

void print_if_free(const char* before, uint64_t virt, const mm::Printer& out) {
  if (reach.end == mm::Pfn{0}) return;
  if (const auto page = arch::absent_page(virt)) {
    out.line("{}address is in a free page: nobody has {}", before, *page);
  }
}

}  // namespace kernel
