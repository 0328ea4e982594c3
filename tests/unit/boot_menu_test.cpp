// The boot menu, key by key.
#include "loader/menu/boot_menu.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace loader {
namespace {

using Kind = MenuKey::Kind;
using Answer = BootMenu::Answer;

std::vector<BootEntry> three() {
  std::vector<BootEntry> entries(3);
  const char* const options[] = {"", "selftest", "memtest=quick poweroff"};
  for (size_t i = 0; i < 3; ++i) {
    entries[i].efi = "/x";
    if (*options[i] != '\0') entries[i].options[entries[i].option_count++] = options[i];
  }
  return entries;
}

class BootMenuTest : public testing::Test {
 protected:
  Answer type(std::string_view text) {
    Answer answer = Answer::Nothing;
    for (const char c : text) answer = menu.press({Kind::Character, c});
    return answer;
  }
  Answer press(Kind kind) { return menu.press({kind}); }

  std::vector<BootEntry> entries = three();
  BootMenu menu{entries, 1, true};
};

// With Secure Boot on: `e` means nothing, the page of tests stays.
TEST_F(BootMenuTest, LockedOptionsAreNotEdited) {
  EXPECT_TRUE(menu.may_edit());
  menu.lock_options();
  EXPECT_FALSE(menu.may_edit());
  EXPECT_EQ(type("e"), Answer::Nothing);
  EXPECT_FALSE(menu.editing());
  EXPECT_STREQ(menu.options(), "selftest");
  EXPECT_EQ(type("t"), Answer::Tests);
}

TEST_F(BootMenuTest, Choosing) {
  EXPECT_EQ(menu.chosen(), 1u);
  EXPECT_STREQ(menu.options(), "selftest");
  EXPECT_EQ(press(Kind::Down), Answer::Changed);
  EXPECT_STREQ(menu.options(), "memtest=quick poweroff");
  press(Kind::Down);
  EXPECT_EQ(menu.chosen(), 0u);
  EXPECT_STREQ(menu.options(), "");
  press(Kind::Up);
  EXPECT_EQ(menu.chosen(), 2u);
  press(Kind::Home);
  EXPECT_EQ(menu.chosen(), 0u);
  EXPECT_EQ(press(Kind::Home), Answer::Nothing);
  type("3k");
  EXPECT_EQ(menu.chosen(), 1u);
  EXPECT_EQ(type("4"), Answer::Nothing);
  EXPECT_EQ(type("\r"), Answer::Start);
  EXPECT_FALSE(menu.edited());
}

TEST_F(BootMenuTest, TestsInTheChosenEntrysPlace) {
  EXPECT_EQ(type("t"), Answer::Tests);
  EXPECT_FALSE(menu.chose_ourselves());
  EXPECT_STREQ(menu.options(), "selftest");
  menu.choose_ourselves("memtest=quick show=map");
  EXPECT_TRUE(menu.chose_ourselves() && menu.edited());
  EXPECT_STREQ(menu.options(), "memtest=quick show=map");
  BootMenu fixed(entries, 1, false);
  EXPECT_EQ(fixed.press({Kind::Character, 't'}), Answer::Nothing) << "loader.conf: editor no";
}

TEST_F(BootMenuTest, Editing) {
  type("e");
  EXPECT_TRUE(menu.editing());
  EXPECT_EQ(menu.cursor(), 8u);
  type(" mem=1G");
  EXPECT_STREQ(menu.options(), "selftest mem=1G");
  press(Kind::Home);
  press(Kind::Delete);
  type("S");
  EXPECT_STREQ(menu.options(), "Selftest mem=1G");
  press(Kind::End);
  press(Kind::Left);
  type("\b2");
  EXPECT_STREQ(menu.options(), "Selftest mem=2G");
  EXPECT_EQ(press(Kind::Down), Answer::Nothing);
  EXPECT_TRUE(menu.edited());
  EXPECT_EQ(type("\r"), Answer::Start);
}

TEST_F(BootMenuTest, EscapeForgetsWhatWasEdited) {
  type("exyz");
  press(Kind::Escape);
  EXPECT_FALSE(menu.editing());
  EXPECT_FALSE(menu.edited());
  EXPECT_STREQ(menu.options(), "selftest");
}

TEST_F(BootMenuTest, OptionsAreBounded) {
  type("e");
  for (size_t i = 0; i < 2000; ++i) type("x");
  EXPECT_EQ(std::string(menu.options()).size(), BootMenu::kMaxOptions);
  EXPECT_EQ(type("x"), Answer::Nothing);
  EXPECT_EQ(type("\x1f"), Answer::Nothing);
}

TEST(BootMenu, WithoutEditor) {
  const std::vector<BootEntry> entries = three();
  BootMenu menu(entries, 0, false);
  EXPECT_EQ(menu.press({Kind::Character, 'e'}), Answer::Nothing);
  EXPECT_FALSE(menu.editing());
}

}  // namespace
}  // namespace loader
