#include "kernel/usb/descriptors.h"

namespace kernel::usb {
namespace {

constexpr uint8_t kHidClass = 3, kBootSubclass = 1, kKeyboardProtocol = 1;
constexpr uint8_t kInterruptTransfer = 3, kFromDevice = 0x80;

uint16_t word(Bytes bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] | bytes[at + 1] << 8);
}

// Interface and endpoint descriptors in their order: an endpoint is the last interface's.
class Walk {
 public:
  explicit Walk(Configuration& found) : found_(found) {}

  void take(Bytes descriptor) {
    if (descriptor[1] == kInterfaceDescriptor && descriptor.size() >= 9) {
      interface_ = descriptor[2];
      // Another setting would have to be chosen.
      const bool usual = descriptor[3] == 0;
      keyboard_ = usual && descriptor[5] == kHidClass && descriptor[6] == kBootSubclass &&
                  descriptor[7] == kKeyboardProtocol;
      hub_ = usual && descriptor[5] == kHubClass;
    } else if (descriptor[1] == kEndpointDescriptor && descriptor.size() >= 7) {
      endpoint(descriptor);
    }
  }

 private:
  void endpoint(Bytes descriptor) {
    const uint8_t address = descriptor[2];
    const auto number = static_cast<uint8_t>(address & 15);
    const auto packet = static_cast<uint16_t>(word(descriptor, 4) & 0x7ff);
    if ((address & kFromDevice) == 0 || number == 0 || packet == 0) return;
    if ((descriptor[3] & 3) != kInterruptTransfer) return;
    const ReportEndpoint endpoint{interface_, number, packet, descriptor[6]};
    if (keyboard_ && !found_.keyboard) found_.keyboard = endpoint;
    if (hub_ && !found_.hub) found_.hub = endpoint;
  }

  Configuration& found_;
  uint8_t interface_ = 0;
  bool keyboard_ = false, hub_ = false;
};

}  // namespace

std::optional<DeviceFacts> parse_device(Bytes bytes) {
  if (bytes.size() < 8 || bytes[0] < 8 || bytes[1] != kDeviceDescriptor) return std::nullopt;
  DeviceFacts facts{bytes[4], bytes[6], bytes[7], 0, 0};
  if (bytes.size() >= kDeviceBytes) {
    facts.vendor = word(bytes, 8);
    facts.product = word(bytes, 10);
  }
  return facts;
}

std::optional<Configuration> parse_configuration(Bytes bytes) {
  if (bytes.size() < kConfigurationBytes || bytes[1] != kConfigurationDescriptor) {
    return std::nullopt;
  }
  Configuration found;
  found.value = bytes[5];
  found.total = word(bytes, 2);
  if (bytes[0] < kConfigurationBytes || found.total < bytes[0]) return std::nullopt;
  if (bytes.size() > found.total) bytes = bytes.first(found.total);
  Walk walk(found);
  // A descriptor that is cut, or has no length, ends it.
  for (size_t at = bytes[0];
       at + 2 <= bytes.size() && bytes[at] >= 2 && bytes[at] <= bytes.size() - at;
       at += bytes[at]) {
    walk.take(bytes.subspan(at, bytes[at]));
  }
  return found;
}

std::optional<HubFacts> parse_hub(Bytes bytes) {
  if (bytes.size() < 7 || bytes[0] < 7 || bytes[1] != kHubDescriptor) return std::nullopt;
  constexpr uint32_t kUnit = 2000;
  return HubFacts{bytes[2], static_cast<uint8_t>(word(bytes, 3) >> 5 & 3), bytes[5] * kUnit};
}

}  // namespace kernel::usb
