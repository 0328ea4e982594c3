#include "kernel/usb/usb.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/device_map.h"
#include "kernel/frames.h"
#include "kernel/usb/config_space.h"
#include "kernel/usb/config_windows.h"
#include "kernel/usb/devices.h"
#include "kernel/usb/xhci.h"

namespace kernel {
namespace {

using namespace usb;  // NOLINT: all of it is about that
using mm::Printer;

constexpr size_t kMostControllers = 8, kMostWindows = 16;
// How often a controller is asked whether it is well.
constexpr uint64_t kLookAfter = 1'000'000;

// One that runs, in pages of its own.
struct Controller {
  Controller(ConfigSpace& config, const PciFunction& function, uintptr_t base, uint64_t size,
             const Printer& out);

  const ConfigSpace& space;
  PciFunction at;
  uintptr_t registers;
  std::array<char, 24> name{};
  Xhci xhci;
  Devices devices;
};

struct State {
  Booted* machine = nullptr;  // null: not opened
  std::array<ConfigWindow, kMostWindows> windows{};
  std::array<ConfigSpace, kMostWindows> spaces{};
  size_t space_count = 0;
  std::array<Controller*, kMostControllers> controllers{};
  size_t controller_count = 0;
  bool told = false;            // lines, since somebody asked
  bool told_of_window = false;  // that one cannot be mapped
  uint64_t looked_after = 0;
};
constinit State state;
constinit TypedKeys typed;

// Lines of the log, which may come while somebody is at the prompt.
Printer news() {
  return {[](void*, std::string_view text) {
            if (!state.told) console().finish_line();
            state.told = true;
            log().text(text);
          },
          nullptr};
}

// --- What a controller stands on ---

Controller& of(void* context) { return *static_cast<Controller*>(context); }

volatile uint32_t& at(void* context, uint32_t offset) {
  return *reinterpret_cast<volatile uint32_t*>(of(context).registers + offset);  // NOLINT
}

mm::PagesOr take(void* /*context*/, unsigned order, bool low) {
  const mm::Gfp gfp = (low ? mm::kGfpDma32 : mm::kGfpKernel) | mm::kGfpFlagZero;
  return take_frames(*state.machine, gfp, order);
}

void give(void* /*context*/, mm::Pfn frame, unsigned order) {
  const mm::Freed freed = give_frames(*state.machine, frame, order);
  if (!freed.ok()) news().error("usb", freed.error());
}

Hardware hardware(Controller& controller, uint64_t size) {
  return {
      .context = &controller,
      .read = [](void* context, uint32_t offset) -> uint32_t { return at(context, offset); },
      .write = [](void* context, uint32_t offset, uint32_t value) { at(context, offset) = value; },
      .size = size,
      .take = take,
      .give = give,
      .map = state.machine->kept.map(),
      .microseconds = [](void*) { return arch::microseconds(); },
      .rest = [](void*) { arch::doze(); },
      .order = [](void*) { arch::order_for_devices(); },
      .let_in = [](void* c) { switch_function(of(c).space, of(c).at, Access::Memory); },
      .cut_off = [](void* c) { switch_function(of(c).space, of(c).at, Access::None); }};
}

Controller::Controller(ConfigSpace& config, const PciFunction& function, uintptr_t base,
                       uint64_t size, const Printer& out)
    : space(config),
      at(function),
      registers(base),
      xhci(hardware(*this, size)),
      devices(xhci, name.data(), out) {
  // As lspci has it; the segment where it is another than the first.
  if (at.segment != 0) {
    (void)mm::format(name, "{:04x}:{:02x}:{:02x}.{}", at.segment, at.bus, at.device, at.function);
  } else {
    (void)mm::format(name, "{:02x}:{:02x}.{}", at.bus, at.device, at.function);
  }
}

// --- Configuration space ---

void sleep(uint64_t least_microseconds) {
  Hardware clock;
  clock.microseconds = [](void*) { return arch::microseconds(); };
  clock.rest = [](void*) { arch::doze(); };
  clock.sleep(least_microseconds);
}

uint32_t* in_window(void* context, uint32_t at) {
  const auto& window = *static_cast<const ConfigWindow*>(context);
  const mm::Range bus = window.bus(at >> 16);
  if (!is_mapped_device(bus.start)) {
    const auto mapped = map_device(*state.machine, bus);
    if (!mapped.ok() && !std::exchange(state.told_of_window, true)) {
      news().error("usb: PCI configuration space", mapped.error());
    }
    if (!mapped.ok()) return nullptr;
  }
  return state.machine->kept.map().at<uint32_t>(bus.start + window_offset(at));
}

void add_windows(size_t count) {
  if (count > state.windows.size()) {
    news().line("usb: {} of {} PCI segments are looked at", state.windows.size(), count);
  }
  state.space_count = std::min(count, state.windows.size());
  for (size_t i = 0; i < state.space_count; ++i) {
    ConfigWindow& window = state.windows[i];
    state.spaces[i] = {.context = &window,
                       .read = [](void* context, uint32_t at) -> uint32_t {
                         const volatile uint32_t* const there = in_window(context, at);
                         return there == nullptr ? ~uint32_t{0} : *there;
                       },
                       .write =
                           [](void* context, uint32_t at, uint32_t value) {
                             volatile uint32_t* const there = in_window(context, at);
                             if (there != nullptr) *there = value;
                           },
                       .sleep = sleep,
                       .segment = window.segment,
                       .first_bus = window.first_bus,
                       .last_bus = window.last_bus};
  }
}

// Ports reach the first only.
void tell_of_other_segments() {
  const auto mcfg = state.machine->tables.tables().table("MCFG");
  const size_t count = std::min(windows_of_mcfg(mcfg, state.windows), state.windows.size());
  const auto others = std::count_if(state.windows.begin(), state.windows.begin() + count,
                                    [](const ConfigWindow& window) { return window.segment != 0; });
  if (others == 0) return;
  news().line("usb: {} windows of PCI segments beside the first are not looked at", others);
}

void find_spaces() {
  const FirmwareTables& tables = state.machine->tables;
  if (arch::config_ports() != nullptr) {
    state.spaces[0] = {
        .read = [](void*, uint32_t at) { return arch::config_ports()->read(at); },
        .write = [](void*, uint32_t at, uint32_t value) { arch::config_ports()->write(at, value); },
        .sleep = sleep,
        .last_bus = 255,
        .all_buses = true};
    state.space_count = 1;
    return tell_of_other_segments();
  }
  if (!tables.told_by_tree()) {
    return add_windows(windows_of_mcfg(tables.tables().table("MCFG"), state.windows));
  }
  const auto count = windows_of_tree(tables.tree(), state.windows);
  if (count.ok()) return add_windows(count.value());
  news().error("USB fault: OF: fdt", count.error());
}

// --- Controllers ---

void tell_fault(const Controller& controller, const mm::Error& error) {
  news().part("USB fault: {}", controller.name.data());
  news().error("", error);
  for (const char* const table : {"DMAR", "IVRS", "IORT"}) {
    if (state.machine->tables.tables().table(table).empty()) continue;
    news().line("usb: this machine has an IOMMU ({}), which the firmware may have left on", table);
  }
}

void stop(Controller& controller) {
  controller.xhci.stop();
  controller.devices.forget();
}

mm::Result<> open_controller(ConfigSpace& space, const PciFunction& function) {
  Booted& machine = *state.machine;
  const mm::Range registers = BATON_TRY(wake_function(space, function));
  const uintptr_t base = BATON_TRY(map_device(machine, registers));
  unsigned order = 0;
  while (mm::kPageSize << order < sizeof(Controller)) ++order;
  const mm::PagesOr place = take(nullptr, order, false);
  if (!place) return place.error();
  auto* const controller = new (machine.kept.map().at(mm::phys(place.value())))
      Controller(space, function, base, registers.size(), news());
  state.controllers[state.controller_count++] = controller;
  switch_function(space, function, Access::Registers);
  if (const auto started = controller->xhci.start(); !started.ok()) {
    tell_fault(*controller, started.error());
    return {};
  }
  controller->devices.find();
  if (const auto& broken = controller->xhci.broken()) {
    tell_fault(*controller, *broken);
    stop(*controller);
  }
  return {};
}

void open_space(ConfigSpace& space) {
  std::array<UsbController, 32> found;
  const size_t count = find_usb_controllers(space, found);
  size_t old = 0;
  for (const UsbController& each : std::span(found).first(std::min(count, found.size()))) {
    if (each.interface != kXhci) {
      ++old;
      continue;
    }
    if (state.controller_count == state.controllers.size()) {
      news().line("usb: more than {} controllers: that at {:02x}:{:02x}.{} is left alone",
                  state.controllers.size(), each.at.bus, each.at.device, each.at.function);
      continue;
    }
    const auto opened = open_controller(space, each.at);
    if (opened.ok()) continue;
    news().part("USB fault: {:02x}:{:02x}.{}", each.at.bus, each.at.device, each.at.function);
    news().error("", opened.error());
  }
  if (count > found.size()) {
    news().line("usb: {} of {} controllers are looked at", found.size(), count);
  }
  if (old != 0 && usb_keyboards() == 0) {
    news().line("usb: {} controllers are older than xHCI, and not driven", old);
  }
}

std::span<Controller* const> all() {
  return std::span(state.controllers).first(state.controller_count);
}

}  // namespace

void open_usb(Booted& machine) {
  if (state.machine != nullptr) return;
  state.machine = &machine;
  find_spaces();
  for (size_t i = 0; i < state.space_count; ++i) open_space(state.spaces[i]);
}

size_t usb_keyboards() {
  size_t count = 0;
  for (const Controller* const controller : all()) count += controller->devices.keyboards();
  return count;
}

std::optional<char> read_usb() {
  if (const auto c = typed.take()) return c;
  if (state.controller_count == 0) return std::nullopt;
  const uint64_t now = arch::microseconds();
  const bool look = now - state.looked_after >= kLookAfter;
  if (look) state.looked_after = now;
  for (Controller* const controller : all()) {
    if (controller->xhci.is_stopped()) continue;
    controller->devices.poll(typed);
    if (look) controller->xhci.look_after();
    if (const auto& broken = controller->xhci.broken()) {
      tell_fault(*controller, *broken);
      stop(*controller);
    }
  }
  return typed.take();
}

bool told_of_usb() { return std::exchange(state.told, false); }

void print_usb(const Printer& out) {
  if (state.machine == nullptr) return out.line("USB was not looked at");
  if (state.controller_count == 0) return out.line("no xHCI controller");
  for (const Controller* const controller : all()) {
    const Xhci& xhci = controller->xhci;
    out.line("{}: xHCI, {} ports, {} KiB of memory{}", controller->name.data(), xhci.ports(),
             xhci.pages_held() * 4, xhci.is_stopped() ? ", stopped" : "");
    for (const Device& device : controller->devices.all()) {
      if (device.kind < Device::Kind::Hub) continue;
      constexpr const char* kSpeeds[] = {"no", "full", "low", "high", "super"};
      out.text("  port ");
      Devices::print_place(device, out);
      out.line(": {} {:04x}:{:04x}, {} speed",
               device.kind == Device::Kind::Hub ? "hub" : "keyboard", device.vendor, device.product,
               kSpeeds[static_cast<size_t>(device.speed)]);
    }
  }
}

}  // namespace kernel
