// A directory on the volume Baton was started from: what is in it, and files to be written there
// (UEFI 2.10 section 13.5). Only before exit.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "efi/firmware.h"
#include "mm/result.h"

namespace efi {

class Directory {
 public:
  static constexpr size_t kMaxName = 255;

  Directory() = default;
  Directory(Directory&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
  Directory& operator=(Directory&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    if (file_ != nullptr) file_->Close(file_);  // NOLINT: the analyzer loses it in a move
  }

  // Nothing when there is none of that path (absolute, printable ASCII, backslashes).
  static mm::Result<Directory> open(const Firmware& firmware, const char* path);
  // The same, made when it is not there.
  static mm::Result<Directory> create(const Firmware& firmware, const char* path);
  [[nodiscard]] bool there() const { return file_ != nullptr; }

  // Calls visit(context, name, size) for each file (no directories) whose name is printable ASCII,
  // until it returns false.
  using Visit = bool (*)(void* context, std::string_view name, uint64_t size);
  mm::Result<> for_each_file(Visit visit, void* context) const;

  // Writes a new file, whole. Fails when there is one of that name, which stays as it is; a new one
  // that could not be written whole is deleted again. `name` is the error's subject and
  // NUL-terminated.
  mm::Result<> write_new(const char* name, std::string_view content) const;
  [[nodiscard]] mm::Result<bool> has(const char* name) const;
  // Gives a file another name. Both are NUL-terminated; `name` is the error's subject.
  mm::Result<> rename(const char* name, const char* to) const;
  // Deletes a file that write_new() made.
  mm::Result<> remove(const char* name) const;

 private:
  static mm::Result<Directory> open(const Firmware& firmware, const char* path, uint64_t mode,
                                    uint64_t attributes);

  EFI_FILE* file_ = nullptr;
};

}  // namespace efi
