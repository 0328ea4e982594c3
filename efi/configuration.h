// Where the configuration comes from: a file beside the kernel, and the load options.
#pragma once

#include "efi/files.h"
#include "efi/firmware.h"
#include "loader/menu/config.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

inline constexpr const char* kConfigPath = "\\EFI\\baton\\baton.conf";

// Owns the texts that `values` points into.
struct Configuration {
  loader::Config values;
  const char* in_file = "";       // baton.conf's `options`, whatever replaces them
  File file;                      // empty when there is none
  Pages load_options;             // empty when there are none
  const char* named_kernel = "";  // baton.conf's `kernel`, whatever is taken in its place
  Pages own_kernel;               // a path; empty when that is what is taken
};

// Reads baton.conf, then lets the load options replace its `options`, and takes the kernel this
// application was built with where it lies beside the one that is named there
// (loader/own_kernel.h). A missing file, and whatever
// in either cannot be taken, is named in `findings`; a file that is there and cannot be read is an
// error.
mm::Result<Configuration> read_configuration(const Firmware& firmware, const Volume& volume,
                                             const mm::Printer& findings);

// Takes the kernel of 64 bits where the CPU runs one though we, and the firmware, have 32 (mixed mode):
// that which was built with us, or the one named as baton.conf's with 64 behind its name. `nomixed`
// among the options, which must be final, keeps to our own kind. What is taken is told.
mm::Result<> choose_width(const Firmware& firmware, const Volume& volume,
                          Configuration& configuration, const mm::Printer& out);

}  // namespace efi
