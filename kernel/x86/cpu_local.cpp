#include "cpu_local.h"

#include "kernel/page_walk.h"

namespace kernel::x86 {
namespace {

constinit Local boot_local;
constinit unsigned area_count = 1;

static_assert((kLocalPage + 1) * mm::kPageSize <= kAreaSize);

uint64_t area(unsigned cpu) { return kAreaBase + cpu * kAreaSize; }

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
    if (!PageTables::map_page(from + i * mm::kPageSize, mm::phys(frame.value()), node, frames)) {
      frames.give(frames.context, frame.value());
      return false;
    }
  }
  return true;
}

}  // namespace

Stack stack_of(unsigned cpu, StackKind kind) {
  if (cpu == 0) return boot_stack_of(kind);
  const StackPlace& place = kStackPlaces[kind];
  const uint64_t start = area(cpu) + place.first * mm::kPageSize;
  return {place.name, start, start + place.pages * mm::kPageSize};
}

Local& local_of(unsigned cpu) {
  return cpu == 0 ? boot_local
                  : *reinterpret_cast<Local*>(
                        static_cast<uintptr_t>(area(cpu) + kLocalPage * mm::kPageSize));
}

unsigned areas() { return area_count; }

mm::Result<> make_area(unsigned cpu, mm::NodeId node, const arch::Frames& frames) {
  if (cpu >= kMostAreas)
    return mm::Error{"no addresses for its stacks (CPUs {})", "CPU", kMostAreas};
  const uint64_t start = area(cpu);
  bool made = fill(start + kLocalPage * mm::kPageSize, 1, node, frames);
  for (const StackPlace& place : kStackPlaces) {
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

}  // namespace kernel::x86

std::optional<kernel::Stack> kernel::arch::stack_at(uint64_t address) {
  return x86::find_stack(address,
                         [&](const Stack& s) { return address >= s.start && address < s.end; });
}
