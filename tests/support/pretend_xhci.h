// An xHCI controller on pretend memory, with whatever is plugged in: it reads the driver's rings and
// writes events, as the real one does, at once when a doorbell rings. Faults by name.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "kernel/usb/hardware.h"
#include "kernel/usb/ring.h"
#include "kernel/usb/xhci_form.h"
#include "tests/support/pretend_usb.h"

namespace test {

using kernel::usb::trb_type;

using kernel::usb::Hardware;
using kernel::usb::Trb;

class PretendXhci {
 public:
  enum class Fault : uint8_t { None, Ones, Zeroes, NotReady, NoHalt, NoReset, NoRun, NoAnswer };
  static constexpr uint32_t kOperational = 0x40, kRuntime = 0x800, kDoorbells = 0x1000,
                            kSize = 0x2000, kExtended = 0x1800, kPortCount = 4;
  static constexpr uint64_t kFirstPage = 0x100;

  Fault fault = Fault::None;
  bool wide_contexts = false, wide_addresses = true;
  unsigned scratch = 2;
  std::array<PretendDevice*, kPortCount + 1> ports{};
  size_t pages_out = 0;
  bool cut_off = false;
  bool left_running = false;    // by the firmware; what it does then is not ours
  bool strayed = false;         // it reached memory while it did
  bool firmware_keeps = false;  // it does not let go
  uint32_t legacy = 1 | 1u << 16, smi = 0x2011;
  std::vector<uint8_t> commands;  // types that came
  std::vector<uint8_t> hanging;   // types of those that do not end until they are aborted
  std::map<uint8_t, std::deque<uint8_t>> refused;       // codes that the next of a type end with
  std::function<void(uint8_t)> before;                  // each command, by its type
  std::function<void(unsigned, uint32_t)> before_port;  // is written, with what
  // Called for each event before it is written.
  std::function<void(Trb&)> twist;

  [[nodiscard]] Hardware hardware() {
    return {.context = this,
            .read = [](void* c, uint32_t o) { return of(c).read(o); },
            .write = [](void* c, uint32_t o, uint32_t v) { of(c).write(o, v); },
            .size = kSize,
            .take = [](void* c, unsigned order, bool) { return of(c).take(order); },
            .give = [](void* c, mm::Pfn frame, unsigned order) { of(c).give(frame, order); },
            .map = map(),
            .microseconds = [](void* c) { return of(c).now += 3; },
            .rest = [](void* c) { of(c).now += 700; },
            .order = [](void*) {},
            .let_in = [](void* c) { of(c).let_in(); },
            .cut_off = [](void* c) { of(c).cut_off = true; }};
  }
  uint64_t now = 0;

  // The command's doing; its completion code.
  uint8_t reset_endpoint(uint8_t slot, uint8_t endpoint);
  void plug(unsigned port, PretendDevice* device) {
    ports[port] = device;
    enabled_[port] = false;
    change_port(port, kernel::usb::xhci::kConnectChange);
  }
  // Only the first change after there was none has an event (section 4.19.2).
  void change_port(unsigned port, uint32_t change) {
    const bool first = changes_[port] == 0;
    changes_[port] |= change;
    if (!first) return;
    event({uint64_t{port} << 24, 1u << 24, trb_type(kernel::usb::xhci::TrbType::PortChanged)});
  }
  // A hub's port loses its power, as what is there draws too much current.
  void overload(PretendDevice& hub, unsigned port) {
    hub.unpowered |= 1u << port;
    hub_ports_[port] = {1u << 3 | 1, false};
    press(hub, {static_cast<uint8_t>(1u << port)});
  }
  // A report that is due is sent where one is asked for.
  void press(PretendDevice& device, std::vector<uint8_t> report) {
    device.reports.push_back(std::move(report));
    for (auto& [slot, s] : slots_) {
      if (s.device == &device) send_report(slot, s);
    }
  }

 private:
  using TrbType = kernel::usb::xhci::TrbType;
  struct Endpoint {
    uint64_t ring = 0;  // with the cycle bit
    bool halted = false, stopped = true;
  };
  struct Slot {
    PretendDevice* device = nullptr;
    Endpoint control, reports;
    uint8_t report_endpoint = 0;
    bool behind = false;       // with answers, by one
    std::optional<Trb> again;  // an event
  };
  static constexpr size_t kPages = 128;

