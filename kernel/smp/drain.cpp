#include "kernel/smp/drain.h"

#include "kernel/console.h"
#include "kernel/smp/cpus.h"

namespace kernel {
namespace {

using Pages = mm::PageAllocator<Policy>;

// The CPU may be using its lists: what is read is a moment's.
int32_t now(const int32_t& count) { return __atomic_load_n(&count, __ATOMIC_RELAXED); }

bool keeps_pages(const Pages& pages, unsigned cpu) {
  for (size_t id = 0; id < pages.node_count(); ++id) {
    for (const mm::Zone& zone : pages.node(static_cast<mm::NodeId>(id)).zones) {
      if (!zone.populated) continue;
      const mm::Pcp& pcp = pages.pcp(cpu, zone);
      // As Pcp::count() and huge_count().
      if (now(pcp.high) - 1 != now(pcp.room) || now(pcp.huge_high) != now(pcp.huge_room))
        return true;
    }
  }
  return false;
}

}  // namespace

void drain_everywhere(Pages& pages) {
  // A CPU that has page sets and does not run, because it never came up, is at rest.
  for (unsigned cpu = 0; cpu < pages.cpus(); ++cpu) {
    if (!pages.cpu_online(cpu)) continue;
    if (cpu == arch::this_cpu() || !cpus().is_online(cpu)) pages.drain(cpu);
  }
  const unsigned missing = call_others(
      [](void* context, unsigned cpu) {
        const Pages& all = *static_cast<Pages*>(context);
        return cpu < all.cpus() && all.cpu_online(cpu) && keeps_pages(all, cpu);
      },
      [](void* context) { static_cast<Pages*>(context)->drain(arch::this_cpu()); }, &pages);
  if (missing != 0) log().line("smp: {} CPUs did not give back the pages on their lists", missing);
}

}  // namespace kernel
