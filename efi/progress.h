// How far something long has come, so that nobody takes it for a hang. Only before exit.
#pragma once

#include "efi/firmware.h"
#include "mm/print.h"

namespace efi {

// Says nothing for half a second; then a line, and another every two seconds.
class Progress {
 public:
  // `doing` and `what` must live as long as this; `size` is in bytes.
  Progress(const Firmware& firmware, const mm::Printer& out, const char* doing, const char* what,
           uint64_t size);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // So many bytes are done. Whether a line was due.
  bool at(uint64_t done);

 private:
  EFI_BOOT_SERVICES& boot_;
  mm::Printer out_;
  const char* doing_;
  const char* what_;
  uint64_t size_;
  EFI_EVENT timer_ = nullptr;  // null: the firmware has none to give, and nothing is said
};

}  // namespace efi
