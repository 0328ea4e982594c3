// Graphics outputs as a firmware lists them, and the one that is drawn on.
#include "loader/framebuffer_choice.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

using loader::FramebufferChoice;
using loader::HandoffFramebuffer;

HandoffFramebuffer screen(uint64_t address) {
  return {.address = address,
          .size = 1280 * 800 * 4,
          .width = 1280,
          .height = 800,
          .pixels_per_line = 1280,
          .format = loader::kPixelBgrx,
          .red_mask = 0,
          .green_mask = 0,
          .blue_mask = 0,
          .reserved_mask = 0};
}

// The console's, where the firmware shows two adapters as one.
HandoffFramebuffer splitter() {
  HandoffFramebuffer all = screen(0);
  all.format = loader::kPixelBltOnly;
  return all;
}

struct Output {
  HandoffFramebuffer framebuffer;
  bool of_console;
};
FramebufferChoice choose(const std::vector<Output>& outputs) {
  FramebufferChoice choice;
  for (const Output& output : outputs) choice.offer(output.framebuffer, output.of_console);
  return choice;
}

TEST(FramebufferChoice, TheOnlyOne) {
  EXPECT_EQ(choose({{screen(0xc000'0000), true}}).chosen().address, 0xc000'0000);
  EXPECT_EQ(choose({{screen(0xc000'0000), false}}).chosen().address, 0xc000'0000);
}

TEST(FramebufferChoice, WhatOnlyTheFirmwareDrawsOnIsPassedOver) {
  EXPECT_EQ(choose({{splitter(), true}, {screen(0xc000'0000), true}, {screen(0xd000'0000), true}})
                .chosen()
                .address,
            0xc000'0000);
}

TEST(FramebufferChoice, TheConsolesBeforeOthers) {
  EXPECT_EQ(choose({{splitter(), true},
                    {screen(0xc000'0000), false},
                    {screen(0xd000'0000), true},
                    {screen(0xe000'0000), true}})
                .chosen()
                .address,
            0xd000'0000);
  EXPECT_EQ(choose({{screen(0xc000'0000), false}, {screen(0xd000'0000), false}}).chosen().address,
            0xc000'0000);
}

TEST(FramebufferChoice, SaysWhyThereIsNone) {
  EXPECT_STREQ(choose({}).why_none(), "there is no graphics output");
  HandoffFramebuffer too_small = screen(0xc000'0000);
  too_small.size -= 1280 * 4;
  const FramebufferChoice choice = choose({{splitter(), true}, {too_small, false}});
  EXPECT_EQ(choice.chosen().address, 0u);
  EXPECT_STREQ(choice.why_none(), "the graphics output can only be drawn on by the firmware");
}

TEST(FramebufferChoice, WhatCannotBeDrawnOn) {
  const auto why = [](auto spoil) {
    HandoffFramebuffer spoilt = screen(0xc000'0000);
    spoil(spoilt);
    return loader::why_not_drawn_on(spoilt);
  };
  EXPECT_EQ(why([](auto&) {}), nullptr);
  EXPECT_NE(why([](auto& s) { s.address = 0; }), nullptr);
  EXPECT_NE(why([](auto& s) { s.format = 4; }), nullptr);
  EXPECT_NE(why([](auto& s) { s.format = loader::kPixelByMasks; }), nullptr);
  EXPECT_NE(why([](auto& s) { s.width = 1281; }), nullptr);
  EXPECT_NE(why([](auto& s) { s.height = 801; }), nullptr);
  EXPECT_NE(why([](auto& s) { s.width = 0; }), nullptr);
  EXPECT_NE(why([](auto& s) { s.height = 0; }), nullptr);
  EXPECT_NE(why([](auto& s) { s.pixels_per_line = 0xffff'ffff; }), nullptr);
}

}  // namespace
