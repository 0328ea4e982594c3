// Addresses, frame numbers and ranges of them, kept apart by type.
//
// Phys is a physical address in bytes, Pfn a page frame number (Phys >> 12). Both are points on a
// line: point - point is a distance (uint64_t), point + distance is a point; two points cannot be
// added, and an address cannot be passed where a frame number is meant.
// Every range is half-open: [start, end), empty when end <= start.
#pragma once

#include <compare>
#include <cstdint>

#include "mm/format.h"

namespace mm {

inline constexpr unsigned kPageShift = 12;
inline constexpr uint64_t kPageSize = uint64_t{1} << kPageShift;

inline constexpr uint64_t kKiB = uint64_t{1} << 10;
inline constexpr uint64_t kMiB = uint64_t{1} << 20;
inline constexpr uint64_t kGiB = uint64_t{1} << 30;
inline constexpr uint64_t kTiB = uint64_t{1} << 40;

// x86-64 has at most 52 physical address bits (Intel SDM vol. 3A, 4.1.4): nothing lies above.
inline constexpr uint64_t kMaxPhys = uint64_t{1} << 52;

template <class Tag>
struct Point {
  uint64_t v = 0;

  friend constexpr auto operator<=>(Point, Point) = default;
  friend constexpr Point operator+(Point p, uint64_t distance) { return {p.v + distance}; }
  friend constexpr Point operator-(Point p, uint64_t distance) { return {p.v - distance}; }
  friend constexpr uint64_t operator-(Point a, Point b) { return a.v - b.v; }
  constexpr Point& operator+=(uint64_t distance) { return v += distance, *this; }
  constexpr Point& operator-=(uint64_t distance) { return v -= distance, *this; }
};

using Phys = Point<struct PhysTag>;
using Pfn = Point<struct PfnTag>;

template <class P>
struct HalfOpen {
  P start, end;

  friend constexpr bool operator==(const HalfOpen&, const HalfOpen&) = default;
  [[nodiscard]] constexpr bool empty() const { return end <= start; }
  [[nodiscard]] constexpr uint64_t size() const { return empty() ? 0 : end - start; }
  [[nodiscard]] constexpr bool contains(P p) const { return start <= p && p < end; }
  [[nodiscard]] constexpr bool contains(const HalfOpen& r) const {
    return start <= r.start && r.end <= end;
  }
  [[nodiscard]] constexpr bool overlaps(const HalfOpen& r) const {
    return start < r.end && r.start < end;
  }
  // What both have; empty (possibly with end < start) when they have nothing in common.
  [[nodiscard]] constexpr HalfOpen clip(const HalfOpen& r) const {
    return {start < r.start ? r.start : start, end < r.end ? end : r.end};
  }
};

using Range = HalfOpen<Phys>;    // bytes
using PfnRange = HalfOpen<Pfn>;  // whole frames

// In a format: 0x1000, and [0x1000-0x2000) as the range is.
template <class Tag>
constexpr Hex printed(Point<Tag> p) {
  return {p.v};
}
void print_half_open(const Printer& out, const Spec& spec, uint64_t start, uint64_t end);
template <class P>
constexpr Printed printed(const HalfOpen<P>& r) {
  return {print_half_open, r.start.v, r.end.v};
}

constexpr Pfn pfn_down(Phys p) { return {p.v >> kPageShift}; }
constexpr Pfn pfn_up(Phys p) { return {(p.v + kPageSize - 1) >> kPageShift}; }
constexpr Phys phys(Pfn f) { return {f.v << kPageShift}; }
constexpr Range phys(PfnRange r) { return {phys(r.start), phys(r.end)}; }

// In a format, as Linux has it: the last byte is the range's own, and there are 16 digits or as
// many as are asked for, [mem 0x00001000-0x00001fff] for {:08x}.
void print_mem(const Printer& out, const Spec& spec, uint64_t start, uint64_t end);
constexpr PrintedHex mem(Range r) { return {{print_mem, r.start.v, r.end.v}}; }
constexpr PrintedHex mem(PfnRange r) { return mem(phys(r)); }

// The whole frames inside / touched by a byte range.
constexpr PfnRange pfns_inside(Range r) { return {pfn_up(r.start), pfn_down(r.end)}; }
constexpr PfnRange pfns_touched(Range r) { return {pfn_down(r.start), pfn_up(r.end)}; }

// `align` is a power of two.
constexpr uint64_t align_down(uint64_t v, uint64_t align) { return v & ~(align - 1); }
constexpr uint64_t align_up(uint64_t v, uint64_t align) { return align_down(v + align - 1, align); }
template <class Tag>
constexpr Point<Tag> align_down(Point<Tag> p, uint64_t align) {
  return {align_down(p.v, align)};
}
// The next multiple, also of what is one: the end of the aligned part that `p` is in.
template <class Tag>
constexpr Point<Tag> end_of_part(Point<Tag> p, uint64_t align) {
  return align_down(p, align) + align;
}
template <class Tag>
constexpr Point<Tag> align_up(Point<Tag> p, uint64_t align) {
  return {align_up(p.v, align)};
}

// How many bits are set. Not std::popcount, which asks libgcc where the CPU may lack the instruction.
[[nodiscard]] constexpr unsigned count_bits(uint64_t bits) {
  bits -= bits >> 1 & 0x5555'5555'5555'5555;
  bits = (bits & 0x3333'3333'3333'3333) + (bits >> 2 & 0x3333'3333'3333'3333);
  bits = (bits + (bits >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
  return static_cast<unsigned>(bits * 0x0101'0101'0101'0101 >> 56);
}

// The pages that a byte range touches, as bytes.
constexpr Range whole_pages(Range r) {
  return {align_down(r.start, kPageSize), align_up(r.end, kPageSize)};
}

}  // namespace mm
