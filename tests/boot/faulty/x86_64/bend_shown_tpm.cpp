// What the TPM has at the end, as hexadecimal digits on the serial port: its registers 9 and 12, by
// TPM2_PCR_Read, and the event log. Nothing is bent but that ExitBootServices says it before.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

struct Tcg2 {
  void* get_capability;
  EFI_STATUS(EFIAPI* get_event_log)
  (Tcg2*, UINT32 format, UINT64* first, UINT64* last, UINT8* truncated);
  void* hash_log_extend_event;
  EFI_STATUS(EFIAPI* submit_command)
  (Tcg2*, UINT32 size, const UINT8* in, UINT32 out_size, UINT8* out);
};

constexpr UINT32 kCryptoAgile = 2;

Tcg2* tcg = nullptr;
EFI_EXIT_BOOT_SERVICES true_exit = nullptr;

void say_bytes(const char* name, const UINT8* bytes, UINTN count) {
  say_on_serial_port(name);
  for (UINTN i = 0; i < count; ++i) {
    const char digits[] = {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15],
                           '\0'};
    say_on_serial_port(digits);
  }
  say_on_serial_port("\n");
}

UINT32 number_at(const UINT8* at, UINTN size) {
  UINT32 number = 0;
  for (UINTN i = 0; i < size; ++i) number |= static_cast<UINT32>(at[i]) << 8 * i;
  return number;
}

// Where an event of the crypto-agile log ends (TCG PC Client Platform Firmware Profile, section 10.2.2):
// its digests are of the algorithms whose sizes are known here.
const UINT8* end_of(const UINT8* event) {
  const UINT8* at = event + 12;
  for (UINT32 left = number_at(event + 8, 4); left != 0; --left) {
    const UINT32 algorithm = number_at(at, 2);
    at += 2 + (algorithm == 4                       ? 20
               : algorithm == 11 || algorithm == 18 ? 32
               : algorithm == 12                    ? 48
                                                    : 64);
  }
  return at + 4 + number_at(at, 4);
}

EFI_STATUS EFIAPI telling_exit(EFI_HANDLE image, UINTN key) {
  // SHA-256's bank, registers 9 and 12.
  constexpr UINT8 kRead[] = {0x80, 0x01, 0, 0, 0, 0x14, 0, 0, 0x01, 0x7e,
                             0,    0,    0, 1, 0, 0x0b, 3, 0, 0x12, 0};
  UINT8 answer[256] = {};
  const EFI_STATUS status = tcg->submit_command(tcg, sizeof kRead, kRead, sizeof answer, answer);
  say_bytes(EFI_ERROR(status) ? "\nfaulty: no registers " : "\nfaulty: registers ", answer, 128);
  UINT64 first = 0;
  UINT64 last = 0;
  UINT8 truncated = 0;
  if (!EFI_ERROR(tcg->get_event_log(tcg, kCryptoAgile, &first, &last, &truncated)) && first != 0) {
    const UINT8* const end = end_of(&at<const UINT8>(last));
    say_bytes("faulty: event log ", &at<const UINT8>(first),
              static_cast<UINTN>(end - &at<const UINT8>(first)));
  }
  return true_exit(image, key);
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  EFI_GUID id = {0x607f766c, 0x7455, 0x42be, {0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f}};
  void* found = nullptr;
  const EFI_STATUS status = services.LocateProtocol(&id, nullptr, &found);
  if (EFI_ERROR(status)) return status;
  tcg = static_cast<Tcg2*>(found);
  true_exit = services.ExitBootServices;
  services.ExitBootServices = telling_exit;
  return seal(services);
}

}  // namespace faulty
