// The driver of USB keyboards, against a controller that is pretended (tests/support/pretend_xhci.h).
#include "kernel/usb/xhci.h"

#include <gtest/gtest.h>

#include <string>

#include "kernel/usb/devices.h"
#include "tests/support/xhci_bench.h"

namespace kernel::usb {
namespace {

using test::Bench;
using test::pressed;
using test::PretendXhci;
using Fault = PretendXhci::Fault;

TEST(Xhci, KeyboardAtARootPort) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard();
  bench.controller.ports[2] = &keyboard;
  bench.start();
  EXPECT_EQ(bench.log, "usb: keyboard 0627:0001 at 00:03.0 port 2\n");
  EXPECT_EQ(bench.devices.keyboards(), 1u);
  bench.controller.press(keyboard, pressed(0x04));
  bench.controller.press(keyboard, pressed(0x05, 0x02));
  bench.controller.press(keyboard, pressed(0));
  EXPECT_EQ(bench.typed(), "aB");
  // The boot protocol (SET_PROTOCOL), and no reports but of changes (SET_IDLE).
  EXPECT_EQ(std::count(keyboard.requests.begin(), keyboard.requests.end(), 11), 1);
  EXPECT_EQ(std::count(keyboard.requests.begin(), keyboard.requests.end(), 10), 1);
  bench.end();
}

TEST(Xhci, WideContextsAndManyReports) {
  Bench bench;
  bench.controller.wide_contexts = true;
  bench.controller.scratch = 70;
  test::PretendDevice keyboard = test::pretend_keyboard();
  bench.controller.ports[1] = &keyboard;
  bench.start();
  std::string all;
  for (unsigned i = 0; i < 400; ++i) {  // rings wrap
    bench.controller.press(keyboard, pressed(static_cast<uint8_t>(0x04 + i % 26)));
    bench.controller.press(keyboard, pressed(0));
    all += bench.typed();
  }
  ASSERT_EQ(all.size(), 400u);
  EXPECT_EQ(all.substr(0, 27), "abcdefghijklmnopqrstuvwxyza");
  bench.end();
}

TEST(Xhci, UnpluggedAndPluggedInAgain) {
  Bench bench;
  bench.start();
  EXPECT_EQ(bench.devices.keyboards(), 0u);
  const size_t pages = bench.controller.pages_out;
  test::PretendDevice keyboard = test::pretend_keyboard();
  for (int times = 0; times < 3; ++times) {
    bench.log.clear();
    bench.controller.plug(3, &keyboard);
    EXPECT_EQ(bench.typed(), "");
    EXPECT_EQ(bench.devices.keyboards(), 1u);
    bench.controller.press(keyboard, pressed(0x1e));
    bench.controller.press(keyboard, pressed(0));
    EXPECT_EQ(bench.typed(), "1");
    bench.controller.plug(3, nullptr);
    EXPECT_EQ(bench.typed(), "");
    EXPECT_EQ(bench.log,
              "usb: keyboard 0627:0001 at 00:03.0 port 3\n"
              "usb: the keyboard at 00:03.0 port 3 is gone\n");
    EXPECT_EQ(bench.controller.pages_out, pages);
  }
  bench.end();
}

TEST(Xhci, BehindHubs) {
  Bench bench;
  test::PretendDevice hub = test::pretend_hub(), second = test::pretend_hub(),
                      keyboard = test::pretend_keyboard(), other = test::pretend_keyboard();
  hub.below = {{3, &keyboard}, {4, &second}};
  second.below = {{1, &other}};
  bench.controller.ports[1] = &hub;
  bench.start();
  EXPECT_EQ(bench.devices.keyboards(), 2u) << bench.log;
  EXPECT_NE(bench.log.find("00:03.0 port 1.3\n"), std::string::npos) << bench.log;
  EXPECT_NE(bench.log.find("00:03.0 port 1.4.1\n"), std::string::npos) << bench.log;
  bench.controller.press(other, pressed(0x06));
  bench.controller.press(keyboard, pressed(0x07));
  EXPECT_EQ(bench.typed(), "cd");
  // The hub goes, and with it what hangs on it.
  bench.controller.plug(1, nullptr);
  EXPECT_EQ(bench.typed(), "");
  EXPECT_EQ(bench.devices.keyboards(), 0u);
  bench.end();
}

TEST(Xhci, WhatIsNoKeyboardIsLeftAlone) {
  Bench bench;
  test::PretendDevice mouse = test::pretend_keyboard();
  mouse.configuration[9 + 7] = 2;  // the protocol of mice
  bench.controller.ports[1] = &mouse;
  bench.start();
  EXPECT_EQ(bench.devices.keyboards(), 0u);
  EXPECT_EQ(bench.log, "");
  EXPECT_EQ(bench.controller.commands.back(), static_cast<uint8_t>(xhci::TrbType::DisableSlot));
  bench.end();
}

TEST(Xhci, RefusedRequests) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard(), odd = test::pretend_keyboard();
  keyboard.stalls = {10};  // SET_IDLE
  odd.stalls = {6};        // GET_DESCRIPTOR
  bench.controller.ports[1] = &odd;
  bench.controller.ports[2] = &keyboard;
  bench.start();
  EXPECT_EQ(bench.log,
            "USB fault: 00:03.0 port 1: device: request 6 failed (code 6)\n"
            "usb: keyboard 0627:0001 at 00:03.0 port 2\n");
  bench.controller.press(keyboard, pressed(0x04));
  EXPECT_EQ(bench.typed(), "a");
  bench.end();
}