  static PretendXhci& of(void* context) { return *static_cast<PretendXhci*>(context); }
  [[nodiscard]] mm::DirectMap map() {
    return mm::DirectMap{reinterpret_cast<uintptr_t>(memory_.data()) - kFirstPage * mm::kPageSize};
  }
  // Nothing where the driver said something that is not in memory.
  uint8_t* at(uint64_t physical, size_t bytes) {
    const uint64_t start = kFirstPage * mm::kPageSize, size = memory_.size() * 8;
    if (physical < start || physical - start > size - bytes) return nullptr;
    return reinterpret_cast<uint8_t*>(memory_.data()) + (physical - start);
  }

  mm::PagesOr take(unsigned order) {
    const size_t count = size_t{1} << order;
    for (size_t i = 0; i + count <= kPages; i += count) {
      bool free = true;
      for (size_t j = i; j < i + count; ++j) free = free && !taken_[j];
      if (!free) continue;
      for (size_t j = i; j < i + count; ++j) taken_[j] = true;
      pages_out += count;
      std::memset(memory_.data() + i * 512, 0, count * mm::kPageSize);
      return mm::Pfn{kFirstPage + i};
    }
    return mm::PagesOr::Failure::NoMemory;
  }
  void let_in() {
    reaches_ = true;
    strayed = strayed || left_running;
  }
  void give(mm::Pfn frame, unsigned order) {
    for (size_t j = 0; j < size_t{1} << order; ++j) taken_.at(frame.v - kFirstPage + j) = false;
    pages_out -= size_t{1} << order;
  }

  uint32_t read(uint32_t offset);
  void write(uint32_t offset, uint32_t value);
  uint32_t read_port(unsigned port);
  void write_port(unsigned port, uint32_t value);
  void event(Trb trb);
  std::optional<Trb> next(uint64_t& ring);
  void run_commands();
  uint8_t run_command(TrbType type, const Trb& trb, uint8_t& slot);
  uint8_t stop_endpoint(uint8_t slot, uint8_t endpoint);
  uint8_t set_dequeue(uint8_t slot, uint8_t endpoint, uint64_t ring);
  void write_command_ring(uint32_t value);
  void abort();
  // Where the block lies that a ring had before the next.
  static uint64_t last_of(uint64_t ring) { return (ring & ~uint64_t{15}) - 16; }
  Endpoint& endpoint_of(uint8_t slot, uint8_t endpoint) {
    return endpoint == 1 ? slots_[slot].control : slots_[slot].reports;
  }
  void address(uint8_t slot, uint64_t input);
  void run_control(uint8_t slot, Slot& s);
  static bool falls_behind(Slot& s, uint64_t setup);
  uint8_t begin(PretendDevice& device, uint64_t setup, std::vector<uint8_t>& data);
  std::vector<uint8_t> answer(PretendDevice& device, uint64_t setup);
  void send_report(uint8_t slot, Slot& s);
  uint32_t word(uint64_t physical) {
    uint32_t value = 0;
    if (const uint8_t* from = at(physical, 4)) std::memcpy(&value, from, 4);
    return value;
  }

