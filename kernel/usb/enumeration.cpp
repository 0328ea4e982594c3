// From a port at which something is to a device whose reports come (USB 2.0, section 9.1.2; xHCI 1.2,
// section 4.3).
#include <algorithm>
#include <bit>

#include "kernel/usb/devices.h"

namespace kernel::usb {
namespace {

using namespace xhci;  // NOLINT: all of it is about those

constexpr uint64_t kControlAt = 2048, kReportsAt = 2560;
constexpr unsigned kRingCount = 32;
constexpr uint16_t kMostReportBytes = 1024;

// Requests (USB 2.0, table 9-4; HID 1.11, section 7.2; hubs: section 11.24.2).
constexpr uint8_t kFromDevice = 0x80, kToInterface = 0x21, kToPort = 0x23, kFromPort = 0xa3,
                  kFromHub = 0xa0, kToHub = 0x20;
constexpr uint8_t kGetStatus = 0, kClearFeature = 1, kSetFeature = 3, kGetDescriptor = 6,
                  kSetConfiguration = 9, kSetIdle = 10, kSetProtocol = 11;
constexpr uint16_t kBootProtocol = 0;
constexpr uint16_t kHubPortReset = 4, kHubPortPower = 8, kFirstChange = 16;
constexpr uint32_t kHubConnected = 1, kHubEnabled = 1u << 1, kHubReset = 1u << 4,
                   kHubLowSpeed = 1u << 9, kHubHighSpeed = 1u << 10;
constexpr uint32_t kHubConnectChange = 1u << 16, kHubOverCurrent = 1u << 3;
// Of the hub itself.
constexpr uint32_t kOverCurrent = 1u << 1;
constexpr unsigned kChanges = 16;  // as much higher than what has changed
// What draws too much current does so again: not for ever.
constexpr unsigned kMostOverloads = 3;

constexpr unsigned kAddSlot = 1u << 0, kAddControl = 1u << 1;

unsigned control_packet(Speed speed) {
  switch (speed) {
    case Speed::High:
      return 64;
    case Speed::Super:
      return 512;
    default:
      return 8;
  }
}

// As a power of two of 125 us (xHCI 1.2, section 6.2.3.6).
unsigned interval_of(Speed speed, uint8_t said) {
  if (speed == Speed::Full || speed == Speed::Low) {
    const unsigned frames = std::max<unsigned>(said, 1);
    return 3 + static_cast<unsigned>(std::bit_width(frames)) - 1;
  }
  return std::clamp<unsigned>(said, 1, 16) - 1;
}

void put_endpoint(volatile uint32_t* words, EndpointType type, unsigned packet, unsigned interval,
                  uint64_t ring) {
  constexpr uint32_t kThreeErrors = 3u << 1;
  words[0] = interval << 16;
  words[1] = kThreeErrors | static_cast<uint32_t>(type) << 3 | packet << 16;
  words[2] = static_cast<uint32_t>(ring);
  words[3] = static_cast<uint32_t>(ring >> 32);
  const bool reports = type == EndpointType::InterruptIn;
  words[4] = reports ? packet | packet << 16 : 8;
}

uint32_t word(Bytes bytes) {
  return bytes[0] | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 | uint32_t{bytes[3]} << 24;
}

}  // namespace

void Devices::put_slot(const Device& device, volatile uint32_t* input, unsigned entries) const {
  volatile uint32_t* const words = input + xhci_.context_words();
  const bool hub = device.kind == Device::Kind::Hub;
  words[0] = device.route | static_cast<uint32_t>(device.speed) << 20 | (hub ? 1u << 26 : 0) |
             entries << 27;
  words[1] = uint32_t{device.root_port} << 16 | (hub ? uint32_t{device.hub.ports} << 24 : 0);
  const bool translates = hub && device.speed == Speed::High;
  words[2] = device.translator | uint32_t{device.translator_port} << 8 |
             (translates ? uint32_t{device.hub.think_time} << 16 : 0);
}

mm::Result<> Devices::address(Device& device) {
  if (device.parent == Device::kNoParent) {
    device.speed = BATON_TRY(xhci_.reset_port(device.port));
  } else {
    Device& hub = devices_[device.parent];
    BATON_TRY(reset_hub_port(hub, device.port, device.speed));
    const bool slow = device.speed == Speed::Full || device.speed == Speed::Low;
    if (slow && hub.speed == Speed::High) {
      device.translator = hub.slot;
      device.translator_port = device.port;
    } else if (slow) {
      device.translator = hub.translator;
      device.translator_port = hub.translator_port;
    }
  }
  device.page = BATON_TRY(xhci_.take_page());
  device.control = Ring(xhci_.hardware(), device.page + kControlAt, kRingCount);
  device.reports = Ring(xhci_.hardware(), device.page + kReportsAt, kRingCount);
  device.slot = BATON_TRY(xhci_.command(TrbType::EnableSlot));
  xhci_.set_context(device.slot, device.page);
  volatile uint32_t* const input = xhci_.clear_input();
  input[1] = kAddSlot | kAddControl;
  put_slot(device, input, 1);
  put_endpoint(input + 2 * xhci_.context_words(), EndpointType::Control,
               control_packet(device.speed), 0, device.control.next());
  (void)BATON_TRY(xhci_.command(TrbType::AddressDevice, xhci_.input(), device.slot));
  xhci_.hardware().sleep(2000);  // USB 2.0, section 9.2.6.3
  return {};
}

// A full-speed device says how long its packets are in the first 8 bytes, which fit any.
mm::Result<> Devices::learn_packet_size(Device& device, DeviceFacts& facts) {
  std::array<uint8_t, 8> first{};
  BATON_TRY(control(device, {kFromDevice, kGetDescriptor, kDeviceDescriptor << 8, 0, 8}, first));
  const auto said = parse_device(first);
  if (!said) return mm::Error{"no device descriptor", "device"};
  facts = *said;
  if (device.speed != Speed::Full || facts.packet == 8) return {};
  if (facts.packet != 16 && facts.packet != 32 && facts.packet != 64) {
    return mm::Error{"packets of {} bytes", "device", facts.packet};
  }
  volatile uint32_t* const input = xhci_.clear_input();
  input[1] = kAddControl;
  put_endpoint(input + 2 * xhci_.context_words(), EndpointType::Control, facts.packet, 0,
               device.control.next());
  (void)BATON_TRY(xhci_.command(TrbType::EvaluateContext, xhci_.input(), device.slot));
  return {};
}

mm::Result<> Devices::identify(Device& device) {
  DeviceFacts facts;
  BATON_TRY(learn_packet_size(device, facts));
  const bool hub = facts.device_class == kHubClass;
  if (hub && (device.speed == Speed::Super || device.tier >= Device::kMostTiers)) return {};
  std::array<uint8_t, kDeviceBytes> whole{};
  BATON_TRY(control(device, {kFromDevice, kGetDescriptor, kDeviceDescriptor << 8, 0, kDeviceBytes},
                    whole));
  facts = parse_device(whole).value_or(facts);
  device.vendor = facts.vendor;
  device.product = facts.product;
  std::array<uint8_t, Xhci::kBufferBytes> bytes{};
  const Request ask{kFromDevice, kGetDescriptor, kConfigurationDescriptor << 8, 0,
                    kConfigurationBytes};
  BATON_TRY(control(device, ask, bytes));
  auto configuration = parse_configuration(std::span(bytes).first(kConfigurationBytes));
  if (!configuration) return mm::Error{"no configuration", "device"};
  // What is longer than the buffer is read as far as that reaches: its first interfaces.
  Request rest = ask;
  rest.length = static_cast<uint16_t>(std::min<size_t>(configuration->total, bytes.size()));
  BATON_TRY(control(device, rest, bytes));
  configuration = parse_configuration(std::span(bytes).first(rest.length));
  if (!configuration) return mm::Error{"no configuration", "device"};
  if (hub && configuration->hub) {
    device.kind = Device::Kind::Hub;
    device.endpoint = *configuration->hub;
  } else if (configuration->keyboard) {
    device.kind = Device::Kind::Keyboard;
    device.endpoint = *configuration->keyboard;
  } else {
    return {};
  }
  return configure(device, *configuration);
}

mm::Result<> Devices::configure(Device& device, const Configuration& configuration) {
  if (device.endpoint.packet > kMostReportBytes) {
    return mm::Error{"reports of {} bytes", "device", device.endpoint.packet};
  }
  BATON_TRY(control(device, {0, kSetConfiguration, configuration.value, 0, 0}));
  if (device.kind == Device::Kind::Hub) BATON_TRY(open_hub(device));
  const uint8_t index = device.report_index();
  volatile uint32_t* const input = xhci_.clear_input();
  input[1] = kAddSlot | 1u << index;
  put_slot(device, input, index);
  put_endpoint(input + (index + 1u) * xhci_.context_words(), EndpointType::InterruptIn,
               device.endpoint.packet, interval_of(device.speed, device.endpoint.interval),
               device.reports.next());
  (void)BATON_TRY(xhci_.command(TrbType::ConfigureEndpoint, xhci_.input(), device.slot));
  if (device.kind == Device::Kind::Keyboard) {
    const uint16_t interface = device.endpoint.interface;
    BATON_TRY(control(device, {kToInterface, kSetProtocol, kBootProtocol, interface, 0}));
    // Reports when something changes only. Some know no other way, and refuse.
    (void)control(device, {kToInterface, kSetIdle, 0, interface, 0});
    return {};
  }
  for (uint8_t port = 1; port <= device.hub.ports; ++port) {
    BATON_TRY(hub_feature(device, true, kHubPortPower, port));
  }
  xhci_.hardware().sleep(100'000 + device.hub.power_good);
  device.new_ports = (2u << device.hub.ports) - 2;
  return {};
}

mm::Result<> Devices::open_hub(Device& device) {
  std::array<uint8_t, 16> bytes{};
  BATON_TRY(
      control(device, {kFromHub, kGetDescriptor, kHubDescriptor << 8, 0, bytes.size()}, bytes));
  const auto hub = parse_hub(bytes);
  if (!hub) return mm::Error{"no hub descriptor", "hub"};
  device.hub = *hub;
  if (device.hub.ports <= Device::kMostHubPorts) return {};
  out_.line("usb: {}: a hub's ports above {} are left alone ({} there)", name_,
            Device::kMostHubPorts, device.hub.ports);
  device.hub.ports = Device::kMostHubPorts;
  return {};
}

mm::Result<> Devices::hub_feature(Device& hub, bool set, uint16_t feature, uint8_t port) {
  return control(hub, {kToPort, set ? kSetFeature : kClearFeature, feature, port, 0});
}

mm::Result<> Devices::reset_hub_port(Device& hub, uint8_t port, Speed& speed) {
  BATON_TRY(hub_feature(hub, true, kHubPortReset, port));
  uint32_t status = 0;
  for (unsigned tries = 0; tries < 50; ++tries) {
    xhci_.hardware().sleep(10'000);
    std::array<uint8_t, 4> bytes{};
    BATON_TRY(control(hub, {kFromPort, kGetStatus, 0, port, 4}, bytes));
    status = word(bytes);
    if ((status & kHubReset) == 0) break;
  }
  if ((status & kHubReset) != 0 || (status & kHubEnabled) == 0) {
    return mm::Error{"is not enabled by a reset (port {}, status {:#x})", "hub", port, status};
  }
  xhci_.hardware().sleep(10'000);  // USB 2.0, section 7.1.7.5
  speed = (status & kHubLowSpeed) != 0    ? Speed::Low
          : (status & kHubHighSpeed) != 0 ? Speed::High
                                          : Speed::Full;
  return {};
}

// Its power, or too much of it: seen, or it tells of that with each report (USB 2.0, section
// 11.24.2.6).
void Devices::hub_itself_changed(Device& hub) {
  std::array<uint8_t, 4> bytes{};
  mm::Result<> done = control(hub, {kFromHub, kGetStatus, 0, 0, 4}, bytes);
  for (uint16_t bit = 0; bit < 2 && done.ok(); ++bit) {
    if ((word(bytes) >> (16 + bit) & 1) == 0) continue;
    done = control(hub, {kToHub, kClearFeature, bit, 0, 0});
  }
  const uint32_t status = word(bytes);
  if (done.ok() && (status & (kOverCurrent << kChanges)) != 0 && (status & kOverCurrent) == 0) {
    done = power_again(hub, 1, hub.hub.ports);
  }
  if (!done.ok()) tell(hub, done.error());
}

// Ports have no power after too much current (USB 2.0, section 11.12.5). What is there then connects
// anew.
mm::Result<> Devices::power_again(Device& hub, uint8_t first, uint8_t last) {
  if (++hub.overloads > kMostOverloads) {
    return mm::Error{"draws too much current again and again, and gets no more power (port {})",
                     "hub", first};
  }
  xhci_.hardware().sleep(100'000);
  for (uint8_t port = first; port <= last; ++port) {
    BATON_TRY(hub_feature(hub, true, kHubPortPower, port));
  }
  xhci_.hardware().sleep(hub.hub.power_good);
  return {};
}

void Devices::hub_changed(Device& hub, uint8_t port, bool first) {
  const auto read = [&](uint32_t& status) -> mm::Result<> {
    std::array<uint8_t, 4> bytes{};
    BATON_TRY(control(hub, {kFromPort, kGetStatus, 0, port, 4}, bytes));
    status = word(bytes);
    for (uint16_t bit = 0; bit < 5; ++bit) {
      if ((status >> (16 + bit) & 1) == 0) continue;
      BATON_TRY(hub_feature(hub, false, static_cast<uint16_t>(kFirstChange + bit), port));
    }
    return {};
  };
  uint32_t status = 0;
  const mm::Result<> done = read(status);
  if (!done.ok()) return tell(hub, done.error());
  if ((status & (kHubOverCurrent << kChanges)) != 0 && (status & kHubOverCurrent) == 0) {
    if (const auto on = power_again(hub, port, port); !on.ok()) tell(hub, on.error());
  }
  if (!first && (status & kHubConnectChange) == 0) return;
  const auto parent = static_cast<uint8_t>(&hub - devices_.data());
  detach(parent, port);
  if ((status & kHubConnected) == 0) return;
  if (!first) xhci_.hardware().sleep(100'000);  // USB 2.0, section 7.1.7.3
  attach(parent, port);
}

}  // namespace kernel::usb
