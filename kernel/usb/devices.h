// What is plugged in at one controller: keyboards of the boot protocol and the hubs that lead to them.
// All else is looked at once and left alone.
//
// Hubs are those of USB 2: keyboards behind a hub of USB 3 are at its other half. Five tiers of them,
// and 15 ports of each, is what a route can say (xHCI 1.2, section 8.9).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernel/usb/boot_keyboard.h"
#include "kernel/usb/descriptors.h"
#include "kernel/usb/xhci.h"
#include "mm/print.h"

namespace kernel::usb {

struct Device {
  enum class Kind : uint8_t { None, Other, Hub, Keyboard };  // None: this place is free
  static constexpr uint8_t kNoParent = 0xff;
  static constexpr unsigned kMostTiers = 5;
  static constexpr uint8_t kMostHubPorts = 15;

  Kind kind = Kind::None;
  uint8_t slot = 0;
  xhci::Speed speed = xhci::Speed::None;
  uint8_t parent = kNoParent;  // which of the devices; none: a root port
  uint8_t port = 0;            // of the hub, or the root port
  uint8_t root_port = 0;
  uint8_t tier = 0;    // how many hubs are above
  uint32_t route = 0;  // their ports, four bits each, the one next to the root lowest
  uint8_t translator = 0,
          translator_port = 0;  // slot of the hub that speaks full or low speed; 0: none
  uint16_t vendor = 0, product = 0;
  mm::Phys page{};
  Ring control, reports;
  ReportEndpoint endpoint;
  mm::Phys asked{};       // with what, for the report that is under way
  unsigned failures = 0;  // of reports, one after the other
  HubFacts hub;
  uint32_t changed_ports = 0;  // of a hub: bits, by port; 0 is the hub itself
  uint32_t new_ports = 0;      // and those that were never looked at
  unsigned overloads = 0;      // of a hub: times that ports got their power again
  BootKeyboard keyboard;

  // Its device context index (section 4.8.1).
  [[nodiscard]] uint8_t report_index() const {
    return static_cast<uint8_t>(2 * endpoint.number + 1);
  }
};

class Devices {
 public:
  // `name`: what to call the controller in messages; both outlive it.
  Devices(Xhci& xhci, const char* name, const mm::Printer& out)
      : xhci_(xhci), name_(name), out_(out) {}
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;

  // Once the controller runs: what is plugged in already.
  void find();
  // What has been typed since, and what was plugged in or out. Does not wait where nothing was.
  void poll(TypedKeys& keys);
  // When the controller is stopped.
  void forget();

  [[nodiscard]] size_t keyboards() const;
  [[nodiscard]] std::span<const Device> all() const { return devices_; }
  // "2.1": the root port, and the hubs' ports that lead to it.
  static void print_place(const Device& device, const mm::Printer& out);

 private:
  [[nodiscard]] Device device_at(uint8_t parent, uint8_t port) const;
  void attach(uint8_t parent, uint8_t port);
  void detach(uint8_t parent, uint8_t port);
  void root_changed(const Xhci::PortChange& change);
  void settle_hubs();
  void hub_changed(Device& hub, uint8_t port, bool first);
  void hub_itself_changed(Device& hub);
  mm::Result<> power_again(Device& hub, uint8_t first, uint8_t last);
  void clear_translator(const Device& device);
  void take_report(const Report& report, TypedKeys& keys);
  void lost_report(Device& device, uint8_t code);
  void ask_for_report(Device& device);
  void release(Device& device);
  void drop_abandoned();

  // Steps of attach().
  mm::Result<> address(Device& device);
  mm::Result<> learn_packet_size(Device& device, DeviceFacts& facts);
  mm::Result<> identify(Device& device);
  mm::Result<> configure(Device& device, const Configuration& configuration);
  mm::Result<> open_hub(Device& device);
  mm::Result<> reset_hub_port(Device& hub, uint8_t port, xhci::Speed& speed);

  mm::Result<> control(Device& device, const Request& request, std::span<uint8_t> data = {});
  mm::Result<> hub_feature(Device& hub, bool set, uint16_t feature, uint8_t port);
  void put_slot(const Device& device, volatile uint32_t* input, unsigned entries) const;
  void tell(const Device& device, const mm::Error& error) const;

  Xhci& xhci_;
  const char* name_;
  mm::Printer out_;
  std::array<Device, Xhci::kMostSlots> devices_{};
};

}  // namespace kernel::usb
