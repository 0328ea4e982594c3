// Variables, time, events, the watchdog, and the tables of services themselves.
#include "tests/boot/faulty/chosen/chosen.h"

namespace faulty::chosen {
namespace {

EFI_GET_VARIABLE true_get = nullptr;
EFI_SET_VARIABLE true_set = nullptr;
EFI_CREATE_EVENT true_create = nullptr;
EFI_SET_TIMER true_timer = nullptr;
EFI_CHECK_EVENT true_check = nullptr;
EFI_WAIT_FOR_EVENT true_wait = nullptr;
EFI_STALL true_stall = nullptr;
UINT64 number_given = 0;

// --- Variables -------------------------------------------------------------------------------------

// Success; what is said is only a size.
EFI_STATUS EFIAPI get_size(CHAR16* name, EFI_GUID* vendor, UINT32* attributes, UINTN* size,
                           void* data) {
  if (!CALLED_BY_BATON) return true_get(name, vendor, attributes, size, data);
  *size = static_cast<UINTN>(number_given);
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI get_silent(CHAR16* name, EFI_GUID* vendor, UINT32* attributes, UINTN* size,
                             void* data) {
  return CALLED_BY_BATON ? EFI_SUCCESS : true_get(name, vendor, attributes, size, data);
}
EFI_STATUS EFIAPI get_fails(CHAR16* name, EFI_GUID* vendor, UINT32* attributes, UINTN* size,
                            void* data) {
  return CALLED_BY_BATON ? EFI_DEVICE_ERROR : true_get(name, vendor, attributes, size, data);
}
EFI_STATUS EFIAPI set_fails(CHAR16* name, EFI_GUID* vendor, UINT32 attributes, UINTN size,
                            void* data) {
  return CALLED_BY_BATON ? EFI_DEVICE_ERROR : true_set(name, vendor, attributes, size, data);
}

template <EFI_GET_VARIABLE bent>
EFI_STATUS gets(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  number_given = number;
  true_get = baton.SystemTable->RuntimeServices->GetVariable;
  baton.SystemTable->RuntimeServices->GetVariable = bent;
  return EFI_SUCCESS;
}

EFI_STATUS sets(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  true_set = baton.SystemTable->RuntimeServices->SetVariable;
  baton.SystemTable->RuntimeServices->SetVariable = set_fails;
  return EFI_SUCCESS;
}

// --- Time, events, the watchdog --------------------------------------------------------------------

EFI_STATUS EFIAPI time_garbage(EFI_TIME* time, EFI_TIME_CAPABILITIES* /*capabilities*/) {
  auto* const bytes = reinterpret_cast<UINT8*>(time);
  for (UINTN i = 0; i < sizeof(*time); ++i) bytes[i] = 0xff;
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI time_silent(EFI_TIME*, EFI_TIME_CAPABILITIES*) { return EFI_SUCCESS; }
EFI_STATUS EFIAPI time_fails(EFI_TIME*, EFI_TIME_CAPABILITIES*) { return EFI_DEVICE_ERROR; }

template <EFI_GET_TIME bent>
EFI_STATUS times(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  baton.SystemTable->RuntimeServices->GetTime = bent;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI no_watchdog(UINTN, UINT64, UINTN, CHAR16*) { return EFI_DEVICE_ERROR; }
EFI_STATUS EFIAPI no_stall(UINTN microseconds) {
  return CALLED_BY_BATON ? EFI_SUCCESS : true_stall(microseconds);
}
EFI_STATUS EFIAPI no_event(UINT32 type, EFI_TPL level, EFI_EVENT_NOTIFY notify, void* context,
                           EFI_EVENT* event) {
  if (!CALLED_BY_BATON) return true_create(type, level, notify, context, event);
  return EFI_OUT_OF_RESOURCES;
}
EFI_STATUS EFIAPI no_timer(EFI_EVENT event, EFI_TIMER_DELAY how, UINT64 time) {
  return CALLED_BY_BATON ? EFI_DEVICE_ERROR : true_timer(event, how, time);
}
EFI_STATUS EFIAPI always_time(EFI_EVENT event) {
  return CALLED_BY_BATON ? EFI_SUCCESS : true_check(event);
}
EFI_STATUS EFIAPI no_wait(UINTN count, EFI_EVENT* events, UINTN* happened) {
  return CALLED_BY_BATON ? EFI_UNSUPPORTED : true_wait(count, events, happened);
}
// What happened is none of those that were waited for.
EFI_STATUS EFIAPI odd_wait(UINTN count, EFI_EVENT* events, UINTN* happened) {
  if (!CALLED_BY_BATON) return true_wait(count, events, happened);
  *happened = 77;
  return EFI_SUCCESS;
}

EFI_STATUS watchdog(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE&, UINT64) {
  services.SetWatchdogTimer = no_watchdog;
  return EFI_SUCCESS;
}
EFI_STATUS stall(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE&, UINT64) {
  true_stall = services.Stall;
  services.Stall = no_stall;
  return EFI_SUCCESS;
}
EFI_STATUS events(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE&, UINT64) {
  true_create = services.CreateEvent;
  services.CreateEvent = no_event;
  return EFI_SUCCESS;
}
EFI_STATUS timers(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE&, UINT64) {
  true_timer = services.SetTimer;
  services.SetTimer = no_timer;
  return EFI_SUCCESS;
}
EFI_STATUS checks(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE&, UINT64) {
  true_check = services.CheckEvent;
  services.CheckEvent = always_time;
  return EFI_SUCCESS;
}
template <EFI_WAIT_FOR_EVENT bent>
EFI_STATUS waits(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE&, UINT64) {
  true_wait = services.WaitForEvent;
  services.WaitForEvent = bent;
  return EFI_SUCCESS;
}

// --- The system table ------------------------------------------------------------------------------

EFI_STATUS revision(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  baton.SystemTable->Hdr.Revision = static_cast<UINT32>(number);
  return EFI_SUCCESS;
}
EFI_STATUS sum(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  baton.SystemTable->Hdr.CRC32 ^= 1;
  baton.SystemTable->Hdr.Signature ^= 1;
  baton.SystemTable->Hdr.HeaderSize = 0;
  return EFI_SUCCESS;
}
EFI_STATUS no_runtime(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  baton.SystemTable->RuntimeServices = nullptr;
  return EFI_SUCCESS;
}
EFI_STATUS vendor(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  baton.SystemTable->FirmwareVendor = nullptr;
  if (number == 0) return EFI_SUCCESS;
  void* place = nullptr;
  const EFI_STATUS status =
      services.AllocatePool(EfiLoaderData, static_cast<UINTN>(number) * 2, &place);
  if (EFI_ERROR(status)) return status;
  auto* const text = static_cast<CHAR16*>(place);
  for (UINT64 i = 0; i < number; ++i) text[i] = static_cast<CHAR16>(0xd800 + i % 2);
  baton.SystemTable->FirmwareVendor = text;
  return EFI_SUCCESS;
}

constexpr Bend kBends[] = {
    {"variable-size", gets<get_size>},
    {"variable-silent", gets<get_silent>},
    {"variable-fails", gets<get_fails>},
    {"variable-unwritable", sets},
    {"time-garbage", times<time_garbage>},
    {"time-silent", times<time_silent>},
    {"time-fails", times<time_fails>},
    {"watchdog-fails", watchdog},
    {"stall-nothing", stall},
    {"event-fails", events},
    {"timer-fails", timers},
    {"timer-always", checks},
    {"wait-fails", waits<no_wait>},
    {"wait-odd", waits<odd_wait>},
    {"revision", revision},
    {"system-sum", sum},
    {"runtime-null", no_runtime},
    {"vendor", vendor},
};

}  // namespace

std::span<const Bend> service_bends() { return kBends; }

}  // namespace faulty::chosen
