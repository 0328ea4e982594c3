// What USB devices and PCI say of themselves, and what keys become.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "kernel/usb/boot_keyboard.h"
#include "kernel/usb/config_space.h"
#include "kernel/usb/config_windows.h"
#include "kernel/usb/descriptors.h"
#include "tests/support/pretend_xhci.h"

namespace kernel::usb {
namespace {

// --- Keys ---

struct Typist {
  BootKeyboard keyboard;
  TypedKeys keys;
  uint64_t now = 0;

  std::string report(std::vector<uint8_t> bytes) {
    bytes.resize(8);
    keyboard.take(bytes, now, keys);
    return text();
  }
  std::string wait(uint64_t microseconds) {
    now += microseconds;
    keyboard.repeat(now, keys);
    return text();
  }
  std::string text() {
    std::string all;
    while (const auto c = keys.take()) all += *c;
    return all;
  }
  // One key, pressed and let go.
  std::string key(uint8_t usage, uint8_t modifiers = 0) {
    const std::string all = report({modifiers, 0, usage});
    return all + report({});
  }
};

TEST(BootKeyboard, KeysAreWhatScanCodesMakeOfThem) {
  Typist typist;
  std::string letters, digits;
  for (uint8_t usage = 0x04; usage <= 0x1d; ++usage) letters += typist.key(usage);
  for (uint8_t usage = 0x1e; usage <= 0x27; ++usage) digits += typist.key(usage);
  EXPECT_EQ(letters, "abcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(digits, "1234567890");
  std::string marks, shifted;
  for (uint8_t usage = 0x28; usage <= 0x38; ++usage) {
    marks += typist.key(usage);
    shifted += typist.key(usage, 0x20);  // the right Shift key
  }
  EXPECT_EQ(marks, "\r\x03\b\t -=[]\\\\;'`,./");
  EXPECT_EQ(shifted, "\r\x03\b\t _+{}||:\"~<>?");
  EXPECT_EQ(typist.key(0x52), "\x1b[A");
  EXPECT_EQ(typist.key(0x51), "\x1b[B");
  EXPECT_EQ(typist.key(0x4f), "\x1b[C");
  EXPECT_EQ(typist.key(0x50), "\x1b[D");
  EXPECT_EQ(typist.key(0x4a), "\x1b[H");
  EXPECT_EQ(typist.key(0x4d), "\x1b[F");
  EXPECT_EQ(typist.key(0x4c), "\x1b[3~");
  EXPECT_EQ(typist.key(0x4b) + typist.key(0x4e), "\x1b[5~\x1b[6~");
  std::string keypad;
  for (uint8_t usage = 0x54; usage <= 0x63; ++usage) keypad += typist.key(usage);
  EXPECT_EQ(keypad, "/*-+\r1234567890.");
  EXPECT_EQ(typist.key(0x53), "");  // Num Lock
  EXPECT_EQ(typist.key(0x60), "\x1b[A");
}

TEST(BootKeyboard, ModifiersAndLocks) {
  Typist typist;
  EXPECT_EQ(typist.key(0x06, 0x01), "\x03");  // Control and c
  EXPECT_EQ(typist.key(0x18, 0x10), "\x15");  // the right one, and u
  EXPECT_EQ(typist.key(0x39), "");
  EXPECT_EQ(typist.key(0x04), "A");
  EXPECT_EQ(typist.key(0x04, 0x02), "a");
  EXPECT_EQ(typist.key(0x1e), "1");
}

TEST(BootKeyboard, SeveralKeysAtOnceEachOnce) {
  Typist typist;
  EXPECT_EQ(typist.report({0, 0, 4}), "a");
  EXPECT_EQ(typist.report({0, 0, 4, 5}), "b");
  EXPECT_EQ(typist.report({0, 0, 5, 6}), "c");
  EXPECT_EQ(typist.report({0, 0, 1, 1, 1, 1, 1, 1}), "") << "too many keys: nothing is known";
  EXPECT_EQ(typist.report({0, 0, 5, 6}), "");
  typist.keyboard.take(std::vector<uint8_t>{0, 0, 9}, 0, typist.keys);
  EXPECT_EQ(typist.text(), "") << "a report of three bytes";
}

TEST(BootKeyboard, RepeatsWhatIsHeld) {
  Typist typist;
  EXPECT_EQ(typist.report({0, 0, 4}), "a");
  EXPECT_EQ(typist.wait(499'000), "");
  EXPECT_EQ(typist.wait(1'000), "a");
  EXPECT_EQ(typist.wait(91'000), "");
  EXPECT_EQ(typist.wait(1'000), "a");
  EXPECT_EQ(typist.wait(10'000'000), "a") << "once, however late";
  EXPECT_EQ(typist.report({0, 0, 4, 5}), "b");
  EXPECT_EQ(typist.wait(500'000), "b") << "the last one that went down";
  EXPECT_EQ(typist.report({0, 0, 4}), "");
  EXPECT_EQ(typist.wait(5'000'000), "");
  EXPECT_EQ(typist.report({0, 0, 0x39}), "");
  EXPECT_EQ(typist.wait(5'000'000) + typist.key(0x05), "B") << "Caps Lock does not";
}

// --- Descriptors ---

TEST(Descriptors, Device) {
  const auto facts = parse_device(test::pretend_keyboard().device);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->vendor, 0x0627);
  EXPECT_EQ(facts->packet, 8);
  EXPECT_FALSE(parse_device({}));
  const std::vector<uint8_t> other{18, 2, 0, 2, 0, 0, 0, 8};
  EXPECT_FALSE(parse_device(other));
}

TEST(Descriptors, KeyboardBehindOtherInterfaces) {
  std::vector<uint8_t> bytes{9, 2, 0,    0, 3, 7, 0,  0xa0, 50,  // configuration 7
                             9, 4, 0,    0, 1, 3, 1,  2,    0,   // a mouse
                             7, 5, 0x81, 3, 4, 0, 10,            //
                             9, 4, 1,    1, 1, 3, 1,  1,    0,   // a keyboard, in another setting
                             7, 5, 0x84, 3, 8, 0, 10,            //
                             9, 4, 2,    0, 2, 3, 1,  1,    0,   // and one
                             7, 5, 0x02, 3, 8, 0, 10,            // that takes reports
                             7, 5, 0x83, 3, 8, 0, 4};            // and sends some
  bytes[2] = static_cast<uint8_t>(bytes.size());
  const auto found = parse_configuration(bytes);
  ASSERT_TRUE(found && found->keyboard);
  EXPECT_EQ(found->value, 7);
  EXPECT_EQ(found->keyboard->interface, 2);
  EXPECT_EQ(found->keyboard->number, 3);
  EXPECT_EQ(found->keyboard->interval, 4);
  EXPECT_FALSE(found->hub);
}

TEST(Descriptors, DamagedConfigurations) {
  const std::vector<uint8_t> good = test::pretend_keyboard().configuration;
  for (size_t length = 0; length < good.size(); ++length) {
    const auto found = parse_configuration(Bytes(good).first(length));
    EXPECT_FALSE(found && found->keyboard) << length;
  }
  std::vector<uint8_t> endless = good;
  endless[9] = 0;
  EXPECT_FALSE(parse_configuration(endless)->keyboard);
  std::vector<uint8_t> beyond = good;
  beyond[27] = 200;
  EXPECT_FALSE(parse_configuration(beyond)->keyboard);
  std::vector<uint8_t> nothing = good;
  nothing[31] = nothing[32] = 0;  // reports of no bytes
  EXPECT_FALSE(parse_configuration(nothing)->keyboard);
}

TEST(Descriptors, Hub) {
  const auto hub = parse_hub(test::pretend_hub().hub);
  ASSERT_TRUE(hub);
  EXPECT_EQ(hub->ports, 4);
  EXPECT_EQ(hub->power_good, 2000u);
  EXPECT_FALSE(parse_hub(test::pretend_keyboard().device));
}

// --- PCI ---

// Functions by place, each with its registers; what is not there reads as ones.
struct PretendPci {
  struct Function {
    std::map<unsigned, uint32_t> registers;
    uint32_t bar_size = 0x4000;
    unsigned resets_at = 0;  // the register by which it wakes, as after a reset; 0: as it was
  };
  std::map<uint32_t, Function> functions;
  size_t reads = 0;

  ConfigSpace space(bool all_buses) {
    return {.context = this,
            .read =
                [](void* c, uint32_t at) {
                  auto& self = *static_cast<PretendPci*>(c);
                  ++self.reads;
                  const auto found = self.functions.find(at & ~0xffu);
                  return found == self.functions.end() ? ~0u : found->second.registers[at & 0xff];
                },
            .write =
                [](void* c, uint32_t at, uint32_t value) {
                  Function& f = static_cast<PretendPci*>(c)->functions[at & ~0xffu];
                  const bool bar = (at & 0xff) == 0x10;
                  f.registers[at & 0xff] = bar ? (value & ~(f.bar_size - 1)) | 4 : value;
                  if (f.resets_at == 0 || f.resets_at != (at & 0xff)) return;
                  f.registers[0x04] &= 0xffff'0000;
                  f.registers[0x10] = 4;
                  f.registers[0x14] = 0;
                },
            .sleep = [](uint64_t) {},
            .last_bus = 255,
            .all_buses = all_buses};
  }
  Function& add(uint8_t bus, uint8_t device, uint8_t function, uint32_t kind, uint32_t header = 0) {
    Function& f = functions[PciFunction{0, bus, device, function}.place()];
    f.registers = {{0x00, 0x12345678}, {0x08, kind << 8}, {0x0c, header}, {0x10, 0xfe000004}};
    return f;
  }
};

TEST(ConfigSpace, ControllersBehindBridgesAndOnRootBuses) {
  PretendPci pci;
  pci.add(0, 4, 0, 0x0c0330);
  pci.add(0, 29, 0, 0x0c0320, 0x80 << 16);
  pci.add(0, 29, 7, 0x0c0300);
  pci.add(0, 30, 7, 0x0c0330);  // nothing at function 0: not there
  pci.add(0, 2, 0, 0x060400, 1 << 16).registers[0x18] = 0x0505'0500;
  pci.add(5, 0, 0, 0x0c0330);
  pci.add(0x80, 1, 0, 0x0c0330);
  std::array<UsbController, 8> out;
  EXPECT_EQ(find_usb_controllers(pci.space(false), out), 4u);
  EXPECT_EQ(out[0].interface, kXhci);
  EXPECT_EQ(out[1].interface, kEhci);
  EXPECT_EQ(out[2].interface, kUhci);
  EXPECT_EQ(out[3].at.bus, 5);
  EXPECT_EQ(find_usb_controllers(pci.space(true), out), 5u);
  EXPECT_EQ(out[4].at.bus, 0x80);
  EXPECT_EQ(find_usb_controllers(pci.space(true), std::span(out).first(1)), 5u);
}

TEST(ConfigSpace, BridgesThatLeadInCircles) {
  PretendPci pci;
  pci.add(0, 2, 0, 0x060400, 1 << 16).registers[0x18] = 0x0000'0000;
  pci.add(0, 3, 0, 0x060400, 1 << 16).registers[0x18] = 0x0001'0100;
  pci.add(1, 0, 0, 0x060400, 1 << 16).registers[0x18] = 0x0001'0100;
  std::array<UsbController, 8> out;
  EXPECT_EQ(find_usb_controllers(pci.space(false), out), 0u);
  EXPECT_LT(pci.reads, 200u);
}

TEST(ConfigSpace, RegistersAreFoundAndSwitched) {
  PretendPci pci;
  PretendPci::Function& f = pci.add(0, 4, 0, 0x0c0330);
  f.registers[0x14] = 0x38;
  f.registers[0x04] = 1u << 20 | 3;
  f.registers[0x34] = 0x50;
  f.registers[0x50] = 0x5005;  // a list that goes on at itself
  const PciFunction at{0, 0, 4, 0};
  const ConfigSpace space = pci.space(true);
  // The upper half cannot be set in this pretended one, so that its size is what its bits say.
  f.registers[0x14] = 0xffff'ffff;
  const auto registers = wake_function(space, at);
  ASSERT_TRUE(registers.ok()) << registers.error().what;
  EXPECT_EQ(registers.value().start.v, 0xffff'ffff'fe00'0000u);
  EXPECT_EQ(registers.value().size(), 0x4000u);
  EXPECT_EQ(f.registers[0x10], 0xfe000004u) << "as it was";
  f.registers[0x04] = 1u << 20 | 7;
  switch_function(space, at, Access::Registers);
  EXPECT_EQ(f.registers[0x04] & 0x406u, 0x402u) << "what the firmware left it doing does not go on";
  switch_function(space, at, Access::Memory);
  EXPECT_EQ(f.registers[0x04] & 0x406u, 0x406u);
  switch_function(space, at, Access::None);
  EXPECT_EQ(f.registers[0x04] & 0x406u, 0x400u) << "nor does it answer";
  f.registers[0x10] = 0xe001;
  EXPECT_FALSE(wake_function(space, at).ok());
  f.registers[0x10] = 4;
  f.registers[0x14] = 0;
  EXPECT_STREQ(wake_function(space, at).error().what, "the firmware gave its registers no address");
}

TEST(ConfigSpace, WakesWhatSleeps) {
  PretendPci pci;
  PretendPci::Function& f = pci.add(0, 4, 0, 0x0c0330);
  f.registers[0x14] = 0xffff'ffff;
  f.registers[0x04] = 1u << 20;
  f.registers[0x34] = 0x70;
  f.registers[0x70] = 0x8005;
  f.registers[0x80] = 0x0001;
  f.registers[0x84] = 0x8103;
  ASSERT_TRUE(wake_function(pci.space(true), {0, 0, 4, 0}).ok());
  EXPECT_EQ(f.registers[0x84], 0x0100u);
}

TEST(ConfigSpace, KeepsWhereItsRegistersAreAsItWakes) {
  PretendPci pci;
  PretendPci::Function& f = pci.add(0, 4, 0, 0x0c0330);
  f.registers[0x14] = 0xffff'ffff;
  f.registers[0x04] = 1u << 20 | 1;
  f.registers[0x34] = 0x80;
  f.registers[0x80] = 0x0001;
  f.registers[0x84] = 3;
  f.resets_at = 0x84;
  const auto registers = wake_function(pci.space(true), {0, 0, 4, 0});
  ASSERT_TRUE(registers.ok()) << registers.error().what;
  EXPECT_EQ(registers.value().start.v, 0xffff'ffff'fe00'0000u);
  EXPECT_EQ(f.registers[0x04] & 0xffffu, 1u);
}

TEST(ConfigWindows, OfMcfg) {
  std::vector<uint8_t> mcfg(44 + 3 * 16);
  const auto put = [&](size_t entry, uint64_t base, uint16_t segment, uint8_t first, uint8_t last) {
    uint8_t* const to = mcfg.data() + 44 + entry * 16;
    std::memcpy(to, &base, 8);
    std::memcpy(to + 8, &segment, 2);
    to[10] = first;
    to[11] = last;
  };
  put(0, 0x40'1000'0000, 0, 0, 255);
  put(1, 0x40'1000'0000, 1, 9, 8);  // no buses
  put(2, 0x50'0000'0000, 2, 16, 31);
  std::array<ConfigWindow, 4> out;
  ASSERT_EQ(windows_of_mcfg(mcfg, out), 2u);
  EXPECT_EQ(out[1].segment, 2);
  EXPECT_EQ(out[1].bus(16).start.v, 0x50'0100'0000u);
  EXPECT_EQ(out[1].bus(16).size(), 1u << 20);
  EXPECT_EQ(windows_of_mcfg(std::span(mcfg).first(43), out), 0u);
  // Bus, device 3, function 2, register 0x10.
  EXPECT_EQ(window_offset(5u << 16 | 3u << 11 | 2u << 8 | 0x10), 3u << 15 | 2u << 12 | 0x10u);
}

}  // namespace
}  // namespace kernel::usb
