#include "mm/x86_64/mtrr.h"

#include <algorithm>
#include <bit>

namespace mm {
namespace {

constexpr uint64_t kEnable = 1u << 11, kFixedEnable = 1u << 10, kTypeMask = 0xff;
constexpr uint64_t kValid = 1u << 11;
constexpr uint64_t kAddress = (kMaxPhys - 1) & ~(kPageSize - 1);
constexpr uint64_t kFixedEnd = kMiB;

// Fixed ranges: 8 of 64 KiB, 16 of 16 KiB, 64 of 4 KiB; a byte each.
TypedStretch fixed_type_at(const Mtrrs& mtrrs, uint64_t address) {
  const auto at = static_cast<size_t>(address);  // below 1 MiB
  size_t index = 0;
  uint64_t end = 0;
  if (address < 0x80000) {
    index = at >> 16;
    end = (address | 0xffff) + 1;
  } else if (address < 0xc0000) {
    index = 8 + ((at - 0x80000) >> 14);
    end = (address | 0x3fff) + 1;
  } else {
    index = 24 + ((at - 0xc0000) >> 12);
    end = (address | 0xfff) + 1;
  }
  const uint64_t type = mtrrs.fixed[index / 8] >> (index % 8 * 8) & kTypeMask;
  return {static_cast<MemoryType>(type), Phys{end}};
}

MemoryType stricter(MemoryType a, MemoryType b) {
  using enum MemoryType;
  if (a == b) return a;
  if (a == Uncacheable || b == Uncacheable) return Uncacheable;
  if ((a == WriteThrough && b == WriteBack) || (a == WriteBack && b == WriteThrough)) {
    return WriteThrough;
  }
  return Uncacheable;  // undefined, and so the worst
}

// The frames of a variable range that is in use. Masks are ones in front of zeros; whatever stands
// in front of the highest one is taken for ones, as Linux does.
PfnRange frames_of(const Mtrrs::Variable& range) {
  if ((range.mask & kValid) == 0) return {};
  uint64_t mask = (range.mask & kAddress) >> kPageShift;
  uint64_t frames = kMaxPhys >> kPageShift;
  if (mask != 0) {
    mask |= ~((uint64_t{1} << (std::bit_width(mask) - 1)) - 1);
    frames = ~mask + 1;
  }
  const Pfn start = pfn_down(Phys{range.base & kAddress});
  return {start, std::min(start + frames, pfn_down(Phys{kMaxPhys}))};
}

MemoryType type_of(const Mtrrs::Variable& range) {
  return static_cast<MemoryType>(range.base & kTypeMask);
}

// Frames that are write-back, as sorted runs that do not touch.
class Covered {
 public:
  void add(PfnRange run) {
    size_t at = count_++;
    for (; at > 0 && runs_[at - 1].start > run.start; --at) runs_[at] = runs_[at - 1];
    runs_[at] = run;
  }
  void join() {
    size_t kept = 0;
    for (size_t i = 0; i < count_; ++i) {
      if (kept > 0 && runs_[i].start <= runs_[kept - 1].end) {
        runs_[kept - 1].end = std::max(runs_[kept - 1].end, runs_[i].end);
      } else {
        runs_[kept++] = runs_[i];
      }
    }
    count_ = kept;
  }
  // After join(). Each range cuts one run in two at most.
  void remove(PfnRange range) {
    const Covered before = *this;
    count_ = 0;
    for (const PfnRange& run : before.all()) {
      const PfnRange below{run.start, std::min(run.end, range.start)};
      const PfnRange above{std::max(run.start, range.end), run.end};
      if (!below.empty()) runs_[count_++] = below;
      if (!above.empty()) runs_[count_++] = above;
    }
  }
  [[nodiscard]] std::span<const PfnRange> all() const { return std::span(runs_).first(count_); }

