#include "efi/tpm.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "efi/live.h"
#include "efi/memory_map.h"
#include "efi/sheet.h"
#include "loader/handoff/tpm_log.h"
#include "loader/map_record.h"

namespace efi {
namespace {

constexpr EFI_GUID kTcg2 = {
    0x607f766c, 0x7455, 0x42be, {0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f}};
constexpr uint32_t kEvIpl = 13;  // TCG PC Client Platform Firmware Profile, section 10.4.1

struct Capability {
  uint8_t size = sizeof(Capability);
  uint8_t versions[4];
  uint32_t hash_algorithms, event_logs;
  uint8_t tpm_present;
  uint16_t most_command, most_response;
  uint32_t manufacturer, banks, active_banks;
};

struct [[gnu::packed]] Event {
  uint32_t size;
  uint32_t header_size;
  uint16_t header_version;
  uint32_t pcr, type;
  std::array<char, 200> text;
};
constexpr uint32_t kEventHeader = 14;

struct Tcg2 {
  EFI_STATUS(EFIAPI* get_capability)(Tcg2*, Capability*);
  EFI_STATUS(EFIAPI* get_event_log)
  (Tcg2*, uint32_t form, EFI_PHYSICAL_ADDRESS* log, EFI_PHYSICAL_ADDRESS* last, BOOLEAN* truncated);
  EFI_STATUS(EFIAPI* hash_log_extend_event)
  (Tcg2*, uint64_t flags, EFI_PHYSICAL_ADDRESS data, uint64_t size, Event* event);
};

}  // namespace

Tpm Tpm::find(const Firmware& firmware, const mm::Printer& findings) {
  Tpm tpm;
  tpm.findings_ = findings;
  EFI_GUID guid = kTcg2;
  void* found = nullptr;
  EFI_STATUS status = firmware.boot->LocateProtocol(&guid, nullptr, &found);
  auto* const tcg = static_cast<Tcg2*>(found);
  if (status == EFI_NOT_FOUND || (status == EFI_SUCCESS && tcg == nullptr)) return tpm;
  Capability capability{};  // a firmware may say that it told, and tell nothing
  if (status == EFI_SUCCESS) status = tcg->get_capability(tcg, &capability);
  if (status != EFI_SUCCESS) {
    findings.error("TPM", failed("nothing is measured", "EFI_TCG2_PROTOCOL", status));
    return tpm;
  }
  if (capability.tpm_present != 0) tpm.protocol_ = tcg;
  return tpm;
}

void Tpm::measure(Pcr pcr, std::span<const uint8_t> bytes, const char* what,
                  const char* name) const {
  if (protocol_ == nullptr) return;
  Event event{};
  const size_t wanted = mm::format(event.text, "{}: {}", what, name) + 1;
  const auto length = static_cast<uint32_t>(std::min(wanted, event.text.size()));
  event.header_size = kEventHeader;
  event.header_version = 1;
  event.pcr = static_cast<uint32_t>(pcr);
  event.type = kEvIpl;
  event.size = sizeof(event.size) + kEventHeader + length;
  auto* const tcg = static_cast<Tcg2*>(protocol_);
  const EFI_STATUS status = tcg->hash_log_extend_event(
      tcg, 0, reinterpret_cast<uintptr_t>(bytes.data()), bytes.size(), &event);
  if (status != EFI_SUCCESS) {
    findings_.error("TPM", failed("cannot be measured (register {})", name, status, event.pcr));
  }
}

void Tpm::measure_map(const Firmware& firmware) const {
  if (protocol_ == nullptr) return;
  const auto measured = [&]() -> mm::Result<> {
    const MemoryMap map = BATON_TRY(get_memory_map(firmware));
    const Pages storage =
        BATON_TRY(allocate_array<loader::MapRange>(firmware, map.view().count(), "memory map"));
    const auto ranges = storage.span<loader::MapRange>();
    const size_t count = loader::record_map(map.view(), {}, ranges);
    const Text text = BATON_TRY(text_of(firmware, "memory map", [&](const mm::Printer& out) {
      loader::print_map_record(ranges.first(count), {}, out);
    }));
    measure(Pcr::Options, text.view(), "baton: map", "of the firmware");
    return {};
  }();
  if (!measured.ok()) findings_.error("TPM", measured.error());
}

Pages Tpm::event_log(const Firmware& firmware) const {
  constexpr uint32_t kCryptoAgile = 2;
  // No event of the firmware's is longer; so far is read behind where the last one begins.
  constexpr size_t kMostEvent = 64 * mm::kKiB;
  constexpr uint64_t kMostLog = 16 * mm::kMiB;
  if (protocol_ == nullptr) return {};
  auto* const tcg = static_cast<Tcg2*>(protocol_);
  EFI_PHYSICAL_ADDRESS log = 0, last = 0;
  BOOLEAN truncated = 0;
  const EFI_STATUS status = tcg->get_event_log != nullptr
                                ? tcg->get_event_log(tcg, kCryptoAgile, &log, &last, &truncated)
                                : EFI_UNSUPPORTED;
  if (status != EFI_SUCCESS) {
    findings_.error("TPM", failed("gives no event log", "EFI_TCG2_PROTOCOL", status));
    return {};
  }
  if (log == 0) {
    findings_.line("TPM: there is no event log of the crypto-agile form");
    return {};
  }
  const mm::Phys start{log}, newest{last};
  if (last < log || last - log > kMostLog || !mapped({start, newest + 1})) {
    findings_.error("TPM", mm::Error{"cannot be read (address {:#x}, last event {:#x})",
                                     "the event log", log, last});
    return {};
  }
  mm::Phys end = newest + 1;  // as far as it is mapped
  while (end - newest < kMostEvent && mapped({end, end + 1})) {
    end = mm::align_down(end, mm::kPageSize) + mm::kPageSize;
  }
  if (truncated != 0) findings_.line("TPM: the firmware had no room for all events in its log");
  const auto copied = [&]() -> mm::Result<Pages> {
    const auto* const bytes = reinterpret_cast<const uint8_t*>(static_cast<uintptr_t>(log));
    const auto begin = static_cast<size_t>(last - log);
    const size_t size =
        BATON_TRY(loader::tpm_log_size({bytes, static_cast<size_t>(end - start)}, begin));
    Pages copy = BATON_TRY(allocate_zeroed(firmware, size, "the TPM's event log"));
    std::memcpy(copy.as<uint8_t>(), bytes, size);
    return copy;
  };
  mm::Result<Pages> result = copied();
  if (result.ok()) return std::move(result.value());
  findings_.error("TPM", result.error());
  return {};
}

}  // namespace efi
