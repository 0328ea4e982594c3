#include "mm/page_contents.h"

#include <algorithm>

namespace mm {
namespace {

constexpr size_t kRow = 16, kMostRows = 8;
constexpr auto kPoisonByte = static_cast<uint8_t>(PageContents::kPoison);

// Bytes in the order of their addresses, whatever the CPU's.
std::span<const uint8_t> bytes_of(PageWords words) {
  return {reinterpret_cast<const uint8_t*>(words.data()), kPageSize};
}

}  // namespace

std::optional<Corruption> find_corruption(PageWords words) {
  const auto wrong = std::find_if(words.begin(), words.end(),
                                  [](uint64_t word) { return word != PageContents::kPoison; });
  if (wrong == words.end()) return std::nullopt;
  const auto bytes = bytes_of(words);
  Corruption found;
  for (size_t at = static_cast<size_t>(wrong - words.begin()) * 8; at < kPageSize; ++at) {
    if (bytes[at] == kPoisonByte) continue;
    if (found.count++ == 0) found.first = at;
    found.last = at;
  }
  const auto difference = static_cast<uint8_t>(bytes[found.first] ^ kPoisonByte);
  found.single_bit = found.count == 1 && (difference & (difference - 1)) == 0;
  return found;
}

void print_corruption(Pfn frame, PageWords words, const Corruption& corruption,
                      const Printer& out) {
  const uint64_t start = phys(frame).v;
  out.line("pagealloc: {}", corruption.single_bit ? "single bit error" : "memory corruption");
  out.line("page at {:#x}: {} bytes are not {:#x}, from offset {:#x} to {:#x}", start,
           corruption.count, kPoisonByte, corruption.first, corruption.last);
  const auto bytes = bytes_of(words);
  size_t rows = 0, hidden = 0;
  for (size_t row = corruption.first / kRow * kRow; row <= corruption.last; row += kRow) {
    const auto part = bytes.subspan(row, kRow);
    if (std::all_of(part.begin(), part.end(), [](uint8_t b) { return b == kPoisonByte; })) continue;
    if (rows++ >= kMostRows) {
      ++hidden;
      continue;
    }
    out.part("{:016x}:", start + row);
    for (const uint8_t byte : part) out.part(" {:02x}", byte);
    out.text("\n");
  }
  if (hidden != 0) out.line("and {} rows more", hidden);
}

}  // namespace mm
