#include "kernel/usb/config_space.h"

#include <array>
#include <iterator>

namespace kernel::usb {
namespace {

constexpr unsigned kId = 0x00, kCommand = 0x04, kClass = 0x08, kHeader = 0x0c, kBar0 = 0x10,
                   kBar1 = 0x14, kBuses = 0x18, kCapabilities = 0x34;
constexpr uint32_t kNobody = 0xffff'ffff;
// Of the command register; the status in its upper half is cleared by ones, so it is written as 0.
constexpr uint32_t kMemory = 1u << 1, kMaster = 1u << 2, kNoInterrupts = 1u << 10;
constexpr uint32_t kHasCapabilities = 1u << 20;  // of the status
constexpr uint8_t kPowerManagement = 0x01;
constexpr uint32_t kNoSoftReset = 1u << 3;  // of its control and status
constexpr uint32_t kUsbClass = 0x0c03;

class Search {
 public:
  Search(const ConfigSpace& space, std::span<UsbController> out) : space_(space), out_(out) {}

  size_t run() {
    // Bridges lead to buses with higher numbers; each bus is looked at once.
    pending_[space_.first_bus] = true;
    for (unsigned bus = space_.first_bus; bus <= space_.last_bus; ++bus) {
      if (pending_[bus] || space_.all_buses) look_at(static_cast<uint8_t>(bus));
    }
    return count_;
  }

 private:
  void look_at(uint8_t bus) {
    for (uint8_t device = 0; device < 32; ++device) {
      const PciFunction first{space_.segment, bus, device, 0};
      if (space_.at(first, kId) == kNobody) continue;
      const bool many = (space_.at(first, kHeader) >> 23 & 1) != 0;
      for (unsigned function = 0; function < (many ? 8u : 1u); ++function) {
        take({space_.segment, bus, device, static_cast<uint8_t>(function)});
      }
    }
  }

  void take(const PciFunction& f) {
    if (space_.at(f, kId) == kNobody) return;
    const uint32_t type = space_.at(f, kHeader) >> 16 & 0x7f;
    if (type == 1) pending_[space_.at(f, kBuses) >> 8 & 0xff] = true;
    const uint32_t kind = space_.at(f, kClass);
    if (type != 0 || kind >> 16 != kUsbClass) return;
    if (count_ < out_.size()) out_[count_] = {f, static_cast<uint8_t>(kind >> 8)};
    ++count_;
  }

  const ConfigSpace& space_;
  std::span<UsbController> out_;
  size_t count_ = 0;
  std::array<bool, 256> pending_{};
};

// Offset of a capability; 0: the function has none, or a list that leads astray.
unsigned find_capability(const ConfigSpace& space, const PciFunction& f, uint8_t id) {
  if ((space.at(f, kCommand) & kHasCapabilities) == 0) return 0;
  unsigned at = space.at(f, kCapabilities) & 0xfc;
  for (unsigned i = 0; i < 48 && at >= 0x40; ++i) {
    const uint32_t head = space.at(f, at);
    if ((head & 0xff) == id) return at;
    at = head >> 8 & 0xfc;
  }
  return 0;
}

// Into state D0 (PCI Power Management 1.2, section 3.2.4). Coming from D3 the function takes 10 ms
// (section 5.6.1), and is as after a reset where it does not say otherwise (section 5.4.1).
void wake(const ConfigSpace& space, const PciFunction& f) {
  const unsigned at = find_capability(space, f, kPowerManagement);
  if (at == 0 || at + 4 > 0xfc) return;
  const uint32_t status = space.at(f, at + 4);
  if ((status & 3) == 0) return;
  constexpr unsigned kKept[] = {kBar0, kBar1, kCommand};
  uint32_t kept[std::size(kKept)];
  for (size_t i = 0; i < std::size(kKept); ++i) kept[i] = space.at(f, kKept[i]);
  space.set(f, at + 4, status & 0xffff'7ffc);
  space.sleep(10'000);
  if ((status & kNoSoftReset) != 0) return;
  kept[std::size(kKept) - 1] &= 0xffff;
  for (size_t i = 0; i < std::size(kKept); ++i) space.set(f, kKept[i], kept[i]);
}

}  // namespace

const char* usb_name(uint8_t interface) {
  switch (interface) {
    case kUhci:
      return "UHCI";
    case kOhci:
      return "OHCI";
    case kEhci:
      return "EHCI";
    case kXhci:
      return "xHCI";
    default:
      return "controller of an unknown kind";
  }
}

size_t find_usb_controllers(const ConfigSpace& space, std::span<UsbController> out) {
  return Search(space, out).run();
}

mm::Result<mm::Range> wake_function(const ConfigSpace& space, const PciFunction& f) {
  wake(space, f);
  const uint32_t low = space.at(f, kBar0);
  if ((low & 1) != 0) return mm::Error{"its registers are at ports (BAR {:#x})", "PCI", low};
  const bool wide = (low >> 1 & 3) == 2;
  const uint32_t high = wide ? space.at(f, kBar1) : 0;
  const uint64_t start = uint64_t{high} << 32 | (low & ~uint32_t{15});
  if (start == 0) return mm::Error{"the firmware gave its registers no address", "PCI"};
  // Its size: the bits that cannot be set (PCI 3.0, section 6.2.5.1). It must not answer meanwhile.
  const uint32_t command = space.at(f, kCommand) & 0xffff;
  space.set(f, kCommand, command & ~(kMemory | kMaster));
  space.set(f, kBar0, ~uint32_t{0});
  if (wide) space.set(f, kBar1, ~uint32_t{0});
  const uint32_t mask_low = space.at(f, kBar0) & ~uint32_t{15};
  const uint32_t mask_high = wide ? space.at(f, kBar1) : ~uint32_t{0};
  space.set(f, kBar0, low);
  if (wide) space.set(f, kBar1, high);
  const uint64_t size = ~(uint64_t{mask_high} << 32 | mask_low) + 1;
  if (size == 0 || size > mm::kGiB || start + size < start) {
    return mm::Error{"its registers have no size (BAR {:#x}, bytes {})", "PCI", start, size};
  }
  return mm::Range{mm::Phys{start}, mm::Phys{start + size}};
}

void switch_function(const ConfigSpace& space, const PciFunction& f, Access access) {
  uint32_t command = (space.at(f, kCommand) & 0xffff & ~(kMaster | kMemory)) | kNoInterrupts;
  if (access != Access::None) command |= kMemory;
  if (access == Access::Memory) command |= kMaster;
  space.set(f, kCommand, command);
  // The answer comes after all that it had sent to memory (PCI Express 5.0, section 2.4.1).
  (void)space.at(f, kCommand);
}

}  // namespace kernel::usb
