// What the firmware's map says of RAM, read by the kernel.
#include "kernel/firmware_map.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace kernel {
namespace {

struct Descriptor {
  uint32_t type, zero;
  uint64_t start, virtual_start, pages, attributes;
};
constexpr size_t kStride = 48;  // as EDK II has it
constexpr uint32_t kReserved = 0, kLoaderCode = 1, kLoaderData = 2, kBootCode = 3, kBootData = 4,
                   kRuntimeCode = 5, kRuntimeData = 6, kConventional = 7, kUnaccepted = 15;

std::vector<mm::FirmwareClaim> claims(const std::vector<Descriptor>& descriptors) {
  std::vector<uint8_t> bytes(descriptors.size() * kStride, 0xa5);
  for (size_t i = 0; i < descriptors.size(); ++i) {
    std::memcpy(bytes.data() + i * kStride, &descriptors[i], sizeof(Descriptor));
  }
  const FirmwareMap map(bytes, kStride);
  const mm::FirmwareClaims all = map.claims();
  std::vector<mm::FirmwareClaim> read;
  for (size_t i = 0; i < all.count; ++i) read.push_back(all.at(all.context, i));
  return read;
}

TEST(FirmwareMap, WhatIsUsableAfterTheFirmwareHasGone) {
  for (const uint32_t type : {kLoaderCode, kLoaderData, kBootCode, kBootData, kConventional}) {
    const auto read = claims({{type, 0, 0x100000, 0, 0x10, 0xf}});
    ASSERT_EQ(read.size(), 1u);
    EXPECT_TRUE(read[0].usable) << type;
    EXPECT_EQ(read[0].range, (mm::Range{{0x100000}, {0x110000}}));
  }
  for (const uint32_t type :
       {kReserved, kRuntimeCode, kRuntimeData, 8u, 9u, 10u, 14u, kUnaccepted, 0x80000000u}) {
    EXPECT_FALSE(claims({{type, 0, 0x100000, 0, 0x10, 0xf}})[0].usable) << type;
  }
  EXPECT_FALSE(claims({{kConventional, 0, 0x100000, 0, 0x10, 0x40000}})[0].usable)
      << "for a special purpose";
}

TEST(FirmwareMap, WhatCannotBeIsNoRam) {
  constexpr uint64_t kEnd = mm::kMaxPhys;
  constexpr uint64_t kPages = kEnd / mm::kPageSize;
  for (const Descriptor& d :
       {Descriptor{kConventional, 0, 0x100000, 0, kPages, 0},
        Descriptor{kConventional, 0, kEnd, 0, 1, 0}, Descriptor{kConventional, 0, 0x1000, 0, 0, 0},
        Descriptor{kConventional, 0, 0x1000, 0, ~uint64_t{0}, 0}}) {
    EXPECT_TRUE(claims({d})[0].range.empty());
  }
  EXPECT_EQ(claims({{kConventional, 0, 0, 0, kPages, 0}})[0].range, (mm::Range{{0}, {kEnd}}));
  EXPECT_EQ(claims({{kReserved, 0, 0x1000, 0, ~uint64_t{0}, 0}})[0].range,
            (mm::Range{{0x1000}, {kEnd}}));
}

}  // namespace
}  // namespace kernel
