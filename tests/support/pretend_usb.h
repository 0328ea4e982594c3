// USB devices that are pretended, to be plugged in at tests/support/pretend_xhci.h.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "kernel/usb/xhci_form.h"

namespace test {

// What hangs on a port: bytes that requests are answered with.
struct PretendDevice {
  kernel::usb::xhci::Speed speed = kernel::usb::xhci::Speed::Full;
  std::vector<uint8_t> device, configuration, hub;
  std::vector<uint8_t> stalls;        // requests that it refuses
  std::deque<uint8_t> errors;         // codes that the next requests end with
  std::deque<uint8_t> report_errors;  // and the next reports
  // A request that is answered when the next is asked, and so on from there: always one behind.
  std::vector<uint8_t> late;
  std::vector<uint8_t> told_twice;  // requests whose end is told again when the next is asked
  std::deque<std::vector<uint8_t>> reports;  // to come
  std::map<unsigned, PretendDevice*> below;  // of a hub, by port
  uint32_t hub_changes = 0;                  // its own
  uint32_t unpowered = 0;                    // of a hub: bits, by port
  std::vector<uint8_t> requests;             // that came
  std::vector<uint64_t> setups;              // in full
};

inline PretendDevice pretend_keyboard() {
  PretendDevice d;
  d.device = {18, 1, 0, 2, 0, 0, 0, 8, 0x27, 6, 1, 0, 0, 0, 0, 0, 0, 1};
  d.configuration = {9, 2,    34,   0, 1, 1, 0,    0xa0, 50,  // one interface,
                     9, 4,    0,    0, 1, 3, 1,    1,    0,   // a boot keyboard's,
                     9, 0x21, 0x11, 1, 0, 1, 0x22, 63,   0,   // with a HID descriptor,
                     7, 5,    0x81, 3, 8, 0, 10};             // and endpoint 1
  return d;
}
inline PretendDevice pretend_hub() {
  PretendDevice d;
  d.device = {18, 1, 0, 2, 9, 0, 0, 8, 9, 4, 0xaa, 0x55, 0, 0, 0, 0, 0, 1};
  d.configuration = {9, 2, 25, 0, 1, 1, 0, 0xe0, 0, 9, 4, 0, 0,
                     1, 9, 0,  0, 0, 7, 5, 0x81, 3, 1, 0, 12};
  d.hub = {9, 0x29, 4, 0, 0, 1, 0, 0, 0xff};
  return d;
}

}  // namespace test
