// A USB host controller and devices that say anything: nothing may be touched beyond the memory that
// the driver has, nothing may hang, and all memory comes back.
//
// The input is first what the devices' descriptors are made of, then what becomes of each event and of
// each report; the controller itself is the one of the unit tests.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "kernel/usb/devices.h"
#include "mm/print.h"
#include "tests/fuzz/target.h"
#include "tests/support/pretend_xhci.h"

namespace {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : bytes_(data, size) {}
  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }
  // Some bytes of a good one are others.
  void spoil(std::vector<uint8_t>& bytes) {
    for (unsigned count = byte() % 4; count != 0 && !bytes.empty(); --count) {
      bytes[byte() % bytes.size()] = byte();
    }
  }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace

FUZZ_TARGET(usb) {
  using namespace kernel::usb;  // NOLINT: one function, all about it
  Input input(data, size);
  test::PretendXhci controller;
  controller.wide_contexts = (input.byte() & 1) != 0;
  controller.scratch = input.byte() % 64;
  test::PretendDevice hub = test::pretend_hub(), keyboard = test::pretend_keyboard(),
                      other = test::pretend_keyboard();
  for (test::PretendDevice* device : {&hub, &keyboard, &other}) {
    device->speed = xhci::Speed{static_cast<uint8_t>(1 + input.byte() % 4)};
    input.spoil(device->device);
    input.spoil(device->configuration);
    input.spoil(device->hub);
    if ((input.byte() & 7) == 7) device->stalls.push_back(input.byte());
  }
  hub.below = {{1, &other}};
  controller.ports[1] = &keyboard;
  controller.ports[2] = &hub;
  controller.twist = [&](Trb& event) {
    if ((input.byte() & 15) != 15) return;
    event.parameter ^= input.byte();
    event.status ^= uint32_t{input.byte()} << (input.byte() % 32);
    event.control ^= uint32_t{input.byte()} << (1 + input.byte() % 24);
  };
  Xhci xhci(controller.hardware());
  Devices devices(xhci, "fuzz", mm::Printer());
  TypedKeys keys;
  if (xhci.start().ok()) {
    devices.find();
    for (int i = 0; i < 64 && !input.empty(); ++i) {
      std::vector<uint8_t> report(input.byte() % 12);
      for (uint8_t& byte : report) byte = input.byte();
      test::PretendDevice* const devices_of[] = {&keyboard, &other, &hub};
      controller.press(*devices_of[input.byte() % 3], report);
      if ((input.byte() & 7) == 0) {
        controller.plug(2, (input.byte() & 1) != 0 ? &hub : nullptr);
      }
      devices.poll(keys);
      while (keys.take()) continue;
    }
    xhci.stop();
    devices.forget();
  }
  // What a slot kept that would not be disabled.
  fuzz::check(controller.pages_out <= Xhci::kMostSlots);
}
