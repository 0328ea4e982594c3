#include "loader/handoff/tpm_log.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace loader {
namespace {

constexpr uint32_t kNoAction = 3;
constexpr size_t kEventHead = 12;   // register, type, how many digests
constexpr size_t kHeaderHead = 32;  // register, type, a SHA-1 of zeros, size
constexpr char kSignature[16] = "Spec ID Event03";
constexpr size_t kAlgorithmCount = 24;  // offset in what the header event says

// Little endian, at any address; nothing where the bytes end before.
template <class T>
std::optional<T> read(std::span<const uint8_t> bytes, size_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
  T value = 0;
  for (size_t i = sizeof(T); i-- > 0;) value = static_cast<T>(value << 8 | bytes[at + i]);
  return value;
}

struct Name {
  uint32_t number;
  const char* name;
};

// Section 10.4.1, table 27.
constexpr std::array kEvents{
    Name{0x00, "EV_PREBOOT_CERT"},
    Name{0x01, "EV_POST_CODE"},
    Name{0x03, "EV_NO_ACTION"},
    Name{0x04, "EV_SEPARATOR"},
    Name{0x05, "EV_ACTION"},
    Name{0x06, "EV_EVENT_TAG"},
    Name{0x07, "EV_S_CRTM_CONTENTS"},
    Name{0x08, "EV_S_CRTM_VERSION"},
    Name{0x09, "EV_CPU_MICROCODE"},
    Name{0x0a, "EV_PLATFORM_CONFIG_FLAGS"},
    Name{0x0b, "EV_TABLE_OF_DEVICES"},
    Name{0x0c, "EV_COMPACT_HASH"},
    Name{0x0d, "EV_IPL"},
    Name{0x0e, "EV_IPL_PARTITION_DATA"},
    Name{0x0f, "EV_NONHOST_CODE"},
    Name{0x10, "EV_NONHOST_CONFIG"},
    Name{0x11, "EV_NONHOST_INFO"},
    Name{0x12, "EV_OMIT_BOOT_DEVICE_EVENTS"},
    Name{0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
    Name{0x80000002, "EV_EFI_VARIABLE_BOOT"},
    Name{0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION"},
    Name{0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER"},
    Name{0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
    Name{0x80000006, "EV_EFI_GPT_EVENT"},
    Name{0x80000007, "EV_EFI_ACTION"},
    Name{0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
    Name{0x80000009, "EV_EFI_HANDOFF_TABLES"},
    Name{0x8000000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
    Name{0x8000000b, "EV_EFI_HANDOFF_TABLES2"},
    Name{0x8000000c, "EV_EFI_VARIABLE_BOOT2"},
    Name{0x80000010, "EV_EFI_HCRTM_EVENT"},
    Name{0x800000e0, "EV_EFI_VARIABLE_AUTHORITY"},
    Name{0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB"},
    Name{0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG"},
};

// TCG Algorithm Registry, table 3.
constexpr std::array kAlgorithms{
    Name{0x04, "sha1"}, Name{0x0b, "sha256"},   Name{0x0c, "sha384"},   Name{0x0d, "sha512"},
    Name{0x12, "sm3"},  Name{0x27, "sha3-256"}, Name{0x28, "sha3-384"}, Name{0x29, "sha3-512"},
};

template <size_t n>
const char* name_of(const std::array<Name, n>& names, uint32_t number) {
  const auto* const found = std::find_if(names.begin(), names.end(),
                                         [=](const Name& name) { return name.number == number; });
  return found == names.end() ? nullptr : found->name;
}

}  // namespace

const char* tpm_event_name(uint32_t type) { return name_of(kEvents, type); }
const char* tpm_algorithm_name(uint16_t algorithm) { return name_of(kAlgorithms, algorithm); }

mm::Error TpmLog::fault(mm::ErrorText what) const {
  return {.what = what, .subject = "the TPM's event log", .a = at_, .b = bytes_.size()};
}

mm::Result<TpmLog> TpmLog::open(std::span<const uint8_t> bytes) {
  TpmLog log;
  log.bytes_ = bytes;
  const auto type = read<uint32_t>(bytes, 4);
  const auto size = read<uint32_t>(bytes, kHeaderHead - 4);
  if (!size || *size > bytes.size() - kHeaderHead) {
    return log.fault("the header event does not fit (offset {:#x}, bytes {:#x})");
  }
  const auto said = bytes.subspan(kHeaderHead, *size);
  const auto count = read<uint32_t>(said, kAlgorithmCount);
  if (type != kNoAction || !count || std::memcmp(said.data(), kSignature, sizeof kSignature) != 0) {
    return log.fault(
        "there is no header event of the crypto-agile form (offset {:#x}, bytes {:#x})");
  }
  if (*count == 0 || *count > kMostAlgorithms) {
    return mm::Error{.what = "the header event names so many algorithms: {} (most {})",
                     .subject = "the TPM's event log",
                     .a = *count,
                     .b = kMostAlgorithms};
  }
  for (uint32_t i = 0; i < *count; ++i) {
    const size_t at = kAlgorithmCount + 4 + i * size_t{4};
    const auto id = read<uint16_t>(said, at);
    const auto digest = read<uint16_t>(said, at + 2);
    if (!id || !digest) return log.fault("its algorithms do not fit (offset {:#x}, bytes {:#x})");
    log.algorithms_[log.algorithm_count_++] = {*id, *digest};
  }
  log.at_ = kHeaderHead + *size;
  return log;
}

mm::Result<> TpmLog::read_digests(uint32_t count, size_t& at, TpmEvent& event) const {
  for (uint32_t i = 0; i < count; ++i) {
    const auto id = read<uint16_t>(bytes_, at);
    const auto* const known =
        std::find_if(algorithms_.begin(), algorithms_.begin() + algorithm_count_,
                     [&](const Algorithm& each) { return id && each.id == *id; });
    if (known == algorithms_.begin() + algorithm_count_) {
      return fault("an event has a digest of an unknown algorithm (offset {:#x}, bytes {:#x})");
    }
    at += 2;
    if (bytes_.size() - at < known->digest_size) {
      return fault("an event's digests do not fit (offset {:#x}, bytes {:#x})");
    }
    if (i == 0 || known->id == kTpmSha256) {
      event.algorithm = known->id;
      event.digest = bytes_.subspan(at, known->digest_size);
    }
    at += known->digest_size;
  }
  return {};
}

// Zeros are no event: each has a digest.
mm::Result<bool> TpmLog::next(TpmEvent& event) {
  if (at_ == bytes_.size()) return false;
  const auto pcr = read<uint32_t>(bytes_, at_);
  const auto type = read<uint32_t>(bytes_, at_ + 4);
  const auto digests = read<uint32_t>(bytes_, at_ + 8);
  const bool rest_is_zero = std::all_of(
      bytes_.begin() + static_cast<ptrdiff_t>(at_),
      bytes_.begin() + static_cast<ptrdiff_t>(std::min(at_ + kEventHead, bytes_.size())),
      [](uint8_t byte) { return byte == 0; });
  if (rest_is_zero) return false;
  if (!digests) return fault("an event does not fit (offset {:#x}, bytes {:#x})");
  event = {.pcr = *pcr, .type = *type, .digest = {}, .data = {}};
  size_t at = at_ + kEventHead;
  BATON_TRY(read_digests(*digests, at, event));
  const auto size = read<uint32_t>(bytes_, at);
  if (!size || *size > bytes_.size() - at - 4) {
    return fault("an event's data do not fit (offset {:#x}, bytes {:#x})");
  }
  event.data = bytes_.subspan(at + 4, *size);
  at_ = at + 4 + *size;
  return true;
}

mm::Result<size_t> tpm_log_size(std::span<const uint8_t> bytes, size_t last) {
  TpmLog log = BATON_TRY(TpmLog::open(bytes));
  TpmEvent event;
  while (log.offset() <= last) {
    const bool here = log.offset() == last;
    if (!BATON_TRY(log.next(event))) break;
    if (here) return log.offset();
  }
  return mm::Error{.what = "no event begins where the last one should (offset {:#x})",
                   .subject = "the TPM's event log",
                   .a = last};
}

}  // namespace loader