 private:
  std::array<PfnRange, kMostUncovered> runs_{};
  size_t count_ = 0;
};

// Uncacheable ranges below 1 MiB mean nothing where fixed ranges are on: Linux passes them over.
PfnRange above_fixed(const Mtrrs& mtrrs, PfnRange range, size_t index, const Printer& out) {
  constexpr Pfn kEnd{kFixedEnd >> kPageShift};
  const bool fixed = mtrrs.has_fixed && (mtrrs.default_type & kEnable) != 0 &&
                     (mtrrs.default_type & kFixedEnable) != 0;
  if (!fixed || range.start >= kEnd) return range;
  out.line(
      "WARNING: BIOS bug: VAR MTRR {} contains strange UC entry under 1M, check with your system "
      "vendor!",
      index);
  return {kEnd, std::max(range.end, kEnd)};
}

}  // namespace

const char* memory_type_name(MemoryType type) {
  switch (type) {
    case MemoryType::Uncacheable:
      return "uncacheable";
    case MemoryType::WriteCombining:
      return "write-combining";
    case MemoryType::WriteThrough:
      return "write-through";
    case MemoryType::WriteProtected:
      return "write-protected";
    case MemoryType::WriteBack:
      return "write-back";
  }
  return "of no known type";
}

TypedStretch memory_type_at(const Mtrrs& mtrrs, Phys address) {
  if (!mtrrs.supported || (mtrrs.default_type & kEnable) == 0) {
    return {MemoryType::Uncacheable, Phys{kMaxPhys}};
  }
  if (address.v < kFixedEnd && (mtrrs.default_type & kFixedEnable) != 0) {
    return fixed_type_at(mtrrs, address.v);
  }
  constexpr uint64_t kFourGiB = 4 * kGiB;
  if (address.v >= kFourGiB && address.v < mtrrs.top_of_memory) {
    return {MemoryType::WriteBack, Phys{mtrrs.top_of_memory}};
  }
  bool any = false;
  TypedStretch stretch{static_cast<MemoryType>(mtrrs.default_type & kTypeMask), Phys{kMaxPhys}};
  for (size_t i = 0; i < mtrrs.variable_count; ++i) {
    const auto& range = mtrrs.variable[i];
    if ((range.mask & kValid) == 0) continue;
    const uint64_t mask = range.mask & kAddress;
    // Masks are runs of ones in front of zeros but for oddities; the lowest one bit is the size up
    // to which all addresses have one answer. A mask of nothing has every address.
    if (const uint64_t step = mask & (~mask + 1); step != 0) {
      const uint64_t step_end = (address.v & ~(step - 1)) + step;
      if (step_end < stretch.end.v) stretch.end = Phys{step_end};
    }
    if ((address.v & mask) != (range.base & mask)) continue;
    const auto type = static_cast<MemoryType>(range.base & kTypeMask);
    stretch.type = any ? stricter(stretch.type, type) : type;
    any = true;
  }
  // Where the forced part begins, the ranges' answer ends.
  if (mtrrs.top_of_memory > kFourGiB && address.v < kFourGiB && stretch.end.v > kFourGiB) {
    stretch.end = Phys{kFourGiB};
  }
  return stretch;
}

size_t uncovered_frames(const Mtrrs& mtrrs, std::span<PfnRange, kMostUncovered> room,
                        const Printer& out) {
  using enum MemoryType;
  if (!mtrrs.supported) return 0;
  if (static_cast<MemoryType>(mtrrs.default_type & kTypeMask) != Uncacheable) return 0;
  const auto variable = std::span(mtrrs.variable).first(mtrrs.variable_count);
  Covered covered;
  bool others = false;
  for (const Mtrrs::Variable& range : variable) {
    const PfnRange frames = frames_of(range);
    if (frames.empty()) continue;
    if (type_of(range) == WriteBack) {
      covered.add(frames);
    } else if (type_of(range) != Uncacheable) {
      others = true;
    }
  }
  if (covered.all().empty()) {
    out.line("CPU MTRRs all blank - virtualized system.");
    return 0;
  }
  if (others) return 0;
  constexpr Pfn kFourGiB = pfn_down(Phys{4 * kGiB});
  const Pfn top = pfn_down(Phys{mtrrs.top_of_memory});
  if (top > kFourGiB) covered.add({kFourGiB, top});
  covered.join();
  for (size_t i = 0; i < variable.size(); ++i) {
    const PfnRange frames = frames_of(variable[i]);
    if (frames.empty() || type_of(variable[i]) != Uncacheable) continue;
    covered.remove(above_fixed(mtrrs, frames, i, out));
  }
  // All of it uncacheable again: Linux has no answer, and what it has must not be taken away.
  if (covered.all().empty()) return 0;

  size_t count = 0;
  Pfn end;
  for (const PfnRange& run : covered.all()) {
    if (end < run.start) room[count++] = {end, run.start};
    end = run.end;
  }
  constexpr Pfn kEnd = pfn_down(Phys{kMaxPhys});
  if (end < kEnd) room[count++] = {end, kEnd};
  return count;
}

}  // namespace mm
