#include "kernel/device_map.h"

#include <algorithm>
#include <array>

#include "kernel/arch.h"
#include "kernel/frames.h"

namespace kernel {
namespace {

using mm::Phys;
using mm::Range;

constinit std::array<Range, 64> mapped_ranges{};
constinit size_t mapped_count = 0;

bool note(Range pages) {
  for (Range& known : std::span(mapped_ranges).first(mapped_count)) {
    if (known.contains(pages)) return true;
    if (known.end != pages.start) continue;
    known.end = pages.end;
    return true;
  }
  if (mapped_count == mapped_ranges.size()) return false;
  mapped_ranges[mapped_count++] = pages;
  return true;
}

bool is_ram(const Booted& machine, Range pages) {
  const auto entries = machine.relay.e820().entries();
  return std::any_of(entries.begin(), entries.end(), [&](const mm::E820Entry& entry) {
    return entry.type == mm::E820Type::Ram && entry.range.overlaps(pages);
  });
}

// One past what the direct map could reach.
Phys reach(const Booted& machine) {
  const Phys end = std::min(machine.end_of_space, mm::phys(machine.relay.platform().max_pfn));
  const bool narrow = machine.kept.handoff().paging_levels < 4;
  return narrow ? std::min(end, Phys{uint64_t{1} << 32}) : end;
}

uintptr_t address_of(const Booted& machine, Phys page) {
  return reinterpret_cast<uintptr_t>(machine.kept.map().at<uint8_t>(page));
}

mm::Result<> map_page(Booted& machine, Phys page) {
  const uintptr_t virt = address_of(machine, page);
  if (const auto there = arch::find_mapping(virt)) {
    const bool device = there->writable && there->caching == arch::Caching::Uncached;
    const uint64_t leads_to = there->phys + (virt - there->virt);
    if (device && leads_to == page.v) return {};
    return mm::Error{"something else is mapped there (registers at {:#x})", "device", page.v};
  }
  if (virt < mm::kPageSize || arch::is_kernels(virt)) {
    return mm::Error{"the kernel has no address for it (registers at {:#x})", "device", page.v};
  }
  if (arch::map_register_page(virt, page, frames_of(machine))) return {};
  return mm::Error{"no memory for page tables (registers at {:#x})", "device", page.v};
}

}  // namespace

mm::Result<uintptr_t> map_device(Booted& machine, Range registers) {
  const Range pages = mm::whole_pages(registers);
  if (registers.empty() || pages.empty() || pages.end > reach(machine)) {
    return mm::Error{"out of reach (registers at {:#x}, {} bytes)", "device", registers.start.v,
                     registers.size()};
  }
  if (is_ram(machine, pages)) {
    return mm::Error{"there is RAM (registers at {:#x}, {} bytes)", "device", registers.start.v,
                     registers.size()};
  }
  for (Phys page = pages.start; page < pages.end; page += mm::kPageSize) {
    BATON_TRY(map_page(machine, page));
  }
  if (!note(pages)) {
    return mm::Error{"too many stretches of registers ({})", "device", mapped_ranges.size()};
  }
  return address_of(machine, registers.start);
}

bool is_mapped_device(Phys page) {
  const auto known = std::span(mapped_ranges).first(mapped_count);
  return std::any_of(known.begin(), known.end(),
                     [&](const Range& range) { return range.contains(page); });
}

}  // namespace kernel