  std::vector<uint64_t> memory_ = std::vector<uint64_t>(kPages * 512);
  std::array<bool, kPages> taken_{};
  std::array<uint32_t, kSize / 4> kept_{};
  std::array<uint32_t, kPortCount + 1> changes_{};
  std::array<bool, kPortCount + 1> enabled_{};
  std::map<unsigned, std::pair<uint32_t, bool>> hub_ports_;  // changes, enabled
  std::map<uint8_t, Slot> slots_;
  bool running_ = false, reaches_ = false;
  uint64_t command_ring_ = 0, hung_ = 0;  // hung_: where the command lies that does not end
  bool commands_run_ = false, abort_asked_ = false;
  size_t event_at_ = 0;
  bool event_cycle_ = true;
};

inline uint32_t PretendXhci::read_port(unsigned port) {
  const PretendDevice* const d = ports[port];
  return (d != nullptr ? 1u : 0u) | (enabled_[port] ? 2u : 0u) | 1u << 9 | changes_[port] |
         (d != nullptr ? static_cast<uint32_t>(d->speed) << 10 : 0);
}

inline void PretendXhci::write_port(unsigned port, uint32_t value) {
  if (before_port) before_port(port, value);
  changes_[port] &= ~value;
  if ((value & kernel::usb::xhci::kPortReset) == 0) return;
  enabled_[port] = ports[port] != nullptr;
  change_port(port, kernel::usb::xhci::kResetChange);
}

inline uint32_t PretendXhci::read(uint32_t offset) {
  if (fault == Fault::Ones) return ~0u;
  if (fault == Fault::Zeroes) return 0;
  switch (offset) {
    case 0x00:
      return kOperational | 0x0100u << 16;
    case 0x04:
      return 32 | 1u << 8 | kPortCount << 24;
    case 0x08:
      return (scratch & 31) << 27 | (scratch >> 5) << 21;
    case 0x10:
      return (wide_addresses ? 1u : 0u) | (wide_contexts ? 4u : 0u) | (kExtended / 4) << 16;
    case 0x14:
      return kDoorbells;
    case 0x18:
      return kRuntime;
    case kOperational + 0x00:
      return (running_ ? 1u : 0u) | (fault == Fault::NoReset ? 2u : 0u);
    case kOperational + 0x04:
      return (running_ || left_running || fault == Fault::NoHalt ? 0u : 1u) |
             (fault == Fault::NotReady ? 1u << 11 : 0u);
    case kOperational + 0x08:
      return 1;
    case kOperational + 0x18:
      return commands_run_ ? 8 : 0;
    case kExtended:
      return legacy;
    case kExtended + 4:
      return smi;
    default:
      break;
  }
  const uint32_t first = kOperational + 0x400;
  if (offset >= first && offset < first + kPortCount * 16 && offset % 16 == 0) {
    return read_port((offset - first) / 16 + 1);
  }
  return kept_.at(offset / 4);
}

inline void PretendXhci::write(uint32_t offset, uint32_t value) {
  const uint32_t first = kOperational + 0x400;
  if (offset >= kDoorbells && offset < kDoorbells + 4 * 256) {
    const auto slot = static_cast<uint8_t>((offset - kDoorbells) / 4);
    commands_run_ = commands_run_ || (running_ && slot == 0);
    if (!running_ || fault == Fault::NoAnswer) return;
    if (slot == 0) return run_commands();
    if (slots_.count(slot) == 0) return;
    if (value == 1) run_control(slot, slots_[slot]);
    if (value == slots_[slot].report_endpoint) send_report(slot, slots_[slot]);
  } else if (offset == kExtended) {
    legacy = firmware_keeps ? value : value & ~(1u << 16);
  } else if (offset == kExtended + 4) {
    smi = value & 0xffff;
  } else if (offset == kOperational) {
    left_running = left_running && (value & 1) != 0;
    running_ = (value & 1) != 0 && fault != Fault::NoRun;
    commands_run_ = commands_run_ && running_;
  } else if (offset == kOperational + 0x18) {
    write_command_ring(value);
  } else if (offset == kOperational + 0x1c) {
    if (abort_asked_) abort();
  } else if (offset >= first && offset < first + kPortCount * 16 && offset % 16 == 0) {
    write_port((offset - first) / 16 + 1, value);
  } else {
    kept_.at(offset / 4) = value;
  }
}

inline void PretendXhci::event(Trb trb) {
  if (!running_ || !reaches_) return;
  if (twist) twist(trb);
  const uint64_t table = kept_[(kRuntime + 0x30) / 4];
  const uint64_t segment = word(table);
  trb.control |= event_cycle_ ? 1 : 0;
  if (uint8_t* to = at(segment + event_at_ * 16, 16)) std::memcpy(to, &trb, 16);
  if (++event_at_ == word(table + 8)) {
    event_at_ = 0;
    event_cycle_ = !event_cycle_;
  }
}

// The block that a ring has next; links are followed.
inline std::optional<Trb> PretendXhci::next(uint64_t& ring) {
  for (int links = 0; links < 2; ++links) {
    Trb trb;
    const uint8_t* const from = at(ring & ~uint64_t{15}, 16);
    if (from == nullptr) return std::nullopt;
    std::memcpy(&trb, from, 16);
    if ((trb.control & 1) != (ring & 1)) return std::nullopt;
    if (TrbType{static_cast<uint8_t>(trb.control >> 10 & 63)} != TrbType::Link) {
      ring += 16;
      return trb;
    }
    ring = trb.parameter | ((ring & 1) ^ (trb.control >> 1 & 1));
  }
  return std::nullopt;
}

}  // namespace test

#include "tests/support/pretend_slots.h"
