// mm/ by its C ABI, on pretend memory.
#include "include/baton/mm.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "loader/efi_memory_map.h"
#include "tests/support/pretend_memory.h"

namespace {

constexpr uint64_t kMiB = 1 << 20, kGiB = 1 << 30;

struct Freed {
  void operator()(void* place) const { std::free(place); }
};

// A machine of 2 GiB whose entries come in no order, with what is set up by default.
struct Machine {
  std::vector<baton_e820_entry> e820{{kMiB, 2 * kGiB, BATON_E820_RAM, 0},
                                     {0, 0xa0000, BATON_E820_RAM, 0},
                                     {0xf0000, kMiB, BATON_E820_RESERVED, 0}};
  std::vector<baton_reservation> reserved{{kMiB, 4 * kMiB, "KERNEL", 0},
                                          {16 * kMiB, 32 * kMiB, "INITRD", 0}};
  test::PretendMemory memory{mm::Phys{2 * kGiB}};
  std::string log;
  baton_mm_setup setup;
  std::unique_ptr<void, Freed> place;
  baton_mm* mm = nullptr;
  baton_mm_error error{};

  Machine() {
    baton_mm_defaults(&setup, sizeof(setup));
    setup.e820 = e820.data();
    setup.e820_count = e820.size();
    setup.reservations = reserved.data();
    setup.reservation_count = reserved.size();
    setup.direct_map = reinterpret_cast<uintptr_t>(memory.map().at(mm::Phys{0}));
    setup.print = [](void* context, const char* text, size_t length) {
      static_cast<std::string*>(context)->append(text, length);
    };
    setup.print_context = &log;
  }
  int open() {
    const size_t size = baton_mm_size(&setup);
    place.reset(std::aligned_alloc(64, (size + 63) / 64 * 64));
    return baton_mm_open(place.get(), size, &setup, &mm, &error);
  }
};

TEST(MmLibrary, FromAMapToPagesAndBack) {
  Machine m;
  ASSERT_EQ(m.open(), BATON_MM_OK) << m.error.text;
  EXPECT_NE(m.log.find("Zone ranges:"), std::string::npos);
  // What was given may go.
  std::memset(m.e820.data(), 0xff, m.e820.size() * sizeof(m.e820[0]));
  std::memset(m.reserved.data(), 0xff, m.reserved.size() * sizeof(m.reserved[0]));
  std::memset(&m.setup, 0xff, sizeof(m.setup));

  baton_mm_counts before, counts;
  ASSERT_EQ(baton_mm_count(m.mm, BATON_MM_ALL_NODES, &before), BATON_MM_OK);
  EXPECT_EQ(before.allocated, 0u);
  EXPECT_GT(before.managed, (2 * kGiB - 64 * kMiB) / 4096);
  uint64_t page = 0, block = 0;
  ASSERT_EQ(baton_mm_alloc(m.mm, 0, 0, 0, BATON_MM_ZERO, &page), BATON_MM_OK);
  ASSERT_EQ(baton_mm_alloc(m.mm, 0, 9, 0, BATON_MM_DMA32, &block), BATON_MM_OK);
  EXPECT_EQ(block % (2 * kMiB), 0u);
  EXPECT_EQ(*m.memory.map().at<uint64_t>(mm::Phys{page}), 0u);
  baton_mm_count(m.mm, 0, &counts);
  EXPECT_EQ(counts.allocated, 513u);

  // Each block has a word of its owner's.
  ASSERT_NE(baton_mm_word(m.mm, page), nullptr);
  *baton_mm_word(m.mm, page) = 0x123456789abcdef0;
  *baton_mm_word(m.mm, block) = 42;
  EXPECT_EQ(*baton_mm_word(m.mm, page), 0x123456789abcdef0u);
  EXPECT_EQ(baton_mm_word(m.mm, block + 4096), nullptr);
  EXPECT_EQ(baton_mm_word(m.mm, page + 1), nullptr);
  EXPECT_EQ(baton_mm_audit(m.mm, &m.error), BATON_MM_OK) << m.error.text;
  EXPECT_EQ(baton_mm_ledger(m.mm, &m.error), BATON_MM_OK) << m.error.text;

  char text[100];
  baton_mm_explain(m.mm, block + 12345, text, sizeof(text));
  EXPECT_NE(std::string(text).find("order 9"), std::string::npos) << text;
  baton_mm_explain(m.mm, 2 * kMiB, text, sizeof(text));
  EXPECT_EQ(std::string(text), "reserved: KERNEL");

  EXPECT_EQ(baton_mm_free(m.mm, 0, block, 9, &m.error), BATON_MM_OK);
  EXPECT_EQ(baton_mm_free(m.mm, 0, page, 0, &m.error), BATON_MM_OK);
  EXPECT_EQ(baton_mm_word(m.mm, page), nullptr);
  EXPECT_EQ(baton_mm_give_back(m.mm, "INITRD", &m.error), BATON_MM_OK);
  baton_mm_drain(m.mm, 0);
  baton_mm_count(m.mm, BATON_MM_ALL_NODES, &counts);
  EXPECT_EQ(counts.free, before.managed + 16 * kMiB / 4096);
  EXPECT_EQ(baton_mm_audit(m.mm, &m.error), BATON_MM_OK) << m.error.text;
  EXPECT_EQ(baton_mm_ledger(m.mm, &m.error), BATON_MM_OK) << m.error.text;
}

TEST(MmLibrary, WhatIsWrongIsRefusedAndNamed) {
  Machine m;
  ASSERT_EQ(m.open(), BATON_MM_OK) << m.error.text;
  uint64_t page = 0;
  EXPECT_EQ(baton_mm_alloc(m.mm, 0, 19, 0, 0, &page), BATON_MM_BAD_REQUEST);
  EXPECT_EQ(baton_mm_alloc(m.mm, 1, 0, 0, 0, &page), BATON_MM_BAD_REQUEST);
  EXPECT_EQ(baton_mm_alloc(m.mm, 0, 0, 1, 0, &page), BATON_MM_BAD_REQUEST);
  EXPECT_EQ(baton_mm_alloc(m.mm, 0, 0, 0, 128, &page), BATON_MM_BAD_REQUEST);
  EXPECT_EQ(baton_mm_alloc(m.mm, 0, 0, 0, BATON_MM_DMA | BATON_MM_DMA32, &page),
            BATON_MM_BAD_REQUEST);
  ASSERT_EQ(baton_mm_alloc(m.mm, 0, 3, 0, 0, &page), BATON_MM_OK);
  EXPECT_EQ(baton_mm_free(m.mm, 0, page + 8, 3, &m.error), BATON_MM_BAD_FREE);
  EXPECT_EQ(baton_mm_free(m.mm, 0, page, 2, &m.error), BATON_MM_BAD_FREE);
  EXPECT_EQ(baton_mm_free(m.mm, 1, page, 3, &m.error), BATON_MM_BAD_REQUEST);
  EXPECT_EQ(baton_mm_free(m.mm, 0, 3 * kMiB, 0, &m.error), BATON_MM_BAD_FREE);
  EXPECT_EQ(baton_mm_free(m.mm, 0, ~uint64_t{4095}, 0, &m.error), BATON_MM_BAD_FREE);
  EXPECT_EQ(baton_mm_free(m.mm, 0, page, 3, &m.error), BATON_MM_OK);
  EXPECT_EQ(baton_mm_free(m.mm, 0, page, 3, &m.error), BATON_MM_BAD_FREE);
  EXPECT_NE(std::string(m.error.text).find("double free"), std::string::npos) << m.error.text;
  EXPECT_EQ(m.error.code, BATON_MM_BAD_FREE);
  EXPECT_EQ(baton_mm_give_back(m.mm, "NOBODY", nullptr), BATON_MM_OK);  // there are none
  EXPECT_EQ(baton_mm_start_cpu(m.mm, 1, 0, &m.error), BATON_MM_BAD_REQUEST);
  EXPECT_EQ(baton_mm_audit(m.mm, &m.error), BATON_MM_OK) << m.error.text;
}

TEST(MmLibrary, ARangeIsTakenWholeOrNotAtAll) {
  Machine m;
  ASSERT_EQ(m.open(), BATON_MM_OK) << m.error.text;
  const uint64_t at = kGiB + 0x3000;
  EXPECT_EQ(baton_mm_alloc_at(m.mm, 0, at, at + 7 * 4096, &m.error), BATON_MM_OK) << m.error.text;
  EXPECT_EQ(baton_mm_alloc_at(m.mm, 0, at + 6 * 4096, at + 8 * 4096, &m.error), BATON_MM_BUSY);
  EXPECT_EQ(baton_mm_alloc_at(m.mm, 0, at + 1, at + 4096, &m.error), BATON_MM_BAD_REQUEST);
  EXPECT_EQ(baton_mm_alloc_at(m.mm, 0, at, at, &m.error), BATON_MM_BAD_REQUEST);
  EXPECT_EQ(baton_mm_free_range(m.mm, 0, at, at + 7 * 4096, &m.error), BATON_MM_OK) << m.error.text;
  EXPECT_EQ(baton_mm_free_range(m.mm, 0, at, at + 7 * 4096, &m.error), BATON_MM_BAD_FREE);
  uint64_t page = 0;
  EXPECT_EQ(baton_mm_try_alloc(m.mm, 0, 4, 0, 0, &page), BATON_MM_OK);
  EXPECT_EQ(baton_mm_try_free(m.mm, 0, page, 4, &m.error), BATON_MM_OK) << m.error.text;
  EXPECT_EQ(baton_mm_audit(m.mm, &m.error), BATON_MM_OK) << m.error.text;
}

TEST(MmLibrary, TheFirmwaresOwnMapIsTakenToo) {
  Machine m;
  loader::EfiDescriptor map[2] = {
      {loader::EfiMemoryType::Conventional, 0, kMiB, 0, (2 * kGiB - kMiB) / 4096, 8},
      {loader::EfiMemoryType::Conventional, 0, 0, 0, 0xa0, 8}};
  m.setup.e820 = nullptr;
  m.setup.e820_count = 0;
  m.setup.efi_map = map;
  m.setup.efi_map_size = sizeof(map);
  m.setup.efi_descriptor_size = sizeof(map[0]);
  ASSERT_EQ(m.open(), BATON_MM_OK) << m.error.text;
  uint64_t page = 0;
  EXPECT_EQ(baton_mm_alloc(m.mm, 0, 9, 0, 0, &page), BATON_MM_OK);
  EXPECT_LT(page, 2 * kGiB);
}

TEST(MmLibrary, NodesAreThoseThatAreTold) {
  Machine m;
  const baton_mm_affinity nodes[] = {{0, kGiB, 0, 0}, {kGiB, 2 * kGiB, 1, 0}};
  m.setup.affinities = nodes;
  m.setup.affinity_count = 2;
  m.setup.cpus = 2;
  ASSERT_EQ(m.open(), BATON_MM_OK) << m.error.text;
  ASSERT_EQ(baton_mm_start_cpu(m.mm, 1, 1, &m.error), BATON_MM_OK) << m.error.text;
  uint64_t page = 0;
  EXPECT_EQ(baton_mm_alloc(m.mm, 1, 0, 1, BATON_MM_THIS_NODE, &page), BATON_MM_OK);
  EXPECT_GE(page, kGiB);
}

TEST(MmLibrary, ASetupThatCannotBeIsNamed) {
  struct Case {
    void (*spoil)(Machine&);
    const char* named;
  };
  static const baton_mm_affinity far[] = {{0, kGiB, 5000, 0}};
  const Case cases[] = {
      {[](Machine& m) { m.setup.size = 8; }, "another version"},
      {[](Machine& m) { m.setup.machine = 9; }, "kind of machine"},
      {[](Machine& m) { m.setup.e820_count = 0; }, "the map"},
      {[](Machine& m) { m.setup.efi_map_size = 40; }, "the map"},
      {[](Machine& m) { m.setup.cpus = 0; }, "one CPU"},
      {[](Machine& m) { m.setup.affinities = far, m.setup.affinity_count = 1; }, "node 5000"},
      {[](Machine& m) { m.e820[0].end = m.e820[0].start; }, "e820"},
      {[](Machine& m) { m.reserved[1].start = 2 * kMiB; }, "overlap"},
  };
  for (const Case& c : cases) {
    Machine m;
    c.spoil(m);
    EXPECT_EQ(m.open(), BATON_MM_BAD_SETUP) << c.named;
    EXPECT_NE(std::string(m.error.text).find(c.named), std::string::npos) << m.error.text;
  }
  Machine m;
  alignas(64) char small[64];
  EXPECT_EQ(baton_mm_open(small, sizeof(small), &m.setup, &m.mm, &m.error), BATON_MM_BAD_SETUP);
  EXPECT_NE(std::string(m.error.text).find("the place"), std::string::npos);
}

}  // namespace
