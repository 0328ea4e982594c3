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

// A read costs EDK II's FAT driver a walk along the file's clusters, twice over where another follows; so
// one read should take all of it. But some firmware fails on reads of many MiB at a time, and between two
// reads there is time to say how far we are. So we begin with little, a read every half second from a
// stick that gives half a MiB a second, and ask for twice as much each time: until half a second has
// passed, and from then on for what takes about half of that.
constexpr uint64_t kReadAtFirst = 256 * mm::kKiB, kReadAtMost = 64 * mm::kMiB;

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

mm::Result<uint64_t> bytes_in(EFI_FILE* file, const char* path) {
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
  if (buffer.info.FileSize >= mm::kMaxPhys) {
    return mm::Error{"cannot be that large (bytes {})", path, buffer.info.FileSize};
  }
  return buffer.info.FileSize;
}

mm::Result<> read_all(EFI_FILE* file, std::span<uint8_t> to, const char* path,
                      Progress&& progress) {
  uint64_t most = kReadAtMost;
  uint64_t piece = kReadAtFirst;
  for (uint64_t done = 0; done < to.size();) {
    const auto asked = static_cast<UINTN>(std::min(to.size() - done, piece));
    UINTN now = asked;
    EFI_STATUS status = file->Read(file, &now, to.data() + done);
    if (status != EFI_SUCCESS && piece > kReadAtFirst) {
      piece = most = kReadAtFirst;
      status = file->SetPosition(file, done);
      if (status == EFI_SUCCESS) continue;
    }
    if (status != EFI_SUCCESS) return failed("reading failed (at byte {})", path, status, done);
    if (now > asked) {
      return mm::Error{"more was read than was asked for, says the firmware (bytes {} of {})", path,
                       now, asked};
    }
    if (now == 0) {
      return mm::Error{"ends before its size says (bytes read {}, size {})", path, done, to.size()};
    }
    done += now;
    if (progress.at(done)) most = std::max(kReadAtFirst, std::min(most, done / 2));
    piece = std::min(piece * 2, most);
  }
  return {};
}

}  // namespace

mm::Result<Volume::Handle> Volume::open(const char* path) const {
  Path name;
  BATON_TRY(to_firmware_path(path, name));
  Handle handle;
  const EFI_STATUS status = open_in(root_, name.data(), EFI_FILE_MODE_READ, 0, handle.file);
  if (status != EFI_SUCCESS) return failed("cannot be opened", path, status);
  return handle;
}

mm::Result<bool> Volume::has(const char* path) const {
  Path name;
  BATON_TRY(to_firmware_path(path, name));
  Handle handle;
  const EFI_STATUS status = open_in(root_, name.data(), EFI_FILE_MODE_READ, 0, handle.file);
  if (status == EFI_NOT_FOUND) return false;
  if (status != EFI_SUCCESS) return failed("cannot be opened", path, status);
  return true;
}

mm::Result<File> Volume::read(const Firmware& firmware, const char* path,
                              const mm::Printer& progress) const {
  const Handle handle = BATON_TRY(open(path));
  const uint64_t size = BATON_TRY(bytes_in(handle.file, path));
  File file{BATON_TRY(allocate(firmware, size + 1, path)), static_cast<size_t>(size)};
  BATON_TRY(read_all(handle.file, {file.pages.as<uint8_t>(), file.size}, path,
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

mm::Result<uint64_t> Volume::size_of(const char* path) const {
  const Handle handle = BATON_TRY(open(path));
  return bytes_in(handle.file, path);
}

mm::Result<> Volume::read_to(const Firmware& firmware, const char* path, std::span<uint8_t> to,
                             const mm::Printer& progress) const {
  const Handle handle = BATON_TRY(open(path));
  const uint64_t size = BATON_TRY(bytes_in(handle.file, path));
  if (size != to.size()) {
    return mm::Error{"has another size than before (bytes {}, then {})", path, to.size(), size};
  }
  return read_all(handle.file, to, path, Progress(firmware, progress, "reading", path, size));
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
