// What goes wrong on the way to USB devices: each costs what it is about, and nothing else.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/xhci_bench.h"

namespace kernel::usb {
namespace {

using test::Bench;
using test::pressed;

uint8_t number(xhci::TrbType type) { return static_cast<uint8_t>(type); }
auto count(const Bench& bench, xhci::TrbType type) {
  const auto& all = bench.controller.commands;
  return std::count(all.begin(), all.end(), number(type));
}

// --- Requests ---

TEST(XhciFaults, AnAnswerThatIsLateIsNotTheNextOnes) {
  Bench bench;
  test::PretendDevice hub = test::pretend_hub(), keyboard = test::pretend_keyboard();
  hub.below = {{3, &keyboard}};
  hub.late = {0};  // GET_STATUS, of the first port
  bench.controller.ports[1] = &hub;
  bench.start();
  EXPECT_EQ(bench.log,
            "USB fault: 00:03.0 port 1: device: no answer to request 0 (type 0xa3)\n"
            "usb: keyboard 0627:0001 at 00:03.0 port 1.3\n");
  bench.controller.press(keyboard, pressed(0x04));
  EXPECT_EQ(bench.typed(), "a");
  bench.end();
}

TEST(XhciFaults, AnEndIsOfTheRequestThatItTellsOf) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard();
  keyboard.told_twice = {9};  // SET_CONFIGURATION
  keyboard.stalls = {11};     // SET_PROTOCOL, which is the next
  bench.controller.ports[1] = &keyboard;
  bench.start();
  EXPECT_EQ(bench.log, "USB fault: 00:03.0 port 1: device: request 11 failed (code 6)\n");
  bench.end();
}

TEST(XhciFaults, WhatIsStillUnderWayEndsWithItsDevice) {
  Bench bench;
  test::PretendDevice hub = test::pretend_hub(), keyboard = test::pretend_keyboard();
  hub.below = {{3, &keyboard}};
  bench.controller.ports[1] = &hub;
  bench.start();
  ASSERT_EQ(bench.devices.keyboards(), 1u) << bench.log;
  bench.log.clear();
  hub.late = {0};
  bench.controller.refused[number(xhci::TrbType::StopEndpoint)] = {19};
  bench.controller.refused[number(xhci::TrbType::SetDequeue)] = {19};
  bench.controller.press(hub, {1u << 2});
  EXPECT_EQ(bench.typed(), "");
  EXPECT_EQ(bench.log,
            "USB fault: 00:03.0 port 1: device: no answer to request 0 (type 0xa3)\n"
            "usb: the keyboard at 00:03.0 port 1.3 is gone\n");
  EXPECT_EQ(bench.devices.keyboards(), 0u);
  EXPECT_FALSE(bench.xhci.broken());
  bench.end();
}

TEST(XhciFaults, RequestsGoOnAfterEachThatFails) {
  constexpr uint8_t kCodes[] = {3, 4, 6, 36};  // babble, transaction, stall, split transaction
  for (const uint8_t code : kCodes) {
    Bench bench;
    test::PretendDevice hub = test::pretend_hub(), keyboard = test::pretend_keyboard();
    hub.below = {{3, &keyboard}};
    bench.controller.ports[1] = &hub;
    bench.start();
    bench.log.clear();
    hub.errors = {code};
    bench.controller.press(hub, {1u << 2});
    EXPECT_EQ(bench.typed(), "");
    EXPECT_EQ(bench.log.empty(), code == 4) << bench.log;
    bench.controller.press(hub, {1u << 2});
    const size_t before = hub.requests.size();
    EXPECT_EQ(bench.typed(), "");
    EXPECT_EQ(hub.requests.size(), before + 1) << "code " << int{code};
    bench.end();
  }
}

TEST(XhciFaults, WhatIsDisturbedIsSentOnceMore) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard(), other = test::pretend_keyboard();
  keyboard.errors = {4};
  other.errors = {4, 4, 4, 4};
  bench.controller.ports[1] = &keyboard;
  bench.controller.ports[2] = &other;
  bench.start();
  EXPECT_EQ(bench.log,
            "usb: keyboard 0627:0001 at 00:03.0 port 1\n"
            "USB fault: 00:03.0 port 2: device: request 6 failed (code 4)\n");
  bench.end();
}

// --- Commands ---

TEST(XhciFaults, ACommandThatDoesNotEndCostsItsDeviceOnly) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard(), mute = test::pretend_keyboard();
  bench.controller.ports[1] = &mute;
  bench.controller.hanging = {number(xhci::TrbType::AddressDevice)};
  bench.start();
  EXPECT_FALSE(bench.xhci.broken());
  EXPECT_EQ(bench.log,
            "USB fault: 00:03.0 port 1: xHCI: a command does not end, and is aborted (type 11)\n");
  bench.controller.hanging.clear();
  bench.controller.plug(2, &keyboard);
  EXPECT_EQ(bench.typed(), "");
  EXPECT_EQ(bench.devices.keyboards(), 1u) << bench.log;
  bench.end();
}

