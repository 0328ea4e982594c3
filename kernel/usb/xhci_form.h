// Numbers of the eXtensible Host Controller Interface for Universal Serial Bus, revision 1.2.
#pragma once

#include <cstdint>

namespace kernel::usb::xhci {

// --- Capability registers (section 5.3) ---
inline constexpr uint32_t kCapLength = 0x00;  // and the version above it
inline constexpr uint32_t kStructure1 = 0x04, kStructure2 = 0x08, kCapability1 = 0x10,
                          kDoorbellOffset = 0x14, kRuntimeOffset = 0x18;
// Of the first capabilities.
inline constexpr uint32_t kWideAddresses = 1u << 0, kWideContexts = 1u << 2,
                          kPortPowerSwitch = 1u << 3;

// --- Operational registers (section 5.4), behind CAPLENGTH ---
inline constexpr uint32_t kCommand = 0x00, kStatus = 0x04, kPageSize = 0x08, kCommandRing = 0x18,
                          kContexts = 0x30, kConfigure = 0x38, kPorts = 0x400, kPortStride = 0x10;
inline constexpr uint32_t kRun = 1u << 0, kReset = 1u << 1;
// Of the command ring's: what it is to do, and whether it runs (section 5.4.5).
inline constexpr uint32_t kRingAbort = 1u << 2, kRingRuns = 1u << 3;
inline constexpr uint32_t kHalted = 1u << 0, kSystemError = 1u << 2, kNotReady = 1u << 11,
                          kControllerError = 1u << 12;

// A port's status and control (section 5.4.8).
inline constexpr uint32_t kConnected = 1u << 0, kEnabled = 1u << 1, kPortReset = 1u << 4,
                          kPortPower = 1u << 9, kConnectChange = 1u << 17, kResetChange = 1u << 21;
inline constexpr unsigned kSpeedShift = 10;
inline constexpr uint32_t kPortChanges = 0x7fu << 17;
// What may be written back as it was read: all else acts when it is written as 1.
inline constexpr uint32_t kPortKept = kPortPower | 3u << 14 | 7u << 25;

// Speeds, as ports and slots count them (section 7.2.2.1.1).
enum class Speed : uint8_t { None = 0, Full = 1, Low = 2, High = 3, Super = 4 };

// --- Runtime registers (section 5.5): the first interrupter's ---
inline constexpr uint32_t kEventTableSize = 0x28, kEventTable = 0x30, kEventDequeue = 0x38;
inline constexpr uint32_t kHandlerBusy = 1u << 3;

// --- Extended capabilities (section 7) ---
inline constexpr uint32_t kLegacySupport = 1;
inline constexpr uint32_t kFirmwareOwns = 1u << 16, kSystemOwns = 1u << 24;
// Of the register behind it: enables of system management interrupts; and events, cleared by ones.
inline constexpr uint32_t kSmiEnables = 0x0000'e011, kSmiEvents = 0xe000'0000;

// --- Transfer request blocks (section 6.4) ---
enum class TrbType : uint8_t {
  Normal = 1,
  Setup = 2,
  Data = 3,
  Status = 4,
  Link = 6,
  EnableSlot = 9,
  DisableSlot = 10,
  AddressDevice = 11,
  ConfigureEndpoint = 12,
  EvaluateContext = 13,
  ResetEndpoint = 14,
  StopEndpoint = 15,
  SetDequeue = 16,
  NoOpCommand = 23,
  Transfer = 32,
  CommandDone = 33,
  PortChanged = 34,
  Controller = 37,
};
inline constexpr uint32_t kCycle = 1u << 0, kToggle = 1u << 1, kShortInterrupts = 1u << 2,
                          kInterrupts = 1u << 5, kImmediate = 1u << 6, kIn = 1u << 16;
inline constexpr uint32_t kTransferOut = 2u << 16, kTransferIn = 3u << 16;  // a setup's

// Completion codes (table 6-90). 0 is none.
inline constexpr uint8_t kSuccess = 1, kBabble = 3, kTransactionError = 4, kStall = 6,
                         kShortPacket = 13, kRingStopped = 24, kAborted = 25, kSplitError = 36;
// Those that an endpoint stands still after, until it is reset (section 4.10.2).
constexpr bool halts(uint8_t code) {
  return code == kBabble || code == kTransactionError || code == kStall || code == kSplitError;
}

// --- Contexts (section 6.2) ---
inline constexpr unsigned kEntriesOfContext = 32;  // the slot's, then an endpoint's for each
enum class EndpointType : uint8_t { Control = 4, InterruptIn = 7 };

}  // namespace kernel::usb::xhci
