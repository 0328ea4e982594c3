#include "mm/pageblock.h"

namespace mm {
namespace {

// Eight bytes at a time: a pageblock's bytes are written by the GiB.
void fill_words(uint8_t* at, uint64_t bytes, uint8_t value) {
  auto* words = reinterpret_cast<uint64_t*>(at);  // NOLINT: storage of bytes, aligned to 8
  const uint64_t word = value * uint64_t{0x0101'0101'0101'0101};
#pragma GCC unroll 8
  for (uint64_t i = 0; i < bytes / 8; ++i) __builtin_memcpy(&words[i], &word, 8);
}

}  // namespace

void PageblockMap::init(PfnRange frames, void* storage) {
  first_ = align_down(frames.start, kGigaFrames);
  bytes_ = static_cast<uint8_t*>(storage);
  gigas_ = bytes_ + gigas(frames) * kBytesPerGiga;
  fill_words(gigas_, align_up(gigas(frames), 8), kGigaFresh);
}

void PageblockMap::set_in_run(Pfn first, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) gigas_[(first - first_) / kGigaFrames + i] = kGigaInRun;
}

void PageblockMap::make_bytes(Pfn pfn) {
  fill_words(&bytes_[index(align_down(pfn, kGigaFrames))], kBytesPerGiga, kFreshPageblock.byte());
  set_giga(pfn, kGigaBytes);
}

}  // namespace mm
