// The driver of USB keyboards on a controller that is pretended.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/usb/devices.h"
#include "kernel/usb/xhci.h"
#include "tests/support/pretend_xhci.h"

namespace test {

using kernel::usb::Devices;
using kernel::usb::TypedKeys;
using kernel::usb::Xhci;

// A controller, what drives it, and what was said and typed.
struct Bench {
  PretendXhci controller;
  Xhci xhci{controller.hardware()};
  std::string log;
  Devices devices{
      xhci,
      "00:03.0",
      {[](void* to, std::string_view text) { *static_cast<std::string*>(to) += text; }, &log}};
  TypedKeys keys;

  void start() {
    const auto started = xhci.start();
    ASSERT_TRUE(started.ok()) << started.error().what;
    devices.find();
  }
  std::string typed() {
    devices.poll(keys);
    std::string text;
    while (const auto c = keys.take()) text += *c;
    return text;
  }
  // Nothing is kept of what was taken.
  void end() {
    xhci.stop();
    devices.forget();
    EXPECT_EQ(controller.pages_out, 0u);
    EXPECT_EQ(xhci.pages_held(), 0u);
    EXPECT_TRUE(controller.cut_off);
  }
};

inline std::vector<uint8_t> pressed(uint8_t key, uint8_t modifiers = 0) {
  return {modifiers, 0, key, 0, 0, 0, 0, 0};
}

}  // namespace test
