#include "efi/files.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "efi/progress.h"

namespace efi {
namespace {

constexpr EFI_GUID kSimpleFileSystem = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
constexpr EFI_GUID kFileInfo = EFI_FILE_INFO_ID;

constexpr size_t kMaxPath = 1024;  // characters; FAT allows 255 a name
using Path = std::array<CHAR16, kMaxPath + 1>;

// Some firmware fails on reads of many MiB at a time; and between two reads there is time to say
// how far we are, every half second from a stick that gives half a MiB a second.
constexpr uint64_t kReadAtOnce = 256 * mm::kKiB;

mm::Result<> to_firmware_path(const char* path, Path& out) {
  size_t length = 0;
  for (; path[length] != '\0'; ++length) {
    if (length == kMaxPath)
      return mm::Error{"path is too long (characters allowed {})", path, kMaxPath};
    const char c = path[length];
    if (c < ' ' || c > '~')
      return mm::Error{"path is not printable ASCII (position {})", path, length};
    out[length] = c == '/' ? CHAR16{u'\\'} : static_cast<CHAR16>(c);
  }
  out[length] = 0;
  return {};
}

// An open file, closed with the scope.
struct Handle {
  EFI_FILE* file = nullptr;
  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (file != nullptr) file->Close(file);
  }
};

mm::Result<uint64_t> size_of(EFI_FILE* file, const char* path) {
  // EFI_FILE_INFO ends with the file's name.
  struct alignas(8) {
    EFI_FILE_INFO info;
    std::array<CHAR16, 512> name;
  } buffer;
  UINTN size = sizeof(buffer);
  buffer.info.Size = 0;
  EFI_GUID guid = kFileInfo;
  const EFI_STATUS status = file->GetInfo(file, &guid, &size, &buffer);
  if (status != EFI_SUCCESS) return failed("its size cannot be found out", path, status);
  if (buffer.info.Size < offsetof(EFI_FILE_INFO, FileName)) {
    return mm::Error{"the firmware says nothing of its size", path};
  }
  if ((buffer.info.Attribute & EFI_FILE_DIRECTORY) != 0) {
    return mm::Error{"is a directory, not a file", path};
  }
  return buffer.info.FileSize;
}

mm::Result<> read_into(EFI_FILE* file, uint8_t* to, uint64_t size, const char* path,
                       Progress&& progress) {
  for (uint64_t done = 0; done < size;) {
    const auto asked = static_cast<UINTN>(std::min(size - done, kReadAtOnce));
    UINTN now = asked;
    const EFI_STATUS status = file->Read(file, &now, to + done);
    if (status != EFI_SUCCESS) return failed("reading failed (at byte {})", path, status, done);
    if (now > asked) {
      return mm::Error{"more was read than was asked for, says the firmware (bytes {} of {})", path,
                       now, asked};
    }
    if (now == 0) {
      return mm::Error{"ends before its size says (bytes read {}, size {})", path, done, size};
    }
    done += now;
    progress.at(done);
  }
  return {};
}

}  // namespace

mm::Result<bool> Volume::has(const char* path) const {
  Path name;
  BATON_TRY(to_firmware_path(path, name));
  Handle handle;
  const EFI_STATUS status = open_in(root_, name.data(), EFI_FILE_MODE_READ, 0, handle.file);
  if (status == EFI_SUCCESS) return true;
  if (status == EFI_NOT_FOUND) return false;
  return failed("cannot be opened", path, status);
}

mm::Result<File> Volume::read(const Firmware& firmware, const char* path,
                              const mm::Printer& progress) const {
  Path name;
  BATON_TRY(to_firmware_path(path, name));
  Handle handle;
  const EFI_STATUS status = open_in(root_, name.data(), EFI_FILE_MODE_READ, 0, handle.file);
  if (status != EFI_SUCCESS) return failed("cannot be opened", path, status);
  const uint64_t size = BATON_TRY(size_of(handle.file, path));
  if (size >= mm::kMaxPhys) return mm::Error{"cannot be that large (bytes {})", path, size};
  File file{BATON_TRY(allocate(firmware, size + 1, path)), static_cast<size_t>(size)};
  BATON_TRY(read_into(handle.file, file.pages.as<uint8_t>(), size, path,
                      Progress(firmware, progress, "reading", path, size)));
  file.text()[file.size] = '\0';
  return file;
}

EFI_STATUS open_in(EFI_FILE* directory, CHAR16* name, uint64_t mode, uint64_t attributes,
                   EFI_FILE*& file) {
  file = nullptr;
  const EFI_STATUS status = directory->Open(directory, &file, name, mode, attributes);
  if (status == EFI_SUCCESS && file == nullptr) return EFI_DEVICE_ERROR;
  if (status != EFI_SUCCESS) file = nullptr;
  return status;
}

EFI_STATUS open_root(EFI_FILE_IO_INTERFACE* volume, EFI_FILE*& root) {
  root = nullptr;
  const EFI_STATUS status = volume->OpenVolume(volume, &root);
  return status == EFI_SUCCESS && root == nullptr ? EFI_DEVICE_ERROR : status;
}

mm::Result<Volume> open_boot_volume(const Firmware& firmware) {
  const char* const what = "the volume Baton was started from";
  auto* const files = protocol_on<EFI_FILE_IO_INTERFACE>(firmware, firmware.loaded->DeviceHandle,
                                                         kSimpleFileSystem);
  if (files == nullptr) return mm::Error{"has no file system the firmware can read", what};
  EFI_FILE* root = nullptr;
  const EFI_STATUS status = open_root(files, root);
  if (status != EFI_SUCCESS) return failed("cannot be opened", what, status);
  return Volume{root};
}

}  // namespace efi
