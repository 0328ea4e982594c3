// What may be used with Secure Boot on. loader/trust/ says what is covered, the firmware or shim whether a
// signature is right. With Secure Boot off everything may be, and nothing is read or asked.
#pragma once

#include "efi/configuration.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "loader/trust/manifest.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

class Trust {
 public:
  // Reads the owner's manifest, \EFI\baton\manifestARCH.efi, where there is one. One that is not signed,
  // or not as it must be, is named in `findings` and covers nothing.
  static Trust meet(const Firmware& firmware, const Volume& volume, const mm::Printer& findings);

  [[nodiscard]] bool enforced() const { return enforced_; }

  // Whether these bytes, read from `path`, the error's subject, may be used. A kernel also where it is one
  // that this application was built with, under whatever name.
  [[nodiscard]] mm::Result<> check_kernel(const File& file, const char* path) const;
  [[nodiscard]] mm::Result<> check(const File& file, const char* path) const;

  // Leaves of the configuration's options those that are harmless or covered; others are named.
  mm::Result<> confine(const Firmware& firmware, Configuration& configuration,
                       const mm::Printer& findings) const;

 private:
  bool enforced_ = false;
  const struct ShimLock* shim_ = nullptr;  // null: there is none
  File file_;
  loader::Manifest manifest_;  // points into file_
};

}  // namespace efi
