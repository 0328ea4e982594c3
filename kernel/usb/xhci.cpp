#include "kernel/usb/xhci.h"

#include <algorithm>
#include <utility>

namespace kernel::usb {
namespace {

using namespace xhci;  // NOLINT: all of it is about those

constexpr uint64_t kSecond = 1'000'000;
// What a device may take for a request (USB 2.0, section 9.2.6.1), and a controller to stop its
// commands (section 4.6.1.2).
constexpr uint64_t kPatience = 5 * kSecond;
constexpr uint64_t kBufferAt = mm::kPageSize - Xhci::kBufferBytes;  // in the page of input contexts
constexpr uint8_t kDirectionIn = 0x80;
constexpr uint8_t kControlEndpoint = 1;
// Events that are taken at a time, whatever comes meanwhile.
constexpr unsigned kMostEvents = 512;
// Times that a port is told that its changes are seen, while it has others.
constexpr unsigned kMostChanges = 8;

}  // namespace

mm::Error Xhci::note_broken(const mm::Error& error) {
  if (!broken_) broken_ = error;
  return error;
}

uint32_t Xhci::port_at(unsigned port) const { return kPorts + (port - 1) * kPortStride; }

bool Xhci::is_connected(unsigned port) const {
  const uint32_t status = operational(port_at(port));
  return status != 0xffff'ffff && (status & kConnected) != 0;
}

// What has changed, which the port says no more. An event tells only of the first change after there
// was none (section 4.19.2), so none is left.
uint32_t Xhci::take_changes(unsigned port) const {
  const uint32_t at = port_at(port);
  uint32_t seen = 0;
  for (unsigned i = 0; i < kMostChanges; ++i) {
    const uint32_t status = operational(at), changes = status & kPortChanges;
    if (status == 0xffff'ffff || changes == 0) break;
    seen |= changes;
    set_operational(at, (status & kPortKept) | changes);
  }
  return seen;
}

void Xhci::note_changed(unsigned port) {
  if (changed_[port]) return;
  changed_[port] = true;
  ++changed_count_;
}

// Section 4.3.1. Ports of USB 3 are enabled without that.
mm::Result<Speed> Xhci::reset_port(unsigned port) {
  const uint32_t at = port_at(port);
  (void)take_changes(port);  // it is what is there now that is reset
  uint32_t status = operational(at);
  if ((status & kEnabled) == 0) {
    set_operational(at, (status & kPortKept) | kPortReset);
    const auto done = [&] {
      status = operational(at);
      return (status & kPortReset) == 0 && (status & kResetChange) != 0;
    };
    if (!hw_.wait(kSecond / 2, done)) {
      return mm::Error{"its reset does not end (port {}, status {:#x})", "port", port, status};
    }
    hw_.sleep(10'000);  // USB 2.0, section 7.1.7.5
  }
  // Another may be there by now.
  if ((take_changes(port) & kConnectChange) != 0) {
    replugged_[port] = true;
    note_changed(port);
  }
  status = operational(at);
  if ((status & kEnabled) == 0) {
    return mm::Error{"is not enabled by a reset (port {}, status {:#x})", "port", port, status};
  }
  const uint32_t speed = status >> kSpeedShift & 15;
  if (speed == 0) return mm::Error{"no speed (port {}, status {:#x})", "port", port, status};
  return speed > 4 ? Speed::Super : Speed{static_cast<uint8_t>(speed)};
}

std::optional<Xhci::PortChange> Xhci::take_changed_port() {
  if (changed_count_ == 0) return std::nullopt;
  for (unsigned port = 1; port < changed_.size(); ++port) {
    if (!changed_[port]) continue;
    changed_[port] = false;
    --changed_count_;
    const bool now = (take_changes(port) & kConnectChange) != 0;
    return PortChange{port, std::exchange(replugged_[port], false) || now};
  }
  return std::nullopt;
}

void Xhci::look_after() {
  if (broken_) return;
  const uint32_t status = operational(kStatus);
  if ((status & (kHalted | kSystemError | kControllerError)) == 0) return;
  (void)note_broken({"has stopped by itself (status {:#x})", "xHCI", status});
}

// An end before the last block of a request is one only where it failed.
bool Xhci::Awaited::is_ended_by(const Trb& event, uint8_t event_code) const {
  const mm::Phys at{event.parameter};
  if (at == mm::Phys{0}) return false;
  if (at == status) return true;
  if (event_code == kSuccess || event_code == kShortPacket) return false;
  return std::find(request.begin(), request.end(), at) != request.end();
}

void Xhci::sort(const Trb& event) {
  const auto type = TrbType{static_cast<uint8_t>(event.control >> 10 & 0x3f)};
  const auto code = static_cast<uint8_t>(event.status >> 24);
  const auto slot = static_cast<uint8_t>(event.control >> 24);
  if (type == TrbType::CommandDone) {
    if (code == kRingStopped) {  // says where the next would be, and is no answer to that
      commands_stopped_ = true;
      return;
    }
    if (awaited_.command == mm::Phys{0} || event.parameter != awaited_.command.v) return;
    awaited_ = {{}, 0, {}, {}, true, code, slot};
  } else if (type == TrbType::Transfer) {
    const auto endpoint = static_cast<uint8_t>(event.control >> 16 & 0x1f);
    if (endpoint == kControlEndpoint) {
      if (slot == 0 || slot != awaited_.slot || !awaited_.is_ended_by(event, code)) return;
      awaited_ = {{}, 0, {}, {}, true, code, slot};
    } else if (report_end_ - report_start_ < reports_.size()) {
      // A device has one report under way, so that all find room.
      reports_[report_end_++ % reports_.size()] = {mm::Phys{event.parameter}, slot, endpoint, code,
                                                   event.status & 0xff'ffff};
    }
  } else if (type == TrbType::PortChanged) {
    const auto port = static_cast<unsigned>(event.parameter >> 24 & 0xff);
    if (port != 0 && port <= ports_) note_changed(port);
  } else if (type == TrbType::Controller) {
    (void)note_broken({"tells of an error of its own (code {})", "xHCI", code});
  }
}

bool Xhci::take_event() {
  Trb event;
  if (!events_.take(hw_, event)) return false;
  sort(event);
  set_wide(runtime_ + kEventDequeue, mm::Phys{events_.taken().v | kHandlerBusy});
  return true;
}

void Xhci::take_events() {
  for (unsigned i = 0; i < kMostEvents && take_event();) ++i;
}

bool Xhci::await(uint64_t most_microseconds) {
  const auto ended = [&] {
    take_events();
    return awaited_.done || broken_;
  };
  return hw_.wait(most_microseconds, ended) && awaited_.done;
}

std::optional<Report> Xhci::take_report() {
  if (broken_) return std::nullopt;
  for (unsigned i = 0; i < kMostEvents && report_start_ == report_end_ && take_event();) ++i;
  if (report_start_ == report_end_) return std::nullopt;
  return reports_[report_start_++ % reports_.size()];
}

void Xhci::ring_doorbell(uint8_t slot, uint8_t endpoint) {
  hw_.order(hw_.context);
  hw_.write(hw_.context, doorbells_ + 4u * slot, endpoint);
}

mm::Result<uint8_t> Xhci::command(TrbType type, mm::Phys input, uint8_t slot, uint8_t endpoint) {
  if (broken_) return *broken_;
  const uint32_t control = trb_type(type) | uint32_t{endpoint} << 16 | uint32_t{slot} << 24;
  awaited_ = {};
  awaited_.command = commands_.push({input.v, 0, control});
  ring_doorbell(0, 0);
  // Others may wait for a device; this one says whether the controller answers at all.
  const bool first = type == TrbType::NoOpCommand;
  const bool ended = await(first ? kSecond : kPatience) || (!first && abort_command());
  const Awaited answer = awaited_;
  awaited_ = {};
  if (!ended) {
    return note_broken({"does not answer a command (type {}, status {:#x})", "xHCI",
                        static_cast<uint8_t>(type), operational(kStatus)});
  }
  if (!answer.done || answer.code == kAborted) {
    return mm::Error{"a command does not end, and is aborted (type {})", "xHCI",
                     static_cast<uint8_t>(type)};
  }
  if (answer.code != kSuccess) {
    return mm::Error{"refuses a command (type {}, code {})", "xHCI", static_cast<uint8_t>(type),
                     answer.code};
  }
  if (type == TrbType::EnableSlot && (answer.given == 0 || answer.given > slots_)) {
    return mm::Error{"gives a slot that it does not have ({} of {})", "xHCI", answer.given, slots_};
  }
  return answer.given;
}

// Section 4.6.1.2: what is under way is given up. False where it is not.
bool Xhci::abort_command() {
  look_after();
  if (broken_) return false;
  commands_stopped_ = false;
  // With where to go on: some stop before the upper half is written, and take that for it.
  set_wide(base_ + kCommandRing, mm::Phys{commands_.next() | kRingAbort});
  const auto stands = [&] { return (operational(kCommandRing) & kRingRuns) == 0; };
  if (!hw_.wait(kPatience, stands)) return false;
  const auto told = [&] {
    take_events();
    return commands_stopped_;
  };
  (void)hw_.wait(kSecond / 10, told);
  set_wide(base_ + kCommandRing, mm::Phys{commands_.next()});
  return true;
}

mm::Result<> Xhci::disable_slot(uint8_t slot) {
  (void)BATON_TRY(command(TrbType::DisableSlot, {}, slot));
  set_context(slot, mm::Phys{0});
  // What its device has sent is not for the next one.
  take_events();
  size_t kept = report_start_;
  for (size_t i = report_start_; i != report_end_; ++i) {
    const Report report = reports_[i % reports_.size()];
    if (report.slot != slot) reports_[kept++ % reports_.size()] = report;
  }
  report_end_ = kept;
  return {};
}

// Each of the first two is refused where the endpoint is in the other's state, which does no harm:
// whether it stands still is known by the last.
mm::Result<> Xhci::restart(uint8_t slot, uint8_t endpoint, const Ring& ring, bool halted) {
  const bool stopped = !halted && command(TrbType::StopEndpoint, {}, slot, endpoint).ok();
  if (!stopped) (void)command(TrbType::ResetEndpoint, {}, slot, endpoint);
  (void)BATON_TRY(command(TrbType::SetDequeue, mm::Phys{ring.next()}, slot, endpoint));
  return {};
}

// Its completion code; 0: none has come.
uint8_t Xhci::try_request(uint8_t slot, Ring& ring, const Request& request, mm::Phys place) {
  const bool in = (request.type & kDirectionIn) != 0, none = request.length == 0;
  const uint64_t setup = request.type | uint64_t{request.request} << 8 |
                         uint64_t{request.value} << 16 | uint64_t{request.index} << 32 |
                         uint64_t{request.length} << 48;
  const uint32_t direction = none ? 0 : in ? kTransferIn : kTransferOut;
  std::array<Trb, 3> trbs{
      Trb{setup, 8, trb_type(TrbType::Setup) | kImmediate | direction},
      Trb{place.v, request.length, trb_type(TrbType::Data) | (in ? kIn : 0)},
      // The handshake goes the other way (section 4.11.2.2).
      Trb{0, 0, trb_type(TrbType::Status) | kInterrupts | (in && !none ? 0 : kIn)}};
  size_t count = trbs.size();
  if (none) trbs[1] = trbs[--count];
  awaited_ = {};
  awaited_.slot = slot;
  ring.push(std::span(trbs).first(count), std::span(awaited_.request).first(count));
  awaited_.status = awaited_.request[count - 1];
  ring_doorbell(slot, kControlEndpoint);
  const uint8_t code = await(kPatience) ? awaited_.code : uint8_t{0};
  awaited_ = {};
  return code;
}

mm::Result<> Xhci::control(uint8_t slot, Ring& ring, const Request& request,
                           std::span<uint8_t> data, const AfterFailure& failed) {
  if (broken_) return *broken_;
  if (request.length > kBufferBytes || data.size() < request.length) {
    return mm::Error{"more data than there is room for (bytes {})", "transfer", request.length};
  }
  if (ring.is_abandoned()) return mm::Error{"takes no requests any more", "device"};
  const bool in = (request.type & kDirectionIn) != 0;
  const mm::Phys place = pages_[kInput].at + kBufferAt;
  auto* const buffer = hw_.map.at<uint8_t>(place);
  uint8_t code = 0;
  // What was disturbed on its way is sent once more.
  for (unsigned tries = 0; tries < 2; ++tries) {
    std::fill_n(buffer, kBufferBytes, uint8_t{0});
    if (!in) std::copy_n(data.begin(), request.length, buffer);
    code = try_request(slot, ring, request, place);
    if (code == kSuccess || code == kShortPacket) {
      if (in) std::copy_n(buffer, request.length, data.begin());
      return {};
    }
    // Until it is stopped, all that may still write the buffer.
    if (!restart(slot, kControlEndpoint, ring, halts(code)).ok()) {
      ring.abandon();
      break;
    }
    if (code != kStall && failed.run != nullptr) failed.run(failed.context);
    if (code != kTransactionError) break;
  }
  if (broken_) return *broken_;
  if (code == 0) {
    return mm::Error{"no answer to request {} (type {:#x})", "device", request.request,
                     request.type};
  }
  return mm::Error{"request {} failed (code {})", "device", request.request, code};
}

void Xhci::set_context(uint8_t slot, mm::Phys context) {
  if (slot == 0 || slot > slots_) return;
  hw_.map.at<uint64_t>(pages_[kTables].at)[slot] = context.v;
}

volatile uint32_t* Xhci::clear_input() {
  auto* const words = hw_.map.at<volatile uint32_t>(pages_[kInput].at);
  for (size_t i = 0; i < (kEntriesOfContext + 1) * context_words(); ++i) words[i] = 0;
  return words;
}

}  // namespace kernel::usb
