// The boot menu's files: \loader\entries\*.conf and \loader\loader.conf (Boot Loader Specification).
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "efi/files.h"
#include "efi/firmware.h"
#include "efi/memory.h"
#include "loader/menu/boot_entries.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

inline constexpr size_t kMaxEntryPath = 400;

// "directory\name", NUL-terminated.
struct Path {
  std::array<char, kMaxEntryPath> text{};
  Path(const char* directory, std::string_view name) {
    (void)mm::format(text, "{}{}{}", directory, *directory == '\0' ? "" : "\\", name);
  }
};

// The entries' texts lie in `texts`, to which the entries point.
struct Entries {
  Pages texts;
  Pages names;
  Pages storage;
  size_t count = 0;
  [[nodiscard]] std::span<loader::BootEntry> entries() const {
    return {storage.as<loader::BootEntry>(), count};
  }
};

// In the menu's order. What is odd about a file is named in `findings`; none: there is no such directory.
mm::Result<Entries> read_entries(const Firmware& firmware, const Volume& volume,
                                 const mm::Printer& findings);

// loader.conf, as `config`, which points into `file`.
struct LoaderConf {
  File file;
  loader::MenuConfig config;
};
mm::Result<LoaderConf> read_loader_conf(const Firmware& firmware, const Volume& volume,
                                        const mm::Printer& findings);

}  // namespace efi
