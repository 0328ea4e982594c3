// Bad pages that a run found, in the variable from which the next start takes them.
#include <gtest/gtest.h>

#include <string>

#include "kernel/bad_pages.h"
#include "loader/bad_pages.h"
#include "tests/support/booted.h"
#include "tests/support/pretend_hardware.h"

namespace {

constexpr const char* kMachine = "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n";

class LeaveBadPages : public testing::Test {
 protected:
  LeaveBadPages() {
    test::hardware.variables = &variables;
    kernel::forget_bad_pages();
  }
  ~LeaveBadPages() override {
    test::hardware.variables = nullptr;
    kernel::forget_bad_pages();
  }
  std::string leave() {
    std::string said;
    kernel::leave_bad_pages(*machine, {[](void* to, std::string_view text) {
                                         static_cast<std::string*>(to)->append(text);
                                       },
                                       &said});
    return said;
  }
  // "start-end found_by", of each entry.
  [[nodiscard]] std::vector<std::string> left() const {
    const auto found = loader::parse_found(variables.at(loader::kBadPagesVariable));
    EXPECT_TRUE(found.ok());
    std::vector<std::string> all;
    for (size_t i = 0; i < found.value().head.count; ++i) {
      const loader::BadPagesEntry entry = found.value().at(i);
      std::array<char, 80> text{};
      (void)mm::format(text, "{:x}-{:x} {}", entry.range.start.v, entry.range.end.v,
                       entry.found_by);
      all.emplace_back(text.data());
    }
    return all;
  }

  test::PretendHardware::Variables variables;
  test::BootedMachine machine{kMachine};
};

TEST_F(LeaveBadPages, NothingIsWrittenWhereNothingIsNew) {
  EXPECT_EQ(leave(), "");
  EXPECT_TRUE(variables.empty());
  kernel::note_bad_page(mm::Pfn{0x700}, "memtest.own-address");
  EXPECT_NE(leave().find("bad pages: 1 ranges left with the firmware"), std::string::npos);
  variables.clear();
  kernel::note_bad_page(mm::Pfn{0x700}, "machine check");
  EXPECT_EQ(leave(), "");
  EXPECT_TRUE(variables.empty());
}

TEST_F(LeaveBadPages, RunsAreEntriesAndWhatIsThereStays) {
  for (const uint64_t pfn : {0x702, 0x700, 0x701}) {
    kernel::note_bad_page(mm::Pfn{pfn}, "memtest.own-address");
  }
  kernel::note_bad_page(mm::Pfn{0x703}, "machine check");
  (void)leave();
  // Pages that came in any order may be runs beside each other.
  EXPECT_EQ(left().front().substr(0, 7), "700000-");
  EXPECT_EQ(left().back(), "703000-704000 machine check");

  kernel::forget_bad_pages();  // another run, whose next start could not write the list
  kernel::note_bad_page(mm::Pfn{0x100}, "memtest.moving-bytes");
  kernel::note_bad_page(mm::Pfn{0x701}, "memtest.moving-bytes");
  (void)leave();
  EXPECT_EQ(left().front(), "100000-101000 memtest.moving-bytes");
  for (size_t i = 1; i < left().size(); ++i) EXPECT_EQ(left()[i].find("moving"), std::string::npos);
  const auto found = loader::parse_found(variables[loader::kBadPagesVariable]).value();
  EXPECT_EQ(found.head.year, 2026);
  EXPECT_EQ(found.head.day, 27);
}

TEST_F(LeaveBadPages, MoreThanFitAreJoinedAndNoneIsLost) {
  for (uint64_t i = 0; i < 2 * kernel::kMostNotedRuns; ++i) {
    kernel::note_bad_page(mm::Pfn{0x1000 + 3 * i}, "memtest.own-address");
  }
  const std::string said = leave();
  EXPECT_NE(said.find("neighbours were joined"), std::string::npos) << said;
  EXPECT_NE(said.find("1024 more had no room"), std::string::npos) << said;
  EXPECT_EQ(left().size(), loader::kMostBadPagesEntries);
  const auto found = loader::parse_found(variables[loader::kBadPagesVariable]).value();
  for (uint64_t i = 0; i < kernel::kMostNotedRuns; ++i) {
    bool covered = false;
    for (size_t at = 0; at < found.head.count; ++at) {
      covered = covered || found.at(at).range.contains(mm::phys(mm::Pfn{0x1000 + 3 * i}));
    }
    ASSERT_TRUE(covered) << i;
  }
}

TEST_F(LeaveBadPages, WhatIsNoListIsReplaced) {
  variables[loader::kBadPagesVariable] = std::vector<uint8_t>(80, 0x55);
  kernel::note_bad_page(mm::Pfn{0x700}, "memtest.own-address");
  (void)leave();
  EXPECT_EQ(left(), std::vector<std::string>{"700000-701000 memtest.own-address"});
}

TEST_F(LeaveBadPages, AFirmwareWithoutVariablesIsTold) {
  test::hardware.variables = nullptr;
  kernel::note_bad_page(mm::Pfn{0x700}, "memtest.own-address");
  EXPECT_NE(leave().find("bad pages: not left for the next start: SetVariable: this machine"),
            std::string::npos);
}

}  // namespace
