// The TPM's event log: what was measured into which register, in order, so that the registers can be
// reckoned again. Crypto-agile form (TCG PC Client Platform Firmware Profile 1.05, section 10): a header
// event that names the banks' algorithms and their digests' sizes, then events with a digest for each bank.
//
// It is the firmware's, so nothing in it is believed that leads out of the bytes given. The loader leaves a
// copy in the reservation kTpmLogName; behind the last event it holds zeros.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "mm/result.h"

namespace loader {

inline constexpr const char* kTpmLogName = "TPM EVENTS";

struct TpmEvent {
  uint32_t pcr = 0, type = 0;
  uint16_t algorithm =
      0;  // of the digest that is shown: SHA-256 where there is one, else the first
  std::span<const uint8_t> digest;  // of the other banks' nothing is said
  std::span<const uint8_t> data;
};
inline constexpr uint16_t kTpmSha256 = 0x000b;

class TpmLog {
 public:
  // The header event is read. Fails where it is none, or names more algorithms than there is room for.
  static mm::Result<TpmLog> open(std::span<const uint8_t> bytes);

  // The next event; false: there is none. Fails where it does not fit into the bytes, or has a digest of an
  // algorithm that the header does not name: the error has its offset.
  mm::Result<bool> next(TpmEvent& event);
  // Where the next event would begin.
  [[nodiscard]] size_t offset() const { return at_; }

 private:
  static constexpr size_t kMostAlgorithms = 16;
  struct Algorithm {
    uint16_t id, digest_size;
  };

  [[nodiscard]] mm::Error fault(mm::ErrorText what) const;
  mm::Result<> read_digests(uint32_t count, size_t& at, TpmEvent& event) const;

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  std::array<Algorithm, kMostAlgorithms> algorithms_{};
  size_t algorithm_count_ = 0;
};

// How many bytes the log has whose last event begins at `last`, reading no more of `bytes` than that. Fails
// where no event begins there.
mm::Result<size_t> tpm_log_size(std::span<const uint8_t> bytes, size_t last);

// EV_... of the specification; null: it has no such.
[[nodiscard]] const char* tpm_event_name(uint32_t type);
[[nodiscard]] const char* tpm_algorithm_name(uint16_t algorithm);

}  // namespace loader
