// What is known of pageblocks before anything is known of their frames.
#include "mm/pageblock.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

namespace {

using mm::Page;
using mm::PageblockMap;
using mm::Pfn;
using mm::PfnRange;

constexpr PfnRange kGiga{Pfn{0}, Pfn{mm::kGigaFrames}};

class Map {
 public:
  Map(Page* heads, bool sparing) : room_(PageblockMap::bytes_needed(kGiga) / 8) {
    map.init(kGiga, room_.data(), heads, sparing);
  }
  PageblockMap map;

 private:
  std::vector<uint64_t> room_;
};

bool all_clear(const Page* pages) {
  return std::all_of(pages, pages + mm::kPageblockFrames,
                     [](const Page& page) { return page.tag() == mm::Tag{}; });
}

TEST(Pageblocks, TagsOfAnyContentAreCleared) {
  for (const bool sparing : {false, true}) {
    std::vector<Page> pages(mm::kPageblockFrames, Page{0xffff'ffff, 0, 0, 0});
    pages[7].word = 0;
    const Map made(pages.data(), sparing);
    made.map.clear_tags(pages.data());
    EXPECT_TRUE(all_clear(pages.data())) << sparing;
  }
}

// Where a first write costs memory, what is 0 already is only read: here, it can be no more.
TEST(Pageblocks, SparingWritesNothingThatIsThere) {
  const size_t bytes = mm::kPageblockFrames * sizeof(Page);
  void* const there = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(there, MAP_FAILED);
  Map made(static_cast<Page*>(there), true);
  made.map.make_bytes(Pfn{3});
  EXPECT_TRUE(made.map.has_bytes(Pfn{3}));
  EXPECT_TRUE(all_clear(static_cast<const Page*>(there)));
  munmap(there, bytes);
}

}  // namespace
