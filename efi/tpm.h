// The machine's TPM 2.0, into which goes what was read from outside, before it is used (TCG EFI Protocol
// Specification 1.00, EFI_TCG2_PROTOCOL). docs/security.md says which register gets what, and why.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "efi/firmware.h"
#include "efi/memory.h"
#include "mm/print.h"

namespace efi {

// Of platform configuration registers.
enum class Pcr : uint32_t {
  Files = 9,    // what is loaded, as GRUB has it
  Options = 12  // what says how it is to run, as systemd's boot loader and stub have it
};

class Tpm {
 public:
  // What cannot be measured is named in `findings`, and keeps nothing from starting. Without a TPM nothing is
  // ever done.
  static Tpm find(const Firmware& firmware, const mm::Printer& findings);

  [[nodiscard]] bool there() const { return protocol_ != nullptr; }

  // Hashes the bytes into the register; the event log gets an event EV_IPL with the text `what: name`,
  // or 199 characters of it.
  void measure(Pcr pcr, std::span<const uint8_t> bytes, const char* what, const char* name) const;
  void measure(Pcr pcr, std::string_view text, const char* what, const char* name) const {
    measure(pcr, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}, what, name);
  }
  // The firmware's map, as \baton\map.txt has it, without a date.
  void measure_map(const Firmware& firmware) const;
  // A copy of the event log so far, with zeros behind it (loader/handoff/tpm_log.h); no pages where there is
  // none, or no memory for it, which is named in `findings`.
  [[nodiscard]] Pages event_log(const Firmware& firmware) const;

 private:
  void* protocol_ = nullptr;
  mm::Printer findings_;
};

}  // namespace efi
