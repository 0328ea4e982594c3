// What was measured into the TPM before the firmware was left.
#include "kernel/monitor/commands.h"
#include "loader/handoff/tpm_log.h"

namespace kernel {
namespace {

using mm::Printer;

constexpr size_t kMostText = 100;

bool is_text(uint8_t byte) { return byte >= ' ' && byte <= '~'; }

// What the event says of itself, if that is text: with or without a NUL behind it.
void print_data(std::span<const uint8_t> data, const Printer& out) {
  size_t length = 0;
  while (length < data.size() && is_text(data[length])) ++length;
  const bool text =
      length != 0 && (length == data.size() || (length + 1 == data.size() && data[length] == 0));
  if (!text) return out.line(" ({} bytes)", data.size());
  const std::string_view all(reinterpret_cast<const char*>(data.data()), length);
  out.line(" {}{}", all.substr(0, kMostText), length > kMostText ? "..." : "");
}

void print_event(const loader::TpmEvent& event, const Printer& out) {
  out.part("{:2} ", event.pcr);
  if (const char* name = loader::tpm_event_name(event.type); name != nullptr) {
    out.part("{}", name);
  } else {
    out.part("event type {:#x}", event.type);
  }
  if (const char* name = loader::tpm_algorithm_name(event.algorithm); name != nullptr) {
    out.part(" {} ", name);
  } else {
    out.part(" algorithm {:#x} ", event.algorithm);
  }
  for (const uint8_t byte : event.digest) out.part("{:02x}", byte);
  print_data(event.data, out);
}

void tpm(Booted& machine, std::string_view, const Printer& out) {
  const mm::Reservation* found = nullptr;
  for (const mm::Reservation& each : machine.relay.reservations().entries()) {
    if (mm::has_name(each, loader::kTpmLogName)) found = &each;
  }
  if (found == nullptr) return out.line("this machine has no TPM, or no event log was left");
  auto log = loader::TpmLog::open(
      machine.relay.map().span<const uint8_t>(found->range.start, found->range.size()));
  if (!log.ok()) return out.error("tpm", log.error());
  out.line("register, event, digest, what it says:");
  for (loader::TpmEvent event;;) {
    const auto more = log.value().next(event);
    if (!more.ok()) return out.error("tpm", more.error());
    if (!more.value()) return;
    print_event(event, out);
  }
}

constexpr Command kCommands[] = {
    {"tpm", "", "what was measured into the TPM's registers before the firmware was left", tpm},
};

}  // namespace

std::span<const Command> tpm_command() { return kCommands; }

}  // namespace kernel
