#include "tests/boot/faulty/faulty.h"

// The firmware's file handles are structures of function pointers, one set a handle; so a volume's
// root is bent when it is opened, and a file when the root opens it.
namespace faulty {
namespace {

const CHAR16* bent_name = nullptr;
UINTN bytes_good = 0;
ReadBeyond read_beyond = nullptr;
EFI_BOOT_SERVICES* stalls = nullptr;
UINTN delay = 0;
UINTN most_at_once = ~UINTN{0};

EFI_FILE_IO_INTERFACE* bent_file_system = nullptr;
decltype(EFI_FILE_IO_INTERFACE::OpenVolume) true_open_volume = nullptr;
decltype(EFI_FILE::Open) true_open = nullptr;
decltype(EFI_FILE::Read) true_read = nullptr;
decltype(EFI_FILE::Write) true_write = nullptr;
bool writes_are_bent = false;
bool is_swapped = false;
UINTN times_begun = 0;
UINTN other_byte = 0;

bool ends_in(const CHAR16* text, const CHAR16* end) {
  const UINTN text_length = StrLen(text);
  const UINTN end_length = StrLen(end);
  return text_length >= end_length && StriCmp(text + (text_length - end_length), end) == 0;
}

EFI_STATUS EFIAPI bent_read(EFI_FILE* file, UINTN* size, void* buffer) {
  UINT64 position = 0;
  const EFI_STATUS status = file->GetPosition(file, &position);
  if (EFI_ERROR(status)) return status;
  if (delay != 0) stalls->Stall(delay);
  if (*size > most_at_once) {
    file->SetPosition(file, position + most_at_once);  // nobody promises that it stays
    return EFI_DEVICE_ERROR;
  }
  if (position + *size <= bytes_good) return true_read(file, size, buffer);
  return read_beyond(size);
}

EFI_STATUS EFIAPI swapped_read(EFI_FILE* file, UINTN* size, void* buffer) {
  UINT64 position = 0;
  EFI_STATUS status = file->GetPosition(file, &position);
  if (!EFI_ERROR(status)) status = true_read(file, size, buffer);
  if (EFI_ERROR(status) || position != 0 || *size <= other_byte) return status;
  if (times_begun++ != 0) static_cast<UINT8*>(buffer)[other_byte] ^= 1;
  return status;
}

EFI_STATUS EFIAPI bent_write(EFI_FILE* file, UINTN* size, void* buffer) {
  *size /= 2;
  const EFI_STATUS status = true_write(file, size, buffer);
  return EFI_ERROR(status) ? status : EFI_VOLUME_FULL;
}

EFI_STATUS EFIAPI bent_open(EFI_FILE* parent, EFI_FILE** file, CHAR16* name, UINT64 mode,
                            UINT64 attributes) {
  const EFI_STATUS status = true_open(parent, file, name, mode, attributes);
  if (EFI_ERROR(status)) return status;
  (*file)->Open = bent_open;
  if (ends_in(name, bent_name) && writes_are_bent) {
    true_write = (*file)->Write;
    (*file)->Write = bent_write;
  } else if (ends_in(name, bent_name)) {
    true_read = (*file)->Read;
    (*file)->Read = is_swapped ? swapped_read : bent_read;
  }
  return status;
}

EFI_STATUS EFIAPI bent_open_volume(EFI_FILE_IO_INTERFACE* volume, EFI_FILE** root) {
  const EFI_STATUS status = true_open_volume(volume, root);
  if (EFI_ERROR(status)) return status;
  true_open = (*root)->Open;
  (*root)->Open = bent_open;
  return status;
}

}  // namespace

EFI_STATUS bend_reads(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name,
                      UINTN good, ReadBeyond beyond) {
  EFI_GUID file_system_id = SIMPLE_FILE_SYSTEM_PROTOCOL;
  void* found = nullptr;
  const EFI_STATUS status = services.HandleProtocol(volume, &file_system_id, &found);
  if (EFI_ERROR(status)) return status;
  bent_file_system = static_cast<EFI_FILE_IO_INTERFACE*>(found);
  bent_name = name;
  bytes_good = good;
  read_beyond = beyond;
  true_open_volume = bent_file_system->OpenVolume;
  bent_file_system->OpenVolume = bent_open_volume;
  return EFI_SUCCESS;
}

EFI_STATUS bend_reads_slow(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name,
                           UINTN microseconds) {
  stalls = &services;
  delay = microseconds;
  return bend_reads(services, volume, name, ~UINTN{0}, nullptr);
}

EFI_STATUS bend_large_reads(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name,
                            UINTN most) {
  most_at_once = most;
  return bend_reads(services, volume, name, ~UINTN{0}, nullptr);
}

EFI_STATUS swap_after_first_read(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name,
                                 UINTN byte) {
  is_swapped = true;
  other_byte = byte;
  return bend_reads(services, volume, name, ~UINTN{0}, nullptr);
}

EFI_STATUS bend_writes(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name) {
  writes_are_bent = true;
  return bend_reads(services, volume, name, ~UINTN{0}, nullptr);
}

}  // namespace faulty
