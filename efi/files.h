// Files on the volume Baton was started from (UEFI 2.10 section 13.5). Only before exit.
#pragma once

#include <cstdint>
#include <span>

#include "efi/firmware.h"
#include "efi/memory.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

// A file's whole content.
struct File {
  Pages pages;
  size_t size = 0;  // bytes; a NUL follows them, and lies in `pages` too

  [[nodiscard]] std::span<const uint8_t> bytes() const { return {pages.as<uint8_t>(), size}; }
  // Content and the NUL, to be parsed in place.
  [[nodiscard]] std::span<char> text() const { return {pages.as<char>(), size + 1}; }
};

// The volume's root directory, open as long as this lives.
class Volume {
 public:
  Volume() = default;
  explicit Volume(EFI_FILE* root) : root_(root) {}
  Volume(Volume&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  Volume& operator=(Volume&& other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;
  ~Volume() {
    // NOLINTNEXTLINE(clang-analyzer-core.*): 14 takes BATON_TRY's way out for coming past here
    if (root_ != nullptr) root_->Close(root_);
  }

  // Whether a file or directory of this name can be opened.
  [[nodiscard]] mm::Result<bool> has(const char* path) const;
  // Reads a file, all of it or nothing. `path` is printable ASCII with \ or / between names; it is
  // the error's subject, so it must live as long as the error. `progress` hears of reads that take
  // long.
  mm::Result<File> read(const Firmware& firmware, const char* path,
                        const mm::Printer& progress = {}) const;
  // A file's bytes, to make room for.
  [[nodiscard]] mm::Result<uint64_t> size_of(const char* path) const;
  // The same as read(), into memory of the file's size that somebody else has; a file of another size
  // is an error.
  mm::Result<> read_to(const Firmware& firmware, const char* path, std::span<uint8_t> to,
                       const mm::Printer& progress = {}) const;

 private:
  // Open as long as it lives.
  struct Handle {
    EFI_FILE* file = nullptr;
    Handle() = default;
    explicit Handle(EFI_FILE* opened) : file(opened) {}
    Handle(Handle&& other) noexcept : file(std::exchange(other.file, nullptr)) {}
    Handle& operator=(Handle&& other) noexcept {
      std::swap(file, other.file);
      return *this;
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() {
      // NOLINTNEXTLINE(clang-analyzer-core.*): 14 takes BATON_TRY's way out for coming past here
      if (file != nullptr) file->Close(file);
    }
  };
  [[nodiscard]] mm::Result<Handle> open(const char* path) const;

  EFI_FILE* root_ = nullptr;
};

mm::Result<Volume> open_boot_volume(const Firmware& firmware);

// EFI_FILE_PROTOCOL.Open and OpenVolume. Where they fail, or succeed and give nothing (Device Error),
// `file` is null.
EFI_STATUS open_in(EFI_FILE* directory, CHAR16* name, uint64_t mode, uint64_t attributes,
                   EFI_FILE*& file);
EFI_STATUS open_root(EFI_FILE_IO_INTERFACE* volume, EFI_FILE*& root);

}  // namespace efi
