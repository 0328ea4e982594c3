// The page of tests in the boot menu, key by key.
#include "loader/menu/test_page.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "kernel/options.h"

namespace loader {
namespace {

using Kind = MenuKey::Kind;
using Answer = TestPage::Answer;

std::string words(const TestPage& page) {
  std::array<char, TestPage::kMostWords> out;
  const size_t length = page.words(out);
  EXPECT_LT(length, out.size());
  return {out.data(), length};
}

Answer press(TestPage& page, std::initializer_list<Kind> kinds) {
  Answer answer = Answer::Nothing;
  for (const Kind kind : kinds) answer = page.press({kind});
  return answer;
}

TEST(TestPage, NothingChosenIsTheMonitor) {
  TestPage page;
  EXPECT_EQ(words(page), "monitor");
  EXPECT_EQ(page.press({Kind::Character, '\r'}), Answer::Start);
  EXPECT_EQ(press(page, {Kind::Escape}), Answer::Leave);
  EXPECT_EQ(page.press({Kind::Character, 'x'}), Answer::Nothing);
  EXPECT_EQ(press(page, {Kind::Delete}), Answer::Nothing);
}

TEST(TestPage, TestsPassesAndWhatIsShown) {
  TestPage page;
  EXPECT_EQ(page.press({Kind::Character, ' '}), Answer::Changed);
  EXPECT_EQ(words(page), "selftest monitor");
  press(page, {Kind::Down, Kind::Right});
  EXPECT_EQ(words(page), "selftest memtest=quick monitor");
  press(page, {Kind::Right, Kind::Down, Kind::Right, Kind::Right});
  EXPECT_EQ(words(page), "selftest memtest=full,3 monitor");
  press(page, {Kind::Down, Kind::Left});
  EXPECT_EQ(words(page), "selftest memtest=full,3 poweroff");
  press(page, {Kind::Left, Kind::Home, Kind::Right});
  EXPECT_EQ(words(page), "selftest=full memtest=full,3 show=map");
  press(page, {Kind::Right});
  EXPECT_EQ(words(page), "memtest=full,3 show=map") << "in circles";
}

TEST(TestPage, TheGuardIsAlone) {
  TestPage page;
  press(page, {Kind::Right, Kind::End, Kind::Right});
  EXPECT_EQ(words(page), "guard");
  EXPECT_FALSE(page.row(TestPage::kSelftests).counts);
  EXPECT_TRUE(page.row(TestPage::kGuard).counts);
  EXPECT_TRUE(page.row(TestPage::kGuard).chosen);
  press(page, {Kind::Left});
  EXPECT_EQ(words(page), "selftest monitor");
}

TEST(TestPage, PassesCountWithAMemoryTestOnly) {
  TestPage page;
  press(page, {Kind::Down, Kind::Down, Kind::Left});
  EXPECT_EQ(words(page), "monitor");
  EXPECT_FALSE(page.row(TestPage::kPasses).counts);
  EXPECT_STREQ(page.row(TestPage::kPasses).value, "100");
}

TEST(TestPage, AllNightHasNoPasses) {
  TestPage page;
  press(page, {Kind::Down, Kind::Left});
  EXPECT_EQ(words(page), "memtest=overnight monitor");
  press(page, {Kind::Down, Kind::Right});
  EXPECT_EQ(words(page), "memtest=overnight monitor");
  EXPECT_FALSE(page.row(TestPage::kPasses).counts);
}

// Whatever is pressed, the words are such as the kernel knows, and fit.
TEST(TestPage, AnyKeys) {
  std::mt19937 random(15);
  TestPage page;
  for (int i = 0; i < 20'000; ++i) {
    const auto kind = Kind{static_cast<uint8_t>(random() % 10)};
    (void)page.press({kind, static_cast<char>(random() % 128)});
    const std::string text = words(page);
    size_t chosen = 0;
    for (size_t field = 0; field < TestPage::kFields; ++field) {
      chosen += page.row(field).chosen ? 1 : 0;
    }
    ASSERT_EQ(chosen, 1u);
    ASSERT_EQ(kernel::Options(text).complain({}), 0u) << text;
  }
}

}  // namespace
}  // namespace loader
