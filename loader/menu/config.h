// What a person configures: baton.conf, and the load options a boot manager passes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "loader/handoff/handoff.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

// \EFI\baton\baton.conf: `key value` lines; blank lines and those that begin with # are skipped,
// a line may end in CR LF, a key that stands twice counts as it stands last, but for `module NAME PATH`,
// of which there are as many as stand there. Texts are
// NUL-terminated printable ASCII.
struct Config {
  struct Module {
    const char* name;  // one word, 47 characters at most
    const char* path;
  };

  const char* kernel = "\\EFI\\baton\\kernel.elf";  // path on the volume Baton was started from
  const char* initrd = nullptr;                     // the same; null: none
  const char* options = "";                         // words for the kernel, separated by blanks
  const char* bad_pages = "";                       // ranges (loader/bad_pages.h)
  std::array<Module, kMaxModules> modules{};        // more files for the kernel
  size_t module_count = 0;
  uint32_t timeout = 0;  // seconds the console is shown before going on
};

// Reads the file's text in place: values are ended where they lie, so `text`, whose last character
// must be NUL, has to live as long as the answer. A line that says nothing valid (unknown key, bad
// number, unprintable character, NUL within) is named in `findings` with its number and counts as
// if it were not there. `name` is the file's, for those lines.
Config parse_config(std::span<char> text, const char* name, const mm::Printer& findings);

// The load options of a UEFI image (UEFI 2.10 section 3.1.3, LoadOptions): what they say in place
// of baton.conf's `options`, or nothing when they are missing or empty. They are any bytes at all:
// boot managers pass text with or without an end, firmware passes its own records. Only UTF-16 text
// of printable ASCII up to its NUL or the end counts; others are an error that says why.
//
// A UEFI shell passes the program's name first: the first word is left out when `from_shell`
// (the image has the shell's parameters protocol), and when it ends in ".efi". It may be quoted.
//
// The text goes to `out`, NUL-terminated, which must hold bytes.size() / 2 + 1 characters.
mm::Result<std::optional<const char*>> parse_load_options(std::span<const uint8_t> bytes,
                                                          bool from_shell, std::span<char> out);

}  // namespace loader
