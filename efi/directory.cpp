#include "efi/directory.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "efi/files.h"

namespace efi {
namespace {

constexpr EFI_GUID kSimpleFileSystem = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
constexpr EFI_GUID kFileInfo = EFI_FILE_INFO_ID;

// FAT has no more in one: 2 MiB of 32 bytes each.
constexpr size_t kMostEntries = 65536;

using WideName = std::array<CHAR16, Directory::kMaxName + 1>;

mm::Result<> widen(const char* name, WideName& out) {
  size_t length = 0;
  for (; name[length] != '\0'; ++length) {
    if (length == Directory::kMaxName) {
      return mm::Error{"path is too long (characters allowed {})", name, Directory::kMaxName};
    }
    out[length] = static_cast<CHAR16>(static_cast<unsigned char>(name[length]));
  }
  out[length] = 0;
  return {};
}

// The name in ASCII; empty when it has other characters.
std::string_view narrow(const CHAR16* name, std::array<char, Directory::kMaxName + 1>& out) {
  size_t length = 0;
  for (; name[length] != 0; ++length) {
    if (length == Directory::kMaxName || name[length] < ' ' || name[length] > '~') return {};
    out[length] = static_cast<char>(name[length]);
  }
  out[length] = '\0';
  return {out.data(), length};
}

}  // namespace

mm::Result<Directory> Directory::open(const Firmware& firmware, const char* path, uint64_t mode,
                                      uint64_t attributes) {
  auto* const files = protocol_on<EFI_FILE_IO_INTERFACE>(firmware, firmware.loaded->DeviceHandle,
                                                         kSimpleFileSystem);
  if (files == nullptr) return mm::Error{"no file system the firmware can read", path};
  EFI_FILE* root = nullptr;
  EFI_STATUS status = open_root(files, root);
  if (status != EFI_SUCCESS) return failed("its volume cannot be opened", path, status);
  WideName name;
  if (const auto widened = widen(path, name); !widened.ok()) {
    root->Close(root);
    return widened.error();
  }
  Directory directory;
  status = open_in(root, name.data(), mode, attributes, directory.file_);
  root->Close(root);
  if (status != EFI_SUCCESS && status != EFI_NOT_FOUND) {
    return failed("cannot be opened", path, status);
  }
  return directory;
}

mm::Result<Directory> Directory::open(const Firmware& firmware, const char* path) {
  return open(firmware, path, EFI_FILE_MODE_READ, 0);
}

mm::Result<Directory> Directory::create(const Firmware& firmware, const char* path) {
  return open(firmware, path, EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE | EFI_FILE_MODE_CREATE,
              EFI_FILE_DIRECTORY);
}

mm::Result<> Directory::for_each_file(Visit visit, void* context) const {
  // EFI_FILE_INFO ends with the file's name.
  struct alignas(8) {
    EFI_FILE_INFO info;
    std::array<CHAR16, kMaxName + 1> name;
  } entry;
  std::array<char, kMaxName + 1> name;
  EFI_STATUS status = file_->SetPosition(file_, 0);
  for (size_t read = 0; status == EFI_SUCCESS; ++read) {
    if (read == kMostEntries) {
      return mm::Error{"has no end (entries read {})", "directory", kMostEntries};
    }
    UINTN size = sizeof(entry);
    entry.info.Size = 0;
    status = file_->Read(file_, &size, &entry);
    if (status == EFI_BUFFER_TOO_SMALL) {  // a name longer than any file system's
      status = EFI_SUCCESS;
      continue;
    }
    if (status != EFI_SUCCESS || size == 0) break;
    if (size > sizeof(entry) || entry.info.Size < offsetof(EFI_FILE_INFO, FileName)) {
      return mm::Error{"an entry cannot be what the firmware says (bytes {}, size {})", "directory",
                       size, entry.info.Size};
    }
    if ((entry.info.Attribute & EFI_FILE_DIRECTORY) != 0) continue;
    const std::string_view ascii = narrow(entry.info.FileName, name);
    if (!ascii.empty() && !visit(context, ascii, entry.info.FileSize)) break;
  }
  if (status != EFI_SUCCESS) return failed("cannot be listed", "directory", status);
  return {};
}

mm::Result<bool> Directory::has(const char* name) const {
  WideName wide;
  BATON_TRY(widen(name, wide));
  EFI_FILE* file = nullptr;
  const EFI_STATUS status = open_in(file_, wide.data(), EFI_FILE_MODE_READ, 0, file);
  if (status == EFI_SUCCESS) file->Close(file);
  if (status != EFI_SUCCESS && status != EFI_NOT_FOUND) {
    return failed("cannot be looked for", name, status);
  }
  return status == EFI_SUCCESS;
}

mm::Result<> Directory::write_new(const char* name, std::string_view content) const {
  constexpr uint64_t kToWrite = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE;
  WideName wide;
  BATON_TRY(widen(name, wide));
  // To create what is there would open it as it is, with whatever is longer than ours behind ours.
  if (BATON_TRY(has(name))) return mm::Error{"is there already", name};
  EFI_FILE* file = nullptr;
  EFI_STATUS status = open_in(file_, wide.data(), kToWrite | EFI_FILE_MODE_CREATE, 0, file);
  if (status != EFI_SUCCESS) return failed("cannot be made", name, status);
  UINTN size = content.size();
  status = file->Write(file, &size, const_cast<char*>(content.data()));  // only read
  if (status == EFI_SUCCESS && size == content.size()) status = file->Flush(file);
  if (status == EFI_SUCCESS && size == content.size()) {
    file->Close(file);
    return {};
  }
  file->Delete(file);
  if (status == EFI_SUCCESS) {
    return mm::Error{"was written in part and deleted (bytes {} of {})", name, size,
                     content.size()};
  }
  return failed("cannot be written (bytes {})", name, status, content.size());
}

mm::Result<> Directory::rename(const char* name, const char* to) const {
  struct alignas(8) {
    EFI_FILE_INFO info;
    WideName name;
  } entry;
  WideName wide;
  WideName wide_to;
  BATON_TRY(widen(name, wide));
  BATON_TRY(widen(to, wide_to));
  EFI_FILE* file = nullptr;
  EFI_STATUS status =
      open_in(file_, wide.data(), EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE, 0, file);
  if (status != EFI_SUCCESS) return failed("cannot be opened to be renamed", name, status);
  UINTN size = sizeof(entry);
  EFI_GUID guid = kFileInfo;
  status = file->GetInfo(file, &guid, &size, &entry);
  if (status == EFI_SUCCESS) {
    std::memcpy(reinterpret_cast<std::byte*>(&entry) + offsetof(EFI_FILE_INFO, FileName),
                wide_to.data(), sizeof(wide_to));
    entry.info.Size = sizeof(entry);
    status = file->SetInfo(file, &guid, sizeof(entry), &entry);
  }
  if (status == EFI_SUCCESS) status = file->Flush(file);
  file->Close(file);
  if (status != EFI_SUCCESS) return failed("cannot be renamed", name, status);
  return {};
}

mm::Result<> Directory::remove(const char* name) const {
  WideName wide;
  BATON_TRY(widen(name, wide));
  EFI_FILE* file = nullptr;
  EFI_STATUS status =
      open_in(file_, wide.data(), EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE, 0, file);
  if (status == EFI_SUCCESS) status = file->Delete(file);  // closes it as well
  if (status != EFI_SUCCESS) return failed("cannot be deleted", name, status);
  return {};
}

}  // namespace efi
