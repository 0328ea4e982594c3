#include "mm/lowmem.h"

#include <algorithm>

namespace mm {

Result<size_t> sanity_check_meminfo(std::span<Bank> banks, size_t count, Phys limit) {
  if (count > banks.size()) {
    return Error{"more banks than room (banks, room)", "meminfo", count, banks.size()};
  }
  for (size_t i = 1; i < count; ++i) {
    const Bank bank = banks[i];
    size_t to = i;
    for (; to > 0 && banks[to - 1].range.start > bank.range.start; --to) banks[to] = banks[to - 1];
    banks[to] = bank;
  }
  for (size_t i = 0; i < count; ++i) {
    const Range range = banks[i].range;
    if (range.empty()) return Error{"bank is empty", "meminfo", range.start.v, range.end.v};
    if (i > 0 && range.start < banks[i - 1].range.end) {
      return Error{"banks overlap (start, end before)", "meminfo", range.start.v,
                   banks[i - 1].range.end.v};
    }
    banks[i].highmem = range.start >= limit;
    if (range.start >= limit || range.end <= limit) continue;
    if (count == banks.size()) {
      return Error{"no room for the part of a bank above the limit (banks, limit)", "meminfo",
                   count, limit.v};
    }
    for (size_t j = count; j > i; --j) banks[j] = banks[j - 1];
    banks[i].range.end = limit;
    banks[i + 1].range.start = limit;
    ++count;
  }
  return count;
}

NodeId check_initrd(std::span<const Bank> banks, Range initrd) {
  for (const Bank& bank : banks) {
    if (bank.range.contains(initrd)) return bank.node;
  }
  return kNoNode;
}

BankLimits find_limits(std::span<const Bank> banks) {
  BankLimits limits;
  bool first = true;
  for (const Bank& bank : banks) {
    const PfnRange frames = pfns_inside(bank.range);
    if (frames.empty()) continue;
    if (first) limits.min = frames.start;
    first = false;
    if (!bank.highmem) limits.max_low = frames.end;
    limits.max_high = frames.end;
  }
  return limits;
}

size_t map_lowmem(const Arm32Space& space, Range bank, Range kernel_executable,
                  std::array<LowmemArea, 3>& areas) {
  const Range kernel{align_down(kernel_executable.start, kSectionSize),
                     align_up(kernel_executable.end, kSectionSize)};
  size_t count = 0;
  const auto add = [&](Range part, bool execute) {
    part = part.clip(bank);
    if (!part.empty()) areas[count++] = {part, space.virt(part.start), execute};
  };
  add({bank.start, kernel.start}, false);
  add(kernel, true);
  add({std::max(bank.start, kernel.end), bank.end}, false);
  return count;
}

}  // namespace mm
