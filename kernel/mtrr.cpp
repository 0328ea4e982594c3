#include "kernel/mtrr.h"

namespace kernel {
namespace {

constexpr uint64_t kEnable = 1u << 11, kFixedEnable = 1u << 10, kTypeMask = 0xff;
constexpr uint64_t kValid = 1u << 11;
constexpr uint64_t kAddress = (mm::kMaxPhys - 1) & ~(mm::kPageSize - 1);
constexpr uint64_t kFixedEnd = mm::kMiB;

// Fixed ranges: 8 of 64 KiB, 16 of 16 KiB, 64 of 4 KiB; a byte each.
TypedStretch fixed_type_at(const Mtrrs& mtrrs, uint64_t address) {
  size_t index = 0;
  uint64_t end = 0;
  if (address < 0x80000) {
    index = address >> 16;
    end = (address | 0xffff) + 1;
  } else if (address < 0xc0000) {
    index = 8 + ((address - 0x80000) >> 14);
    end = (address | 0x3fff) + 1;
  } else {
    index = 24 + ((address - 0xc0000) >> 12);
    end = (address | 0xfff) + 1;
  }
  const uint64_t type = mtrrs.fixed[index / 8] >> (index % 8 * 8) & kTypeMask;
  return {static_cast<MemoryType>(type), mm::Phys{end}};
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

TypedStretch memory_type_at(const Mtrrs& mtrrs, mm::Phys address) {
  if (!mtrrs.supported || (mtrrs.default_type & kEnable) == 0) {
    return {MemoryType::Uncacheable, mm::Phys{mm::kMaxPhys}};
  }
  if (address.v < kFixedEnd && (mtrrs.default_type & kFixedEnable) != 0) {
    return fixed_type_at(mtrrs, address.v);
  }
  bool any = false;
  TypedStretch stretch{static_cast<MemoryType>(mtrrs.default_type & kTypeMask),
                       mm::Phys{mm::kMaxPhys}};
  for (size_t i = 0; i < mtrrs.variable_count; ++i) {
    const auto& range = mtrrs.variable[i];
    if ((range.mask & kValid) == 0) continue;
    const uint64_t mask = range.mask & kAddress;
    // Masks are runs of ones in front of zeros but for oddities; the lowest one bit is the size up
    // to which all addresses have one answer.
    const uint64_t step = mask & (~mask + 1);
    if (step == 0) continue;
    const uint64_t step_end = (address.v & ~(step - 1)) + step;
    if (step_end < stretch.end.v) stretch.end = mm::Phys{step_end};
    if ((address.v & mask) != (range.base & mask)) continue;
    const auto type = static_cast<MemoryType>(range.base & kTypeMask);
    stretch.type = any ? stricter(stretch.type, type) : type;
    any = true;
  }
  return stretch;
}

}  // namespace kernel
