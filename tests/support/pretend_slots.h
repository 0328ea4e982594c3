// What the controller of tests/support/pretend_xhci.h does for slots: commands, requests, reports.
#pragma once

#include <algorithm>

#include "tests/support/pretend_xhci.h"

namespace test {

inline void PretendXhci::address(uint8_t slot, uint64_t input) {
  const uint64_t size = wide_contexts ? 64 : 32;
  const uint32_t route = word(input + size) & 0xfffff, root = word(input + size + 4) >> 16 & 0xff;
  Slot& s = slots_[slot];
  s.device = root <= kPortCount ? ports[root] : nullptr;
  for (uint32_t rest = route; rest != 0 && s.device != nullptr; rest >>= 4) {
    const auto found = s.device->below.find(rest & 15);
    s.device = found == s.device->below.end() ? nullptr : found->second;
  }
  s.control.ring = word(input + 2 * size + 8) | uint64_t{word(input + 2 * size + 12)} << 32;
  // The device's address, in its slot's context.
  const uint64_t context = word(kept_[(kOperational + 0x30) / 4] + uint64_t{8} * slot);
  if (uint8_t* to = at(context + 12, 4)) *to = static_cast<uint8_t>(slot + 16);
}

inline void PretendXhci::run_commands() {
  while (hung_ == 0) {
    const auto trb = next(command_ring_);
    if (!trb) return;
    const auto type = static_cast<uint8_t>(trb->control >> 10 & 63);
    auto slot = static_cast<uint8_t>(trb->control >> 24);
    commands.push_back(type);
    if (before) before(type);
    const uint64_t lies = last_of(command_ring_);  // past links: where the command itself does
    if (std::count(hanging.begin(), hanging.end(), type) != 0) {
      hung_ = lies;
      return;
    }
    uint8_t code = 1;
    if (auto& codes = refused[type]; !codes.empty()) {
      code = codes.front();
      codes.pop_front();
    } else {
      code = run_command(TrbType{type}, *trb, slot);
    }
    event({lies, uint32_t{code} << 24, trb_type(TrbType::CommandDone) | uint32_t{slot} << 24});
  }
}

inline uint8_t PretendXhci::run_command(TrbType type, const Trb& trb, uint8_t& slot) {
  const uint64_t size = wide_contexts ? 64 : 32;
  const auto endpoint = static_cast<uint8_t>(trb.control >> 16 & 31);
  if (type == TrbType::EnableSlot) {
    for (slot = 1; slots_.count(slot) != 0;) ++slot;
    slots_[slot] = {};
  } else if (type == TrbType::DisableSlot) {
    slots_.erase(slot);
  } else if (type == TrbType::AddressDevice) {
    address(slot, trb.parameter);
  } else if (type == TrbType::ConfigureEndpoint) {
    const uint32_t added = word(trb.parameter + 4) & ~1u;
    const auto index = static_cast<uint8_t>(__builtin_ctz(added | 1u << 31));
    slots_[slot].report_endpoint = index;
    slots_[slot].reports.ring = word(trb.parameter + (index + 1u) * size + 8);
  } else if (type == TrbType::StopEndpoint) {
    return stop_endpoint(slot, endpoint);
  } else if (type == TrbType::ResetEndpoint) {
    return reset_endpoint(slot, endpoint);
  } else if (type == TrbType::SetDequeue) {
    return set_dequeue(slot, endpoint, trb.parameter);
  }
  return 1;
}

// 19: not in the state for that.
inline uint8_t PretendXhci::stop_endpoint(uint8_t slot, uint8_t endpoint) {
  Endpoint& e = endpoint_of(slot, endpoint);
  if (e.halted || e.stopped) return 19;
  e.stopped = true;
  if (slots_[slot].behind) {  // what was under way
    event({e.ring & ~uint64_t{15}, 26u << 24,
           trb_type(TrbType::Transfer) | uint32_t{endpoint} << 16 | uint32_t{slot} << 24});
  }
  return 1;
}
inline uint8_t PretendXhci::reset_endpoint(uint8_t slot, uint8_t endpoint) {
  Endpoint& e = endpoint_of(slot, endpoint);
  if (!e.halted) return 19;
  e = {e.ring, false, true};
  return 1;
}
inline uint8_t PretendXhci::set_dequeue(uint8_t slot, uint8_t endpoint, uint64_t ring) {
  Endpoint& e = endpoint_of(slot, endpoint);
  if (!e.stopped) return 19;
  e.ring = ring;
  slots_[slot].behind = false;
  return 1;
}

// As it runs, only what it is to do is taken.
inline void PretendXhci::write_command_ring(uint32_t value) {
  if (commands_run_) {
    abort_asked_ = (value & 4) != 0;
  } else {
    command_ring_ = value & ~14u;
  }
}
inline void PretendXhci::abort() {
  abort_asked_ = false;
  if (fault == Fault::NoAnswer) return;
  commands_run_ = false;
  const uint32_t control = trb_type(TrbType::CommandDone);
  if (hung_ != 0) event({hung_, 25u << 24, control});
  hung_ = 0;
  event({command_ring_ & ~uint64_t{15}, 24u << 24, control});
}

inline std::vector<uint8_t> PretendXhci::answer(PretendDevice& device, uint64_t setup) {
  const auto type = static_cast<uint8_t>(setup), request = static_cast<uint8_t>(setup >> 8);
  const auto value = static_cast<uint16_t>(setup >> 16), index = static_cast<uint16_t>(setup >> 32);
  if (type == 0x80 && request == 6) return value >> 8 == 1 ? device.device : device.configuration;
  if (type == 0xa0 && request == 6) return device.hub;
  if (type == 0xa0) return {0, 0, static_cast<uint8_t>(device.hub_changes), 0};
  if (type == 0x20 && request == 1) device.hub_changes &= ~(1u << value);
  auto& [changes, enabled] = hub_ports_[index];
  const auto found = device.below.find(index);
  const bool power = (device.unpowered >> index & 1) == 0;
  const bool there = found != device.below.end() && power;
  if (type == 0x23 && request == 3 && value == 4) {
    enabled = there;
    changes |= 1u << 4;
  } else if (type == 0x23 && request == 3 && value == 8 && !power) {
    device.unpowered &= ~(1u << index);
    changes |= 1;
  } else if (type == 0x23 && request == 1 && value >= 16) {
    changes &= ~(1u << (value - 16));
  } else if (type == 0xa3) {
    const uint32_t low =
        there && found->second->speed == kernel::usb::xhci::Speed::Low ? 1u << 9 : 0;
    const uint32_t status =
        (there ? 1u : 0u) | (enabled ? 2u : 0u) | (power ? 1u << 8 : 0) | low | changes << 16;
    return {static_cast<uint8_t>(status), static_cast<uint8_t>(status >> 8),
            static_cast<uint8_t>(status >> 16), static_cast<uint8_t>(status >> 24)};
  }
  return {};
}

inline void PretendXhci::run_control(uint8_t slot, Slot& s) {
  if (s.control.halted) return;
  s.control.stopped = false;
  if (s.again) event(*s.again);
  s.again.reset();
  const uint32_t control = trb_type(TrbType::Transfer) | 1u << 16 | uint32_t{slot} << 24;
  std::vector<uint8_t> data;
  for (bool answered = false;;) {
    const uint64_t here = s.control.ring;
    const auto trb = next(s.control.ring);
    if (!trb) return;
    const auto type = TrbType{static_cast<uint8_t>(trb->control >> 10 & 63)};
    if (type == TrbType::Setup) {
      if (falls_behind(s, trb->parameter) || (s.behind && answered)) {
        s.control.ring = here;
        return;
      }
      const uint8_t code = s.device == nullptr ? 4 : begin(*s.device, trb->parameter, data);
      if (code == 1) continue;
      // The endpoint stands still, until it is told where to go on.
      s.control.halted = true;
      return event({last_of(s.control.ring), uint32_t{code} << 24, control});
    }
    if (type == TrbType::Data) {
      data.resize(std::min<size_t>(data.size(), trb->status & 0x1ffff));
      if (uint8_t* to = at(trb->parameter, data.size())) std::copy(data.begin(), data.end(), to);
      continue;
    }
    answered = true;
    const Trb end{last_of(s.control.ring), 1u << 24, control};
    event(end);
    if (s.device == nullptr) continue;
    const std::vector<uint8_t>& twice = s.device->told_twice;
    if (std::count(twice.begin(), twice.end(), s.device->requests.back()) != 0) s.again = end;
  }
}

inline bool PretendXhci::falls_behind(Slot& s, uint64_t setup) {
  if (s.behind || s.device == nullptr) return false;
  std::vector<uint8_t>& late = s.device->late;
  const auto found = std::find(late.begin(), late.end(), static_cast<uint8_t>(setup >> 8));
  if (found == late.end()) return false;
  late.erase(found);
  return s.behind = true;
}

// How a request ends, and what it is answered with.
inline uint8_t PretendXhci::begin(PretendDevice& device, uint64_t setup,
                                  std::vector<uint8_t>& data) {
  const auto request = static_cast<uint8_t>(setup >> 8);
  device.requests.push_back(request);
  device.setups.push_back(setup);
  if (!device.errors.empty()) {
    const uint8_t code = device.errors.front();
    device.errors.pop_front();
    return code;
  }
  data = answer(device, setup);
  return std::count(device.stalls.begin(), device.stalls.end(), request) != 0 ? 6 : 1;
}

inline void PretendXhci::send_report(uint8_t slot, Slot& s) {
  while (s.device != nullptr && !s.device->reports.empty() && s.report_endpoint != 0) {
    if (s.reports.halted) return;
    const auto trb = next(s.reports.ring);
    if (!trb) return;
    s.reports.stopped = false;
    const uint32_t control =
        trb_type(TrbType::Transfer) | uint32_t{s.report_endpoint} << 16 | uint32_t{slot} << 24;
    const std::vector<uint8_t> report = s.device->reports.front();
    s.device->reports.pop_front();
    if (!s.device->report_errors.empty()) {
      s.reports.halted = true;
      event({last_of(s.reports.ring), uint32_t{s.device->report_errors.front()} << 24, control});
      s.device->report_errors.pop_front();
      return;
    }
    const size_t length = std::min<size_t>(report.size(), trb->status & 0x1ffff);
    if (uint8_t* to = at(trb->parameter, length)) std::copy_n(report.begin(), length, to);
    const auto missing = static_cast<uint32_t>((trb->status & 0x1ffff) - length);
    event({last_of(s.reports.ring), (missing != 0 ? 13u : 1u) << 24 | missing, control});
  }
}

}  // namespace test