TEST(XhciFaults, SlotsThatThereAreNot) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard();
  bench.controller.ports[1] = &keyboard;
  bench.controller.twist = [&](Trb& event) {
    const auto& commands = bench.controller.commands;
    const bool given = !commands.empty() && commands.back() == number(xhci::TrbType::EnableSlot);
    if (given) event.control = (event.control & 0xff'ffff) | 201u << 24;
  };
  bench.start();
  EXPECT_NE(bench.log.find("gives a slot that it does not have (201 of 24)"), std::string::npos)
      << bench.log;
  EXPECT_EQ(count(bench, xhci::TrbType::AddressDevice), 0);
  bench.end();
}

TEST(XhciFaults, APageThatTheControllerMayStillUseIsGivenBackOnceItIsStopped) {
  for (const bool as_it_is_found : {false, true}) {
    Bench bench;
    test::PretendDevice keyboard = test::pretend_keyboard();
    bench.controller.ports[1] = &keyboard;
    bench.controller.before = [&](uint8_t type) {
      if (!as_it_is_found || type != number(xhci::TrbType::AddressDevice)) return;
      bench.controller.refused[type] = {4};
      bench.controller.fault = test::PretendXhci::Fault::NoAnswer;
    };
    bench.start();
    bench.controller.plug(1, nullptr);
    bench.controller.fault = test::PretendXhci::Fault::NoAnswer;
    EXPECT_EQ(bench.typed(), "");
    EXPECT_TRUE(bench.xhci.broken());
    bench.end();
  }
}

// --- Ports ---

TEST(XhciFaults, ChangesThatComeAsOthersAreSeenAreSeenToo) {
  Bench bench;
  bench.start();
  test::PretendDevice keyboard = test::pretend_keyboard();
  bench.controller.before_port = [&](unsigned port, uint32_t value) {
    if ((value & xhci::kConnectChange) == 0) return;
    bench.controller.before_port = nullptr;
    bench.controller.change_port(port, 1u << 22);  // of its link's state
  };
  bench.controller.plug(1, nullptr);
  EXPECT_EQ(bench.typed(), "");
  bench.controller.plug(1, &keyboard);
  EXPECT_EQ(bench.typed(), "");
  EXPECT_EQ(bench.devices.keyboards(), 1u);
  bench.end();
}

TEST(XhciFaults, WhatIsPluggedInDuringAResetIsLookedAt) {
  Bench bench;
  test::PretendDevice mouse = test::pretend_keyboard(), keyboard = test::pretend_keyboard();
  mouse.configuration[9 + 7] = 2;
  bench.controller.ports[1] = &mouse;
  bench.controller.before = [&](uint8_t type) {
    if (type == number(xhci::TrbType::DisableSlot)) bench.controller.ports[1] = &keyboard;
  };
  bench.controller.before_port = [&](unsigned port, uint32_t value) {
    if ((value & xhci::kPortReset) == 0) return;
    bench.controller.before_port = nullptr;
    bench.controller.change_port(port, xhci::kConnectChange);
  };
  bench.start();
  EXPECT_EQ(bench.devices.keyboards(), 0u);
  EXPECT_EQ(bench.typed(), "");
  EXPECT_EQ(bench.devices.keyboards(), 1u);
  bench.end();
}

TEST(XhciFaults, WhatHearsASecondResetOnly) {
  Bench bench;
  test::PretendDevice hub = test::pretend_hub(), keyboard = test::pretend_keyboard();
  hub.below = {{2, &keyboard}};
  bench.controller.ports[1] = &hub;
  // First of the hub, then of the keyboard: transaction errors.
  bench.controller.before = [&](uint8_t type) {
    const bool again = type == number(xhci::TrbType::EnableSlot);
    auto& codes = bench.controller.refused[number(xhci::TrbType::AddressDevice)];
    if (again && count(bench, xhci::TrbType::AddressDevice) % 2 == 0) codes = {4};
  };
  bench.start();
  EXPECT_EQ(bench.log, "usb: keyboard 0627:0001 at 00:03.0 port 1.2\n");
  EXPECT_EQ(count(bench, xhci::TrbType::AddressDevice), 4);
  bench.end();
}

TEST(XhciFaults, WhatHubsTellOfThemselvesIsSeen) {
  Bench bench;
  test::PretendDevice hub = test::pretend_hub();
  bench.controller.ports[1] = &hub;
  bench.start();
  hub.hub_changes = 3;  // of power, and over-current
  bench.controller.press(hub, {1});
  EXPECT_EQ(bench.typed(), "");
  EXPECT_EQ(hub.hub_changes, 0u);
  bench.end();
}

