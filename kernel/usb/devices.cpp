#include "kernel/usb/devices.h"

#include <algorithm>

namespace kernel::usb {
namespace {

using namespace xhci;  // NOLINT: all of it is about those

// Of a device's page: its context, its two rings, and its report.
constexpr uint64_t kReportAt = 3072;
constexpr unsigned kMostFailures = 3;
// Reports and hubs' ports that are dealt with at a time, whatever comes meanwhile; and root ports,
// each of which may take a while.
constexpr unsigned kMostAtOnce = 32, kMostPlugged = 4;

constexpr uint8_t kClearFeature = 1;
constexpr uint16_t kEndpointHalt = 0;

}  // namespace

void Devices::print_place(const Device& device, const mm::Printer& out) {
  out.part("{}", device.root_port);
  for (unsigned tier = 0; tier < device.tier; ++tier) {
    out.part(".{}", device.route >> (4 * tier) & 15);
  }
}

void Devices::tell(const Device& device, const mm::Error& error) const {
  out_.part("USB fault: {} port ", name_);
  print_place(device, out_);
  out_.error("", error);
}

size_t Devices::keyboards() const {
  return static_cast<size_t>(std::count_if(devices_.begin(), devices_.end(), [](const Device& d) {
    return d.kind == Device::Kind::Keyboard;
  }));
}

void Devices::find() {
  for (unsigned port = 1; port <= xhci_.ports() && !xhci_.broken(); ++port) {
    if (xhci_.is_connected(port)) attach(Device::kNoParent, static_cast<uint8_t>(port));
  }
  settle_hubs();
  drop_abandoned();
}

Device Devices::device_at(uint8_t parent, uint8_t port) const {
  Device device;
  device.kind = Device::Kind::Other;
  device.parent = parent;
  device.port = port;
  device.root_port = port;
  if (parent == Device::kNoParent) return device;
  const Device& hub = devices_[parent];
  device.root_port = hub.root_port;
  device.tier = static_cast<uint8_t>(hub.tier + 1);
  device.route = hub.route | uint32_t{port} << (4 * hub.tier);
  return device;
}

void Devices::attach(uint8_t parent, uint8_t port) {
  const auto place = std::find_if(devices_.begin(), devices_.end(),
                                  [](const Device& d) { return d.kind == Device::Kind::None; });
  if (place == devices_.end()) {
    out_.line("usb: {}: more than {} devices: the one at port {} is left alone", name_,
              devices_.size(), port);
    return;
  }
  Device& device = *place;
  device = device_at(parent, port);
  mm::Result<> done = address(device);
  if (!done.ok() && !xhci_.broken()) {  // some hear a second reset only
    release(device);
    if (xhci_.broken()) return;  // forget() sees to it
    device = device_at(parent, port);
    done = address(device);
  }
  if (done.ok()) done = identify(device);
  if (!done.ok()) tell(device, done.error());
  if (!done.ok() || device.kind == Device::Kind::Other) return release(device);
  ask_for_report(device);
  if (device.kind != Device::Kind::Keyboard) return;
  out_.part("usb: keyboard {:04x}:{:04x} at {} port ", device.vendor, device.product, name_);
  print_place(device, out_);
  out_.text("\n");
}

// And all that hangs on it.
void Devices::detach(uint8_t parent, uint8_t port) {
  const auto top = std::find_if(devices_.begin(), devices_.end(), [&](const Device& d) {
    return d.kind != Device::Kind::None && d.parent == parent && d.port == port;
  });
  if (top == devices_.end()) return;
  const Device gone = *top;
  const uint32_t path = (uint32_t{1} << (4 * gone.tier)) - 1;
  for (Device& device : devices_) {
    const bool below = device.kind != Device::Kind::None && device.root_port == gone.root_port &&
                       device.tier >= gone.tier && (device.route & path) == (gone.route & path);
    if (!below) continue;
    if (device.kind == Device::Kind::Keyboard) {
      out_.part("usb: the keyboard at {} port ", name_);
      print_place(device, out_);
      out_.line(" is gone");
    }
    release(device);
  }
}

void Devices::release(Device& device) {
  if (device.slot != 0 && !xhci_.broken()) {
    const mm::Result<> disabled = xhci_.disable_slot(device.slot);
    // What the controller may still use is not given back.
    if (!disabled.ok() && !xhci_.broken()) {
      tell(device, disabled.error());
      out_.line("USB fault: {}: a page of memory stays with it ({})", name_, device.page);
      device = {};
      return;
    }
  }
  if (xhci_.broken() && !xhci_.is_stopped()) return;  // forget() sees to it
  if (device.page != mm::Phys{0}) xhci_.give_page(device.page);
  device = {};
}

// One whose requests cannot be had back would take part in what others are asked.
void Devices::drop_abandoned() {
  if (xhci_.broken()) return;
  for (const Device& device : devices_) {
    if (device.kind != Device::Kind::None && device.control.is_abandoned()) {
      detach(device.parent, device.port);
    }
  }
}

void Devices::forget() {
  for (Device& device : devices_) {
    if (device.kind != Device::Kind::None) release(device);
  }
}

void Devices::root_changed(const Xhci::PortChange& change) {
  if (!change.plugged) return;
  const auto port = static_cast<uint8_t>(change.port);
  detach(Device::kNoParent, port);
  if (!xhci_.is_connected(port)) return;
  xhci_.hardware().sleep(100'000);  // USB 2.0, section 7.1.7.3
  if (xhci_.is_connected(port)) attach(Device::kNoParent, port);
}

void Devices::settle_hubs() {
  for (unsigned i = 0; i < kMostAtOnce && !xhci_.broken(); ++i) {
    const auto hub = std::find_if(devices_.begin(), devices_.end(), [](const Device& d) {
      return d.kind == Device::Kind::Hub && (d.changed_ports | d.new_ports) != 0 &&
             !d.control.is_abandoned();
    });
    if (hub == devices_.end()) return;
    const auto port = static_cast<uint8_t>(__builtin_ctz(hub->changed_ports | hub->new_ports));
    const bool first = (hub->new_ports >> port & 1) != 0;
    hub->changed_ports &= ~(1u << port);
    hub->new_ports &= ~(1u << port);
    if (port == 0) {
      hub_itself_changed(*hub);
    } else {
      hub_changed(*hub, port, first);
    }
  }
}

void Devices::poll(TypedKeys& keys) {
  for (unsigned i = 0; i < kMostAtOnce && keys.has_room(); ++i) {
    const auto report = xhci_.take_report();
    if (!report) break;
    take_report(*report, keys);
  }
  for (unsigned i = 0; i < kMostPlugged && !xhci_.broken(); ++i) {
    const auto change = xhci_.take_changed_port();
    if (!change) break;
    root_changed(*change);
  }
  settle_hubs();
  drop_abandoned();
  const uint64_t now = xhci_.hardware().microseconds(xhci_.hardware().context);
  for (Device& device : devices_) {
    if (device.kind == Device::Kind::Keyboard && keys.has_room()) device.keyboard.repeat(now, keys);
  }
}

void Devices::ask_for_report(Device& device) {
  device.asked = device.reports.push({(device.page + kReportAt).v, device.endpoint.packet,
                                      trb_type(TrbType::Normal) | kInterrupts | kShortInterrupts});
  xhci_.ring_doorbell(device.slot, device.report_index());
}

void Devices::take_report(const Report& report, TypedKeys& keys) {
  const auto found = std::find_if(devices_.begin(), devices_.end(), [&](const Device& d) {
    return d.kind >= Device::Kind::Hub && d.slot == report.slot &&
           d.report_index() == report.endpoint && d.asked == report.asked;
  });
  if (found == devices_.end()) return;
  if (report.code != kSuccess && report.code != kShortPacket)
    return lost_report(*found, report.code);
  found->failures = 0;
  const uint32_t asked = found->endpoint.packet;
  const Hardware& hardware = xhci_.hardware();
  const Bytes bytes(hardware.map.at<const uint8_t>(found->page + kReportAt),
                    asked - std::min(report.missing, asked));
  if (found->kind == Device::Kind::Keyboard) {
    found->keyboard.take(bytes, hardware.microseconds(hardware.context), keys);
  } else {
    // USB 2.0, section 11.12.4.
    for (size_t i = 0; i < bytes.size() && i < 2; ++i) {
      found->changed_ports |= uint32_t{bytes[i]} << (8 * i);
    }
    found->changed_ports &= (2u << found->hub.ports) - 1;
  }
  ask_for_report(*found);
}

// An endpoint that has met an error stands still until it is told to go on.
void Devices::lost_report(Device& device, uint8_t code) {
  mm::Result<> done;
  if (++device.failures > kMostFailures) {
    done = mm::Error{"no more reports are asked for, as {} failed (code {})", "device",
                     kMostFailures, code};
  } else {
    done = xhci_.restart(device.slot, device.report_index(), device.reports, halts(code));
  }
  const auto endpoint = static_cast<uint16_t>(device.endpoint.number | 0x80);
  if (done.ok() && code == kStall) {
    done = control(device, {0x02, kClearFeature, kEndpointHalt, endpoint, 0});
  }
  if (done.ok()) return ask_for_report(device);
  tell(device, done.error());
  detach(device.parent, device.port);
}

// A hub that speaks a device's speed for it holds what it could not bring to an end, and is busy until
// it is told to forget that: in both directions, of a control endpoint (USB 2.0, sections 11.17.5 and
// 11.24.2.3). Hubs are used with one translator for all their ports, whose number is 1.
void Devices::clear_translator(const Device& device) {
  constexpr uint8_t kToPort = 0x23, kClearTtBuffer = 8;
  constexpr uint16_t kTranslator = 1, kDirectionIn = 1u << 15;
  const auto hub = std::find_if(devices_.begin(), devices_.end(), [&](const Device& d) {
    return d.kind == Device::Kind::Hub && d.slot == device.translator;
  });
  if (device.translator == 0 || hub == devices_.end()) return;
  // Of the slot's context (xHCI 1.2, section 6.2.2).
  const uint32_t words = xhci_.hardware().map.at<const volatile uint32_t>(device.page)[3];
  const auto endpoint = static_cast<uint16_t>((words & 0x7f) << 4);
  for (const uint16_t direction : {uint16_t{0}, kDirectionIn}) {
    const auto value = static_cast<uint16_t>(endpoint | direction);
    (void)control(*hub, {kToPort, kClearTtBuffer, value, kTranslator, 0});
  }
}

mm::Result<> Devices::control(Device& device, const Request& request, std::span<uint8_t> data) {
  struct Failed {
    Devices& devices;
    const Device& device;
  } failed{*this, device};
  const auto run = [](void* context) {
    const auto& f = *static_cast<const Failed*>(context);
    f.devices.clear_translator(f.device);
  };
  return xhci_.control(device.slot, device.control, request, data, {run, &failed});
}

}  // namespace kernel::usb
