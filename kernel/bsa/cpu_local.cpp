#include "kernel/bsa/cpu_local.h"

#include "kernel/page_walk.h"

extern "C" {
extern char boot_stack[], boot_stack_end[];
extern char exceptions_stack[], exceptions_stack_end[];
extern char emergency_stack[], emergency_stack_end[];
}

namespace kernel::bsa {
namespace {

constinit Local boot_local;
constinit unsigned area_count = 1;

constexpr std::array<const char*, kStackKinds> kNames{"main", "exceptions", "emergency"};
// In an area, in pages: where a stack begins, and its length. Entry code knows these, too: the second
// is as long as entry.S says, and begins at a multiple of twice that.
struct Place {
  uint64_t first, pages;
};
constexpr std::array<Place, kStackKinds> kPlaces{{{1, 8}, {16, 4}, {21, 2}}};
constexpr uint64_t kLocalPage = 24;
static_assert((kLocalPage + 1) * mm::kPageSize <= kAreaSize);

uint64_t address(const void* p) { return reinterpret_cast<uintptr_t>(p); }

uint64_t area(unsigned cpu) { return kAreaBase + cpu * kAreaSize; }

Stack boot_stack_of(StackKind kind) {
  const std::array<std::array<const void*, 2>, kStackKinds> all{
      {{boot_stack, boot_stack_end},
       {exceptions_stack, exceptions_stack_end},
       {emergency_stack, emergency_stack_end}}};
  return {kind == kMain ? "boot" : kNames[kind], address(all[kind][0]), address(all[kind][1])};
}

template <class Fits>
std::optional<Stack> find_stack(uint64_t at, Fits fits) {
  const auto search = [&](unsigned cpu) -> std::optional<Stack> {
    for (uint8_t kind = 0; kind < kStackKinds; ++kind) {
      const Stack stack = stack_of(cpu, StackKind{kind});
      if (fits(stack)) return stack;
    }
    return std::nullopt;
  };
  if (at < kAreaBase || at >= area(area_count)) return search(0);
  const auto cpu = static_cast<unsigned>((at - kAreaBase) / kAreaSize);
  return cpu == 0 ? std::nullopt : search(cpu);
}

void unmake(uint64_t from, uint64_t end, const arch::Frames& frames) {
  for (uint64_t at = from; at < end; at += mm::kPageSize) {
    if (!arch::find_mapping(at)) continue;
    frames.give(frames.context, mm::pfn_down(PageTables::unmap_page(at)));
  }
}

bool fill(uint64_t from, uint64_t pages, mm::NodeId node, const arch::Frames& frames) {
  for (uint64_t i = 0; i < pages; ++i) {
    const mm::PagesOr frame = frames.take(frames.context, mm::kGfpKernel | mm::kGfpFlagZero, node);
    if (!frame) return false;
    const uint64_t at = from + i * mm::kPageSize;
    if (!PageTables::map_page(at, mm::phys(frame.value()), node, frames)) {
      frames.give(frames.context, frame.value());
      return false;
    }
  }
  return true;
}

}  // namespace

Stack stack_of(unsigned cpu, StackKind kind) {
  if (cpu == 0) return boot_stack_of(kind);
  const uint64_t start = area(cpu) + kPlaces[kind].first * mm::kPageSize;
  return {kNames[kind], start, start + kPlaces[kind].pages * mm::kPageSize};
}

Local& local_of(unsigned cpu) {
  return cpu == 0 ? boot_local
                  : *reinterpret_cast<Local*>(
                        static_cast<uintptr_t>(area(cpu) + kLocalPage * mm::kPageSize));
}

void load_local(unsigned cpu) {
  Local& own = local_of(cpu);
  own.number = cpu;
  own.emergency_end = static_cast<uintptr_t>(stack_of(cpu, kEmergency).end);
  set_own_head(&own);
}

unsigned areas() { return area_count; }

mm::Result<> make_area(unsigned cpu, mm::NodeId node, const arch::Frames& frames) {
  if (cpu >= kMostAreas) {
    return mm::Error{"no addresses for its stacks (CPUs {})", "CPU", kMostAreas};
  }
  const uint64_t start = area(cpu);
  bool made = fill(start + kLocalPage * mm::kPageSize, 1, node, frames);
  for (const Place& place : kPlaces) {
    made = made && fill(start + place.first * mm::kPageSize, place.pages, node, frames);
  }
  if (!made) {
    unmake(start, start + kAreaSize, frames);
    return mm::Error{"no memory for its stacks", "CPU"};
  }
  area_count = cpu + 1;
  return {};
}

std::optional<Stack> stack_guarded_by(uint64_t address) {
  return find_stack(address, [&](const Stack& s) {
    return address < s.start && address >= s.start - mm::kPageSize;
  });
}

}  // namespace kernel::bsa

namespace kernel::arch {

std::optional<Stack> stack_at(uint64_t address) {
  return bsa::find_stack(address,
                         [&](const Stack& s) { return address >= s.start && address < s.end; });
}

std::span<const uint64_t> guard_pages(unsigned cpu, std::span<uint64_t, kMostStacks> room) {
  for (uint8_t kind = 0; kind < bsa::kStackKinds; ++kind) {
    room[kind] = bsa::stack_of(cpu, bsa::StackKind{kind}).start - mm::kPageSize;
  }
  return room.first(bsa::kStackKinds);
}

bool is_cpu_memory(const Mapping& mapping) {
  return mapping.virt >= bsa::kAreaBase &&
         mapping.virt < bsa::kAreaBase + bsa::areas() * bsa::kAreaSize;
}

}  // namespace kernel::arch
