// Files and directories of Baton's volume. A number is of what is bent: 0 all files, 1 the kernel.
#include "tests/boot/faulty/chosen/chosen.h"

// The firmware's file handles are structures of function pointers, one set a handle: each is bent when
// it is opened. Handles of one driver have one set of true functions.
namespace faulty::chosen {
namespace {

decltype(EFI_FILE_IO_INTERFACE::OpenVolume) true_open_volume = nullptr;
decltype(EFI_FILE::Open) true_open = nullptr;
decltype(EFI_FILE::Read) true_read = nullptr;
decltype(EFI_FILE::GetInfo) true_info = nullptr;

EFI_FILE_READ bent_read = nullptr;
EFI_FILE_GET_INFO bent_info = nullptr;
EFI_FILE_READ bent_list = nullptr;  // of directories
bool only_kernel = false;
UINT64 number_given = 0;

bool is_kernel(const CHAR16* name) {
  constexpr char16_t kEnd[] = u"kernel.elf";
  const UINTN length = StrLen(name);
  const UINTN end = StrLen(utf16(kEnd));
  return length >= end && StriCmp(name + (length - end), utf16(kEnd)) == 0;
}

bool is_directory(const CHAR16* name) { return StriCmp(name, utf16(u"\\loader\\entries")) == 0; }

EFI_STATUS EFIAPI bent_open(EFI_FILE* parent, EFI_FILE** file, CHAR16* name, UINT64 mode,
                            UINT64 attributes) {
  const EFI_STATUS status = true_open(parent, file, name, mode, attributes);
  if (EFI_ERROR(status)) return status;
  (*file)->Open = bent_open;
  true_read = (*file)->Read == bent_read || (*file)->Read == bent_list ? true_read : (*file)->Read;
  if (is_directory(name)) {
    if (bent_list != nullptr) (*file)->Read = bent_list;
    return status;
  }
  if (only_kernel && !is_kernel(name)) return status;
  if (bent_read != nullptr) (*file)->Read = bent_read;
  if (bent_info != nullptr) {
    true_info = (*file)->GetInfo == bent_info ? true_info : (*file)->GetInfo;
    (*file)->GetInfo = bent_info;
  }
  return status;
}

EFI_STATUS EFIAPI open_null(EFI_FILE* /*parent*/, EFI_FILE** file, CHAR16* /*name*/,
                            UINT64 /*mode*/, UINT64 /*attributes*/) {
  *file = nullptr;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI open_fails(EFI_FILE* /*parent*/, EFI_FILE** /*file*/, CHAR16* /*name*/,
                             UINT64 /*mode*/, UINT64 /*attributes*/) {
  return error_of(number_given);
}

EFI_FILE_OPEN opens = bent_open;

EFI_STATUS EFIAPI bent_open_volume(EFI_FILE_IO_INTERFACE* volume, EFI_FILE** root) {
  const EFI_STATUS status = true_open_volume(volume, root);
  if (EFI_ERROR(status) || !CALLED_BY_BATON) return status;
  if ((*root)->Open != opens) true_open = (*root)->Open;
  (*root)->Open = opens;
  return status;
}

EFI_STATUS EFIAPI null_volume(EFI_FILE_IO_INTERFACE* volume, EFI_FILE** root) {
  if (!CALLED_BY_BATON) return true_open_volume(volume, root);
  *root = nullptr;
  return EFI_SUCCESS;
}

// --- Reading ---------------------------------------------------------------------------------------

EFI_STATUS EFIAPI halves(EFI_FILE* file, UINTN* size, void* buffer) {
  *size = (*size + 1) / 2;
  return true_read(file, size, buffer);
}

EFI_STATUS EFIAPI more_than_asked(EFI_FILE* file, UINTN* size, void* buffer) {
  const EFI_STATUS status = true_read(file, size, buffer);
  *size += 1;
  return status;
}

EFI_STATUS EFIAPI nothing(EFI_FILE* /*file*/, UINTN* size, void* /*buffer*/) {
  *size = 0;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI only_said(EFI_FILE* /*file*/, UINTN* /*size*/, void* /*buffer*/) {
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI failing(EFI_FILE* /*file*/, UINTN* /*size*/, void* /*buffer*/) {
  return EFI_DEVICE_ERROR;
}

// --- What is said about them -----------------------------------------------------------------------

EFI_STATUS EFIAPI size_is(EFI_FILE* file, EFI_GUID* type, UINTN* size, void* buffer) {
  const EFI_STATUS status = true_info(file, type, size, buffer);
  if (status == EFI_SUCCESS) static_cast<EFI_FILE_INFO*>(buffer)->FileSize = number_given;
  return status;
}

EFI_STATUS EFIAPI info_only_said(EFI_FILE* /*file*/, EFI_GUID* /*type*/, UINTN* /*size*/,
                                 void* /*buffer*/) {
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI info_fails(EFI_FILE* /*file*/, EFI_GUID* /*type*/, UINTN* /*size*/,
                             void* /*buffer*/) {
  return EFI_UNSUPPORTED;
}

// --- Directories -----------------------------------------------------------------------------------

EFI_STATUS EFIAPI endless(EFI_FILE* /*file*/, UINTN* size, void* buffer) {
  constexpr char16_t kName[] = u"a.conf";
  auto& info = *static_cast<EFI_FILE_INFO*>(buffer);
  info.Size = SIZE_OF_EFI_FILE_INFO + sizeof kName;
  info.FileSize = 10;
  info.Attribute = 0;
  CopyMem(reinterpret_cast<UINT8*>(buffer) + SIZE_OF_EFI_FILE_INFO, kName, sizeof kName);
  *size = static_cast<UINTN>(info.Size);
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI too_small_for_ever(EFI_FILE* /*file*/, UINTN* /*size*/, void* /*buffer*/) {
  return EFI_BUFFER_TOO_SMALL;
}

EFI_STATUS EFIAPI larger_than_room(EFI_FILE* file, UINTN* size, void* buffer) {
  const EFI_STATUS status = true_read(file, size, buffer);
  if (status == EFI_SUCCESS && *size != 0) *size += 100'000;
  return status;
}

// Every file is said to be empty while it is listed.
EFI_STATUS EFIAPI sizes_nothing(EFI_FILE* file, UINTN* size, void* buffer) {
  const EFI_STATUS status = true_read(file, size, buffer);
  if (status == EFI_SUCCESS && *size != 0) static_cast<EFI_FILE_INFO*>(buffer)->FileSize = 0;
  return status;
}

// --- Bends -----------------------------------------------------------------------------------------

EFI_STATUS bend_volume(EFI_BOOT_SERVICES& services, const EFI_LOADED_IMAGE& baton,
                       decltype(EFI_FILE_IO_INTERFACE::OpenVolume) bent) {
  EFI_GUID guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
  void* found = nullptr;
  const EFI_STATUS status = services.HandleProtocol(baton.DeviceHandle, &guid, &found);
  if (EFI_ERROR(status)) return status;
  auto& volume = *static_cast<EFI_FILE_IO_INTERFACE*>(found);
  if (volume.OpenVolume == bent) return EFI_SUCCESS;
  true_open_volume = volume.OpenVolume;
  volume.OpenVolume = bent;
  return EFI_SUCCESS;
}

template <EFI_FILE_READ bent>
EFI_STATUS reads(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  bent_read = bent;
  only_kernel = number == 1;
  return bend_volume(services, baton, bent_open_volume);
}

template <EFI_FILE_GET_INFO bent>
EFI_STATUS infos(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  bent_info = bent;
  only_kernel = true;
  number_given = number;
  return bend_volume(services, baton, bent_open_volume);
}

template <EFI_FILE_READ bent>
EFI_STATUS lists(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 /*number*/) {
  bent_list = bent;
  return bend_volume(services, baton, bent_open_volume);
}

template <EFI_FILE_OPEN bent>
EFI_STATUS opened(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  number_given = number;
  opens = bent;
  return bend_volume(services, baton, bent_open_volume);
}

EFI_STATUS volume_null(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 /*number*/) {
  return bend_volume(services, baton, null_volume);
}

constexpr Bend kBends[] = {
    {"read-halves", reads<halves>},
    {"read-more", reads<more_than_asked>},
    {"read-nothing", reads<nothing>},
    {"read-only-said", reads<only_said>},
    {"read-fails", reads<failing>},
    {"size-is", infos<size_is>},
    {"info-only-said", infos<info_only_said>},
    {"info-fails", infos<info_fails>},
    {"list-endless", lists<endless>},
    {"list-too-small", lists<too_small_for_ever>},
    {"list-only-said", lists<only_said>},
    {"list-larger", lists<larger_than_room>},
    {"list-sizes-nothing", lists<sizes_nothing>},
    {"list-fails", lists<failing>},
    {"open-null", opened<open_null>},
    {"open-fails", opened<open_fails>},
    {"volume-null", volume_null},
};

}  // namespace

std::span<const Bend> file_bends() { return kBends; }

}  // namespace faulty::chosen
