// What a memory test says that goes on until a key is pressed.
#include "kernel/memtest/overnight.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/acpi_bytes.h"

namespace kernel {
namespace {

constexpr uint64_t kSecond = 1'000'000, kMinute = 60 * kSecond, kHour = 60 * kMinute;

std::string time_text(uint64_t microseconds) {
  acpi_test::Log log;
  print_time(microseconds, log.printer());
  return log.text();
}

TEST(Overnight, Times) {
  EXPECT_EQ(time_text(0), "0:00");
  EXPECT_EQ(time_text(1), "0:01");
  EXPECT_EQ(time_text(kHour - kSecond), "59:59");
  EXPECT_EQ(time_text(kHour - 1), "1:00:00");
  EXPECT_EQ(time_text(31 * kHour + 5 * kMinute + 7 * kSecond), "31:05:07");
}

TEST(Overnight, ALineAPassAndOneAtTheEnd) {
  acpi_test::Log log;
  Overnight night;
  night.begin(5 * kSecond);
  night.end_pass(5 * kSecond + 12 * kMinute, {}, log.printer());
  night.end_pass(5 * kSecond + 30 * kMinute, {3, 1, 2}, log.printer());
  night.end_pass(5 * kSecond + 2 * kHour, {3, 1, 2}, log.printer());
  EXPECT_EQ(night.passes(), 3U);
  night.finish(5 * kSecond + 2 * kHour + kMinute, {4, 1, 2}, log.printer());
  EXPECT_EQ(
      log.text(),
      "memtest: pass 1: took 12:00, 0 errors, 0 corrected; 12:00 since the start, 0 errors in "
      "all, 0 bad pages\n"
      "memtest: pass 2: took 18:00, 3 errors, 1 corrected; 30:00 since the start, 3 errors in "
      "all, 2 bad pages\n"
      "memtest: pass 3: took 1:30:00, 0 errors, 0 corrected; 2:00:00 since the start, 3 errors "
      "in all, 2 bad pages\n"
      "memtest: overnight: ended by a key in pass 4, after 2:01:00: 4 errors, 1 corrected, in 2 "
      "of 4 passes, first in pass 2, most in pass 2 (4)\n");
}

TEST(Overnight, GoodMemory) {
  acpi_test::Log log;
  Overnight night;
  night.begin(0);
  night.finish(9 * kHour, {}, log.printer());
  EXPECT_EQ(log.text(),
            "memtest: overnight: ended by a key in pass 1, after 9:00:00: 0 errors, 0 corrected\n");
}

TEST(Overnight, TitleOfAPicture) {
  Overnight night;
  night.begin(0);
  char text[64], small[12];
  const size_t length = night.title(kHour, {1, 0, 1}, "memtest.own-address", text);
  EXPECT_EQ(length, std::string(text).size());
  EXPECT_STREQ(text, "pass 1 (1:00:00, 1 error), memtest.own-address");
  EXPECT_EQ(night.title(kHour, {}, "memtest.own-address", small), 11U);
}

// Flash wears: not after each of very many short passes.
TEST(Overnight, WhatIsFoundIsKeptSeldom) {
  Overnight night;
  EXPECT_FALSE(night.is_to_keep(kMinute, {})) << "nothing was found";
  EXPECT_TRUE(night.is_to_keep(2 * kMinute, {1, 0, 1}));
  EXPECT_FALSE(night.is_to_keep(60 * kMinute, {9, 0, 1})) << "the same pages";
  EXPECT_TRUE(night.is_to_keep(61 * kMinute, {9, 0, 2}));
  EXPECT_FALSE(night.is_to_keep(62 * kMinute, {9, 0, 3}));
  EXPECT_TRUE(night.is_to_keep(71 * kMinute, {9, 0, 3}));
}

}  // namespace
}  // namespace kernel
