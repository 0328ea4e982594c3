#include "mm/pageblock.h"

#include <bit>

namespace mm {
namespace {

constexpr auto kFreshRow = [] {
  std::array<uint8_t, PageblockMap::kBytesPerGiga> row{};
  row.fill(kFreshPageblock.byte());
  return row;
}();

// bytes[0, count) = value, whole words: what is kept by the GiB costs little.
void fill_words(uint8_t* bytes, uint64_t count, uint8_t value) {
  const uint64_t word = value * uint64_t{0x0101'0101'0101'0101};
  for (; count >= 64; count -= 64, bytes += 64) {
    for (unsigned i = 0; i < 64; i += 8) __builtin_memcpy(bytes + i, &word, 8);
  }
  for (; count != 0; count -= 8, bytes += 8) __builtin_memcpy(bytes, &word, 8);
}

uint64_t word_at(const uint8_t* bytes) {
  uint64_t word = 0;
  __builtin_memcpy(&word, bytes, 8);
  return word;
}

// The address that pageblock 0 would have in a row of bytes for the GiB `giga`; where addresses are
// short it wraps, and is brought back by what is added.
uintptr_t row_address(const uint8_t* bytes, uint64_t giga) {
  const auto below = static_cast<uintptr_t>(giga * PageblockMap::kBytesPerGiga);
  return reinterpret_cast<uintptr_t>(bytes) - below;  // NOLINT
}

}  // namespace

void PageblockMap::init(PfnRange frames, void* storage, Page* heads, bool sparing) {
  const uint64_t count = gigas(frames);
  first_ = align_down(frames.start, kGigaFrames);
  heads_ = heads;
  sparing_ = sparing;
  auto* const rows = static_cast<uintptr_t*>(storage);
  rows_ = reinterpret_cast<uintptr_t>(rows - first_.v / kGigaFrames);  // NOLINT
  uintptr_t fresh = row_address(kFreshRow.data(), first_.v / kGigaFrames);
#pragma GCC unroll 8
  for (uint64_t i = 0; i < count; ++i, fresh -= uintptr_t{kBytesPerGiga}) rows[i] = fresh;
  bytes_ = reinterpret_cast<uint8_t*>(rows + count);  // NOLINT
  gigas_ = bytes_ + count * kBytesPerGiga;
  fill_words(gigas_, align_up(count, 8), kGigaFresh);
}

void PageblockMap::set_in_run(Pfn first, uint64_t count) {
  uint8_t* at = &gigas_[(first - first_) / kGigaFrames];
  for (; count != 0 && reinterpret_cast<uintptr_t>(at) % 8 != 0; --count)
    *at++ = kGigaInRun;  // NOLINT
  fill_words(at, count / 8 * 8, kGigaInRun);
  at += count / 8 * 8;
  for (count %= 8; count != 0; --count) *at++ = kGigaInRun;
}

uint64_t PageblockMap::fresh_gigas(Pfn pfn, uint64_t most) const {
  const uint8_t* const at = &gigas_[(pfn - first_) / kGigaFrames];
  uint64_t count = 0;
  while (count + 8 <= most && word_at(at + count) == 0) count += 8;
  while (count < most && at[count] == kGigaFresh) ++count;
  return count;
}

bool PageblockMap::none_described(Pfn first, uint64_t count) const {
  // Described is 0 in its two bits, HeadValid 1; where there are bytes none is Untouched.
  constexpr uint64_t kHeadValid = uint64_t{0x0101'0101'0101'0101} << Pageblock::kStateShift;
  const uint8_t* bytes = &bytes_[(first - first_) / kPageblockFrames];
  uint64_t all = kHeadValid;
  for (; count >= 8; count -= 8, bytes += 8) all &= word_at(bytes);
  for (; count != 0; --count) all &= ~kHeadValid | *bytes++;
  return all == kHeadValid;
}

void PageblockMap::set_types(Pfn first, uint64_t bits, Migratetype type) {
  constexpr unsigned kRow = sizeof(uintptr_t);
  constexpr uintptr_t kEach = ~uintptr_t{0} / 0xff;
  const uintptr_t wanted = kEach * static_cast<unsigned>(type);
  uint8_t* bytes = &bytes_[(first - first_) / kPageblockFrames];
  for (; bits != 0; bits >>= kRow, bytes += kRow) {
    // Most often a row of them is of the type already.
    const uintptr_t row = __atomic_load_n(reinterpret_cast<const uintptr_t*>(bytes),  // NOLINT
                                          __ATOMIC_RELAXED);
    if (((row ^ wanted) & kEach * Pageblock::kTypeMask) == 0) continue;
    for (unsigned i = 0; i < kRow; ++i) {
      const Pageblock block{__atomic_load_n(&bytes[i], __ATOMIC_RELAXED)};
      if ((bits >> i & 1) == 0 || block.type() == type) continue;
      __atomic_store_n(&bytes[i], block.as(type).byte(), __ATOMIC_RELAXED);
    }
  }
}

void PageblockMap::clear_tags(Page* pages) const {
  if (sparing_) [[unlikely]] {
    for (uint64_t i = 0; i < kPageblockFrames; ++i) {
      if (pages[i].tag() != Tag{}) pages[i].set_tag(Tag{});
    }
    return;
  }
  for (uint64_t i = 0; i < kPageblockFrames; i += 16) {
#pragma GCC unroll 16
    for (uint64_t j = 0; j < 16; ++j) pages[i + j].set_tag(Tag{});
  }
}

void PageblockMap::make_bytes(Pfn pfn) {
  const uint64_t giga = pfn.v / kGigaFrames;
  uint8_t* const row = bytes_ + (giga - first_.v / kGigaFrames) * kBytesPerGiga;
  fill_words(row, kBytesPerGiga, kTouchedPageblock.byte());
  static_assert(kBytesPerGiga == kPageblockFrames);
  clear_tags(heads_ + index(align_down(pfn, kGigaFrames)));
  __atomic_store_n(reinterpret_cast<uintptr_t*>(rows_) + giga, row_address(row, giga),  // NOLINT
                   __ATOMIC_RELEASE);
  set_giga(pfn, kGigaBytes);
}

}  // namespace mm
