// What a USB device says of itself (USB 2.0, chapters 9 and 11; HID 1.11, section 4.2). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace kernel::usb {

using Bytes = std::span<const uint8_t>;

inline constexpr uint8_t kDeviceDescriptor = 1, kConfigurationDescriptor = 2,
                         kInterfaceDescriptor = 4, kEndpointDescriptor = 5, kHubDescriptor = 0x29;
inline constexpr size_t kDeviceBytes = 18, kConfigurationBytes = 9;
inline constexpr uint8_t kHubClass = 9;

struct DeviceFacts {
  uint8_t device_class = 0;
  uint8_t protocol = 0;  // of a hub: 2 has a translator for each port
  uint8_t packet = 0;    // bytes of a packet of endpoint 0; of USB 3 devices the logarithm
  uint16_t vendor = 0, product = 0;  // behind the first 8 bytes
};
// Nothing: that is no device descriptor, or less than 8 bytes of one.
[[nodiscard]] std::optional<DeviceFacts> parse_device(Bytes bytes);

// Where reports come from: an interrupt endpoint.
struct ReportEndpoint {
  uint8_t interface = 0;
  uint8_t number = 0;    // 1 to 15
  uint16_t packet = 0;   // bytes of a report at most
  uint8_t interval = 0;  // as the device says it, in its speed's unit
};
struct Configuration {
  uint8_t value = 0;                       // for SET_CONFIGURATION
  uint16_t total = 0;                      // bytes of all its descriptors
  std::optional<ReportEndpoint> keyboard;  // the first interface of the boot protocol
  std::optional<ReportEndpoint> hub;
};
// As far as `bytes` reach, which may be less than `total`. Nothing: that is no configuration.
[[nodiscard]] std::optional<Configuration> parse_configuration(Bytes bytes);

struct HubFacts {
  uint8_t ports = 0;
  uint8_t think_time = 0;   // the translator's, 0 to 3
  uint32_t power_good = 0;  // microseconds from power to a port that works
};
[[nodiscard]] std::optional<HubFacts> parse_hub(Bytes bytes);

}  // namespace kernel::usb
