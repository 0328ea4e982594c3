// The firmware phase's results reach the kernel by their tests' numbers, whatever rows either build
// has.
#include "kernel/selftest/firmware_results.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "loader/handoff/firmware_test_rows.h"

namespace kernel {
namespace {

using loader::HandoffResult;
using loader::kFirmwareTestRows;
using loader::Outcome;

HandoffResult result(std::string_view id, Outcome outcome, const char* facts = "") {
  HandoffResult r{loader::self_test_number(id), static_cast<uint32_t>(outcome), {}};
  std::strcpy(r.facts, facts);
  return r;
}

TEST(FirmwareResults, EachIsItsTestsWhateverTheirOrder) {
  const std::vector<HandoffResult> results{result("efi.graphics", Outcome::Skip, "no screen"),
                                           result("efi.map.overlap", Outcome::Fail, "twice"),
                                           result("efi.map.form", Outcome::Pass)};
  ASSERT_EQ(firmware_test_count(results), kFirmwareTestRows.size());
  size_t ran = 0;
  for (size_t i = 0; i < kFirmwareTestRows.size(); ++i) {
    const std::string_view id = firmware_test(i).id;
    const loader::Verdict verdict = firmware_verdict(i, results);
    if (id == "efi.graphics") {
      EXPECT_EQ(verdict.outcome(), Outcome::Skip);
      EXPECT_STREQ(verdict.facts(), "no screen");
    } else if (id == "efi.map.overlap") {
      EXPECT_TRUE(verdict.failed());
      EXPECT_STREQ(verdict.facts(), "twice");
    } else if (id == "efi.map.form") {
      EXPECT_TRUE(verdict.passed());
    } else {
      EXPECT_EQ(verdict.outcome(), Outcome::Skip) << id;
      continue;
    }
    ++ran;
  }
  EXPECT_EQ(ran, 3U);
}

// A loader that is newer than the kernel.
TEST(FirmwareResults, WhatThisKernelDoesNotKnowIsNamedAndCounted) {
  const std::vector<HandoffResult> results{result("efi.map.form", Outcome::Pass),
                                           result("efi.map.of-tomorrow", Outcome::Fail, "a hole"),
                                           result("efi.time.of-tomorrow", Outcome::Pass)};
  const size_t count = firmware_test_count(results);
  ASSERT_EQ(count, kFirmwareTestRows.size() + 1);
  EXPECT_STREQ(firmware_test(count - 1).id, "efi.unknown");
  const loader::Verdict verdict = firmware_verdict(count - 1, results);
  EXPECT_TRUE(verdict.failed());
  const auto number = [](std::string_view id) {
    char text[32];
    std::snprintf(text, sizeof text, "number 0x%08x ", loader::self_test_number(id));
    return std::string(text);
  };
  EXPECT_EQ(verdict.facts(), "2 of 3 results are of tests that this kernel does not know\n" +
                                 number("efi.map.of-tomorrow") + "failed: a hole\n" +
                                 number("efi.time.of-tomorrow") + "passed");
}

TEST(FirmwareResults, AnOutcomeThatThisKernelDoesNotKnowIsAFault) {
  const HandoffResult odd = result(kFirmwareTestRows[0].id, static_cast<Outcome>(7), "maybe");
  const loader::Verdict verdict = firmware_verdict(0, {&odd, 1});
  EXPECT_TRUE(verdict.failed());
  EXPECT_NE(std::string(verdict.facts()).find("nothing that is known: maybe"), std::string::npos);
}

// Numbers are the same in every build to come: FNV-1a's published values.
TEST(FirmwareResults, NumbersAreOfTheIdsText) {
  EXPECT_EQ(loader::self_test_number(""), 0x811c9dc5U);
  EXPECT_EQ(loader::self_test_number("a"), 0xe40c292cU);
  EXPECT_EQ(loader::self_test_number("foobar"), 0xbf9cf968U);
}

}  // namespace
}  // namespace kernel
