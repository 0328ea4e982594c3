// Looking for protocols: success, and nothing or garbage with it; and protocols that lie.
#include "tests/boot/faulty/chosen/chosen.h"

namespace faulty::chosen {
namespace {

EFI_HANDLE_PROTOCOL true_handle = nullptr;
EFI_LOCATE_PROTOCOL true_locate = nullptr;
EFI_LOCATE_HANDLE_BUFFER true_buffer = nullptr;
UINT64 count_told = 0;
UINT64 first_bent = 0;
UINT64 calls = 0;

EFI_STATUS EFIAPI handle_null(EFI_HANDLE handle, EFI_GUID* protocol, void** interface) {
  if (!CALLED_BY_BATON || ++calls < first_bent) return true_handle(handle, protocol, interface);
  *interface = nullptr;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI handle_fails(EFI_HANDLE handle, EFI_GUID* protocol, void** interface) {
  if (!CALLED_BY_BATON || ++calls < first_bent) return true_handle(handle, protocol, interface);
  return EFI_UNSUPPORTED;
}

EFI_STATUS EFIAPI locate_null(EFI_GUID* protocol, void* registration, void** interface) {
  if (!CALLED_BY_BATON) return true_locate(protocol, registration, interface);
  *interface = nullptr;
  return EFI_SUCCESS;
}

// A count, and no handles.
EFI_STATUS EFIAPI no_buffer(EFI_LOCATE_SEARCH_TYPE how, EFI_GUID* protocol, void* key, UINTN* count,
                            EFI_HANDLE** handles) {
  if (!CALLED_BY_BATON) return true_buffer(how, protocol, key, count, handles);
  *count = static_cast<UINTN>(count_told);
  *handles = nullptr;
  return EFI_SUCCESS;
}

// Handles that are null.
EFI_STATUS EFIAPI null_handles(EFI_LOCATE_SEARCH_TYPE how, EFI_GUID* protocol, void* key,
                               UINTN* count, EFI_HANDLE** handles) {
  const bool bent = CALLED_BY_BATON;
  const EFI_STATUS status = true_buffer(how, protocol, key, count, handles);
  if (bent && status == EFI_SUCCESS) {
    for (UINTN i = 0; i < *count; ++i) (*handles)[i] = nullptr;
  }
  return status;
}

// The right handles, and a count of many more.
EFI_STATUS EFIAPI count_lies(EFI_LOCATE_SEARCH_TYPE how, EFI_GUID* protocol, void* key,
                             UINTN* count, EFI_HANDLE** handles) {
  const bool bent = CALLED_BY_BATON;
  const EFI_STATUS status = true_buffer(how, protocol, key, count, handles);
  if (bent && status == EFI_SUCCESS) *count = static_cast<UINTN>(count_told);
  return status;
}

template <EFI_HANDLE_PROTOCOL bent>
EFI_STATUS handles(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  first_bent = number;
  true_handle = services.HandleProtocol;
  services.HandleProtocol = bent;
  return EFI_SUCCESS;
}

EFI_STATUS located(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 /*number*/) {
  true_locate = services.LocateProtocol;
  services.LocateProtocol = locate_null;
  return EFI_SUCCESS;
}

template <EFI_LOCATE_HANDLE_BUFFER bent>
EFI_STATUS buffers(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  count_told = number;
  true_buffer = services.LocateHandleBuffer;
  services.LocateHandleBuffer = bent;
  return EFI_SUCCESS;
}

// --- A TPM and a source of random numbers that lie -------------------------------------------------

struct Tcg2 {
  EFI_STATUS(EFIAPI* get_capability)(Tcg2*, UINT8* capability);
  EFI_STATUS(EFIAPI* get_event_log)
  (Tcg2*, UINT32 format, EFI_PHYSICAL_ADDRESS* log, EFI_PHYSICAL_ADDRESS* last, BOOLEAN* truncated);
  EFI_STATUS(EFIAPI* hash_log_extend_event)(Tcg2*, UINT64, EFI_PHYSICAL_ADDRESS, UINT64, void*);
};
EFI_STATUS EFIAPI says_it_is_there(Tcg2*, UINT8* capability) {
  constexpr UINTN kTpmPresent = 16;  // behind the size, two versions and two words, with padding
  capability[kTpmPresent] = 1;
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI says_nothing(Tcg2*, UINT8* /*capability*/) { return EFI_SUCCESS; }
EFI_STATUS EFIAPI measures_nothing(Tcg2*, UINT64, EFI_PHYSICAL_ADDRESS, UINT64, void*) {
  return EFI_DEVICE_ERROR;
}

EFI_STATUS EFIAPI logs_nowhere(Tcg2*, UINT32 /*format*/, EFI_PHYSICAL_ADDRESS* log,
                               EFI_PHYSICAL_ADDRESS* last, BOOLEAN* truncated) {
  *log = EFI_PHYSICAL_ADDRESS{1} << 62;
  *last = *log + 32;
  *truncated = FALSE;
  return EFI_SUCCESS;
}

struct Rng {
  void* get_info;
  EFI_STATUS(EFIAPI* get_rng)(Rng*, EFI_GUID*, UINTN, UINT8*);
};
EFI_STATUS EFIAPI gives_nothing(Rng*, EFI_GUID*, UINTN, UINT8*) { return EFI_SUCCESS; }
EFI_STATUS EFIAPI gives_error(Rng*, EFI_GUID*, UINTN, UINT8*) { return EFI_NOT_READY; }

// The number 0: all it says is success; 1: what it should do fails; 2: its log is nowhere.
EFI_STATUS tcg2(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  static Tcg2 protocol{number == 0 ? says_nothing : says_it_is_there,
                       number == 2 ? logs_nowhere : nullptr, measures_nothing};
  EFI_GUID id = {0x607f766c, 0x7455, 0x42be, {0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f}};
  EFI_HANDLE handle = nullptr;
  return services.InstallProtocolInterface(&handle, &id, EFI_NATIVE_INTERFACE, &protocol);
}

// The number 0: all it says is success; 1: it fails; 2: it has no function.
EFI_STATUS rng(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  static Rng protocol{nullptr, number == 0 ? gives_nothing : number == 1 ? gives_error : nullptr};
  EFI_GUID id = {0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};
  EFI_HANDLE handle = nullptr;
  return services.InstallProtocolInterface(&handle, &id, EFI_NATIVE_INTERFACE, &protocol);
}

constexpr Bend kBends[] = {
    {"handle-null", handles<handle_null>},
    {"handle-fails", handles<handle_fails>},
    {"locate-null", located},
    {"handles-null", buffers<no_buffer>},
    {"handles-of-null", buffers<null_handles>},
    {"handles-count", buffers<count_lies>},
    {"tpm-lies", tcg2},
    {"random-lies", rng},
};

}  // namespace

std::span<const Bend> protocol_bends() { return kBends; }

}  // namespace faulty::chosen
