// PCI configuration space, the first 256 bytes of each function, whatever reaches them: a PC's ports
// or a window in memory (PCI Local Bus 3.0 chapter 6, PCI Express 5.0 section 7.2). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "mm/result.h"
#include "mm/types.h"

namespace kernel::usb {

struct PciFunction {
  uint16_t segment = 0;
  uint8_t bus = 0, device = 0, function = 0;
  [[nodiscard]] uint32_t place() const {
    return uint32_t{bus} << 16 | uint32_t{device} << 11 | uint32_t{function} << 8;
  }
};

// The configuration space of one segment's buses.
struct ConfigSpace {
  void* context = nullptr;
  // 32 bits at PciFunction::place() + an offset that is a multiple of 4. What is not there reads as
  // ones.
  uint32_t (*read)(void* context, uint32_t at) = nullptr;
  void (*write)(void* context, uint32_t at, uint32_t value) = nullptr;
  void (*sleep)(uint64_t least_microseconds) = nullptr;
  uint16_t segment = 0;
  uint8_t first_bus = 0, last_bus = 0;
  // Buses that no bridge leads to are looked at, too, as host bridges of a PC may begin anywhere.
  bool all_buses = false;

  [[nodiscard]] uint32_t at(const PciFunction& f, unsigned offset) const {
    return read(context, f.place() | offset);
  }
  void set(const PciFunction& f, unsigned offset, uint32_t value) const {
    write(context, f.place() | offset, value);
  }
};

// A USB host controller: class 0x0c03.
struct UsbController {
  PciFunction at;
  uint8_t interface = 0;  // kXhci, or an older one
};
inline constexpr uint8_t kUhci = 0x00, kOhci = 0x10, kEhci = 0x20, kXhci = 0x30;
[[nodiscard]] const char* usb_name(uint8_t interface);

// All there are on buses that can be reached, each function once. How many, which may be more than
// fit.
size_t find_usb_controllers(const ConfigSpace& space, std::span<UsbController> out);

// The function is awake, and where its first BAR has its registers. Nothing is switched on yet.
// Fails where it has none in memory, or the firmware gave it no address.
mm::Result<mm::Range> wake_function(const ConfigSpace& space, const PciFunction& f);
// What it may do: nothing; answer at its registers; or reach memory by itself, too. Never does it
// send interrupts. When that returns it is so.
enum class Access : uint8_t { None, Registers, Memory };
void switch_function(const ConfigSpace& space, const PciFunction& f, Access access);

}  // namespace kernel::usb
