#include "efi/progress.h"

#include "mm/types.h"

namespace efi {
namespace {

// In SetTimer's units of 100 ns.
constexpr uint64_t kAtFirst = 5'000'000, kThen = 20'000'000;

}  // namespace

Progress::Progress(const Firmware& firmware, const mm::Printer& out, const char* doing,
                   const char* what, uint64_t size)
    : boot_(*firmware.boot), out_(out), doing_(doing), what_(what), size_(size) {
  if (boot_.CreateEvent(EVT_TIMER, 0, nullptr, nullptr, &timer_) != EFI_SUCCESS) timer_ = nullptr;
  if (timer_ != nullptr) boot_.SetTimer(timer_, TimerRelative, kAtFirst);
}

Progress::~Progress() {
  if (timer_ != nullptr) boot_.CloseEvent(timer_);
}

bool Progress::at(uint64_t done) {
  if (timer_ == nullptr || done >= size_ || boot_.CheckEvent(timer_) != EFI_SUCCESS) {
    return false;
  }
  out_.line("{} {}: {} of {} KiB", doing_, what_, done / mm::kKiB, size_ / mm::kKiB);
  boot_.SetTimer(timer_, TimerRelative, kThen);
  return true;
}

}  // namespace efi