// USB 2.0, section 11.12.5.
TEST(XhciFaults, PortsGetTheirPowerAgain) {
  Bench bench;
  test::PretendDevice hub = test::pretend_hub(), keyboard = test::pretend_keyboard();
  hub.below = {{3, &keyboard}};
  bench.controller.ports[1] = &hub;
  bench.start();
  for (unsigned times = 1; times <= 4; ++times) {
    ASSERT_EQ(bench.devices.keyboards(), 1u) << bench.log;
    bench.controller.overload(hub, 3);
    EXPECT_EQ(bench.typed(), "");
    EXPECT_EQ(bench.devices.keyboards(), 0u);
    EXPECT_EQ(hub.unpowered == 0, times < 4) << "not for ever";
    if (hub.unpowered == 0) bench.controller.press(hub, {1u << 3});
    EXPECT_EQ(bench.typed(), "");
  }
  EXPECT_NE(
      bench.log.find("USB fault: 00:03.0 port 1: hub: draws too much current again and again, "
                     "and gets no more power (port 3)\n"),
      std::string::npos)
      << bench.log;
  bench.end();
}

TEST(XhciFaults, AHubsPortsGetTheirPowerAgain) {
  Bench bench;
  test::PretendDevice hub = test::pretend_hub();
  bench.controller.ports[1] = &hub;
  bench.start();
  hub.unpowered = 2 | 4;
  hub.hub_changes = 2;
  bench.controller.press(hub, {1});
  EXPECT_EQ(bench.typed(), "");
  EXPECT_EQ(hub.unpowered, 0u);
  bench.end();
}

// Of a slow device behind a fast hub, that hub holds what failed until it is told to forget it.
TEST(XhciFaults, TranslatorsForgetWhatFailed) {
  using kernel::usb::xhci::Speed;
  constexpr uint64_t kClear = 0x23 | 8u << 8 | uint64_t{1} << 32, kIn = uint64_t{0x8000} << 16;
  struct Case {
    uint8_t code;
    Speed hub, keyboard;
    bool clears;
  };
  constexpr Case kCases[] = {{4, Speed::High, Speed::Low, true},
                             {4, Speed::High, Speed::Full, true},
                             {6, Speed::High, Speed::Low, false},  // it refused, and that arrived
                             {4, Speed::Full, Speed::Low, false}};
  for (const Case& each : kCases) {
    Bench bench;
    test::PretendDevice hub = test::pretend_hub(), keyboard = test::pretend_keyboard();
    hub.speed = each.hub;
    keyboard.speed = each.keyboard;
    keyboard.errors = {each.code};
    hub.below = {{3, &keyboard}};
    bench.controller.ports[1] = &hub;
    bench.start();
    std::vector<uint64_t> cleared;
    for (const uint64_t setup : hub.setups) {
      if ((setup >> 8 & 0xff) == 8) cleared.push_back(setup);
    }
    // The keyboard is in the second slot, so its address is 18 here.
    constexpr uint64_t kAddress = uint64_t{18} << 4 << 16;
    const std::vector<uint64_t> expected{kClear | kAddress, kClear | kAddress | kIn};
    EXPECT_EQ(cleared, each.clears ? expected : std::vector<uint64_t>{})
        << "code " << int{each.code};
    EXPECT_EQ(bench.devices.keyboards(), each.code == 4 ? 1u : 0u) << bench.log;
    bench.end();
  }
}

// --- Reports ---

TEST(XhciFaults, ReportsAreNotTheNextOwnersOfASlot) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard(), next = test::pretend_keyboard();
  bench.controller.ports[1] = &keyboard;
  bench.start();
  keyboard.report_errors = {4};
  bench.controller.before = [&](uint8_t type) {
    if (type == number(xhci::TrbType::DisableSlot)) bench.controller.press(keyboard, pressed(0x04));
  };
  bench.controller.plug(1, &next);
  EXPECT_EQ(bench.typed(), "");
  bench.controller.press(next, pressed(0x05));
  EXPECT_EQ(bench.typed(), "b");
  EXPECT_EQ(count(bench, xhci::TrbType::ResetEndpoint), 0);
  bench.end();
}

TEST(XhciFaults, ReportsThatCannotGoOnEndWithTheirDevice) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard();
  bench.controller.ports[1] = &keyboard;
  bench.start();
  bench.log.clear();
  keyboard.report_errors = {4};
  bench.controller.refused[number(xhci::TrbType::SetDequeue)] = {19};
  bench.controller.press(keyboard, pressed(0x04));
  EXPECT_EQ(bench.typed(), "");
  EXPECT_EQ(bench.log,
            "USB fault: 00:03.0 port 1: xHCI: refuses a command (type 16, code 19)\n"
            "usb: the keyboard at 00:03.0 port 1 is gone\n");
  bench.end();
}

// An endpoint that stands still already need not be reset to go on.
TEST(XhciFaults, ReportsGoOnWhereThereIsNothingToReset) {
  Bench bench;
  test::PretendDevice keyboard = test::pretend_keyboard();
  bench.controller.ports[1] = &keyboard;
  bench.start();
  keyboard.report_errors = {4};
  bench.controller.before = [&](uint8_t type) {
    if (type != number(xhci::TrbType::ResetEndpoint)) return;
    bench.controller.reset_endpoint(1, 3);  // so that the command comes too late
  };
  bench.controller.press(keyboard, pressed(0x04));
  EXPECT_EQ(bench.typed(), "");
  bench.controller.press(keyboard, pressed(0x05));
  EXPECT_EQ(bench.typed(), "b");
  bench.end();
}

}  // namespace
}  // namespace kernel::usb
