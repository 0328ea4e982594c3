// The application of efi/ on a firmware that is pretended, as a program of the host: from efi_main() to
// the jump into the kernel, or back. All that it asks of the firmware is counted, and one call of it may
// fail.
//
// What is below is not the application's: CPU and last words (pretend_cpu.cpp, in the place of
// efi/<arch>/), boot and runtime services, a volume of files. "Physical" memory is this process's own, at
// low addresses that are its own too.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pretend {

// UEFI 2.10 appendix D.
inline constexpr uint64_t kOutOfResources = uint64_t{1} << 63 | 9,
                          kDeviceError = uint64_t{1} << 63 | 7;

using Files = std::map<std::string, std::string>;

struct Plan {
  Files files;  // by their paths: \EFI\baton\baton.conf
  bool only_allocations =
      false;           // the calls that are counted: AllocatePages and AllocatePool, or all
  unsigned fails = 0;  // which of them fails, from 1 on; 0: none
  uint64_t status = kOutOfResources;
  bool secure_boot = false;  // the variables say that it is on
};

enum class End { Jumped, Returned, Reset };

struct Outcome {
  End end = End::Returned;
  uint64_t status = 0;        // of efi_main(), where it returned
  std::string said;           // on the console
  std::string last;           // on the serial port
  unsigned calls = 0;         // that were counted
  std::string failed;         // the service whose call failed
  bool handoff_good = false;  // what the kernel was entered with: loader::check() takes it
  // What the application has not given back, and what it did that it may not.
  unsigned pages = 0, pools = 0, files = 0, events = 0;
  std::vector<std::string> faults;
};

// Not at the same time twice.
[[nodiscard]] Outcome start(const Plan& plan);

// What LoadFile2 gives a system whose boot entry has all files that there are before for initrds, when
// they have become others since they were offered.
struct Initrds {
  uint64_t status = 0;
  std::string bytes, said;
};
[[nodiscard]] Initrds load_initrds(const Files& before, const Files& after);

}  // namespace pretend