TEST(Xhci, ReportsThatFailAreAskedForAFewTimes) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard();
  bench.controller.ports[1] = &keyboard;
  bench.start();
  bench.log.clear();
  keyboard.report_errors.assign(6, 4);  // transaction errors
  for (int i = 0; i < 6; ++i) {
    bench.controller.press(keyboard, pressed(0x04));
    EXPECT_EQ(bench.typed(), "");
  }
  EXPECT_EQ(
      bench.log,
      "USB fault: 00:03.0 port 1: device: no more reports are asked for, as 3 failed (code 4)\n"
      "usb: the keyboard at 00:03.0 port 1 is gone\n");
  EXPECT_EQ(bench.devices.keyboards(), 0u);
  bench.end();
}

TEST(Xhci, TakenFromTheFirmware) {
  for (const bool keeps : {false, true}) {
    Bench bench;
    bench.controller.firmware_keeps = keeps;
    bench.start();
    EXPECT_EQ(bench.controller.legacy & (1u << 16 | 1u << 24), 1u << 24);
    EXPECT_EQ(bench.controller.smi & 0xe011u, 0u);
    bench.end();
  }
}

TEST(Xhci, WhatTheFirmwareLeftRunningEndsBeforeItReachesMemory) {
  Bench bench;
  bench.controller.left_running = true;
  bench.start();
  EXPECT_FALSE(bench.controller.strayed);
  bench.end();
}

TEST(Xhci, RegistersThatMakeNoSenseAreNotTouchedAgain) {
  Bench bench;
  Hardware hardware = bench.controller.hardware();
  hardware.size = 0x100;  // less than its registers need
  hardware.write = [](void*, uint32_t, uint32_t) { ADD_FAILURE(); };
  Xhci xhci(hardware);
  EXPECT_FALSE(xhci.start().ok());
  EXPECT_TRUE(xhci.is_stopped());
  EXPECT_TRUE(bench.controller.cut_off);
  xhci.stop();
}

TEST(Xhci, ControllersThatMisbehaveAreStopped) {
  struct Case {
    Fault fault;
    const char* said;
  };
  for (const Case& each :
       {Case{Fault::Ones, "its registers do not answer"},
        Case{Fault::Zeroes, "its registers do not answer"},
        Case{Fault::NotReady, "does not become ready"}, Case{Fault::NoHalt, "does not halt"},
        Case{Fault::NoReset, "its reset does not end"}, Case{Fault::NoRun, "does not run"},
        Case{Fault::NoAnswer, "does not answer in memory: an IOMMU"}}) {
    Bench bench;
    bench.controller.fault = each.fault;
    const auto started = bench.xhci.start();
    ASSERT_FALSE(started.ok()) << each.said;
    EXPECT_EQ(std::string(started.error().what).rfind(each.said, 0), 0u) << started.error().what;
    EXPECT_TRUE(bench.xhci.broken());
    EXPECT_TRUE(bench.xhci.is_stopped()) << each.said;
    EXPECT_TRUE(bench.controller.cut_off) << each.said;
    EXPECT_EQ(bench.controller.pages_out, 0u);
    EXPECT_LT(bench.controller.now, 10'000'000u) << each.said;
    bench.devices.poll(bench.keys);  // harmless
  }
}

TEST(Xhci, ACommandThatIsNotAnsweredEndsIt) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard();
  bench.start();
  bench.controller.plug(1, &keyboard);
  bench.controller.fault = Fault::NoAnswer;
  EXPECT_EQ(bench.typed(), "");
  ASSERT_TRUE(bench.xhci.broken());
  EXPECT_EQ(std::string(bench.xhci.broken()->what),
            "does not answer a command (type {}, status {:#x})");
  bench.end();
}

TEST(Xhci, MemoryAbove4GiBOnlyForThoseThatReachIt) {
  Bench bench;
  bench.controller.wide_addresses = false;
  Hardware hardware = bench.controller.hardware();
  hardware.take = [](void*, unsigned, bool low) -> mm::PagesOr {
    EXPECT_TRUE(low);
    return mm::Pfn{uint64_t{1} << 20};
  };
  hardware.give = [](void*, mm::Pfn, unsigned) {};
  Xhci xhci(hardware);
  const auto started = xhci.start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(std::string(started.error().what), "no memory below 4 GiB, and it reaches no other");
}

// Clocks that tick once in so many looks; 0: never.
TEST(UsbHardware, WaitsAsLongAsTheClockGoes) {
  struct Clock {
    uint64_t ticks_after, looks = 0;
  };
  for (const uint64_t ticks_after : {1, 100, 0}) {
    Clock clock{ticks_after};
    Hardware hardware;
    hardware.context = &clock;
    hardware.microseconds = [](void* context) {
      auto& c = *static_cast<Clock*>(context);
      ++c.looks;
      return c.ticks_after == 0 ? 7 : c.looks / c.ticks_after;
    };
    hardware.rest = [](void*) {};
    hardware.sleep(1000);
    if (ticks_after != 0) {
      EXPECT_GE(clock.looks, 1000 * ticks_after);
    } else {
      EXPECT_LE(clock.looks, 2 * Hardware::kMostStanding);
    }
  }
}

TEST(Xhci, NoMemory) {
  Bench bench;
  Hardware hardware = bench.controller.hardware();
  hardware.take = [](void*, unsigned, bool) { return mm::PagesOr(mm::PagesOr::Failure::NoMemory); };
  Xhci xhci(hardware);
  EXPECT_FALSE(xhci.start().ok());
  EXPECT_EQ(bench.controller.pages_out, 0u);
}

}  // namespace
}  // namespace kernel::usb
