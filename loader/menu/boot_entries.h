// Boot menu entries and the menu's configuration: Boot Loader Specification (UAPI.1), type #1.
//
// \loader\entries\NAME.conf is one entry, \loader\loader.conf says which is the default and how
// long to wait. Texts are parsed in place and the answers point into them. Whatever cannot be taken
// is named in `findings` with its file and line, and counts as if it were not there.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "mm/print.h"

namespace loader {

inline constexpr const char* kEntriesPath = "\\loader\\entries";
inline constexpr const char* kLoaderConfPath = "\\loader\\loader.conf";

struct BootEntry {
  static constexpr size_t kMaxPieces = 8;

  std::string_view file;   // the file's name
  std::string_view id;     // the same without ".conf" and boot counters
  std::string_view title;  // the id when the file has none
  std::string_view version, machine_id, sort_key;
  std::string_view efi;     // a program to start; paths as they stand, with / or backslash
  std::string_view linux_;  // an EFI stub kernel to start; one of the two is there
  std::array<std::string_view, kMaxPieces> initrds;
  size_t initrd_count = 0;
  std::array<std::string_view, kMaxPieces> options;  // to be joined by blanks
  size_t option_count = 0;
  std::optional<uint32_t> tries_left;  // boot counting; 0: it never succeeded
  uint32_t tries_done = 0;

  [[nodiscard]] std::string_view program() const { return efi.empty() ? linux_ : efi; }
  // Writes initrd=... words (for `linux`, unless they are to go another way) and the options, joined by
  // blanks; the length of the whole, which may be more than fits.
  enum class Initrds : uint8_t { AsWords, LeftOut };
  size_t join_options(std::span<char> out, Initrds how = Initrds::AsWords) const;
};

// Reads one entry. Nothing when it has no program or is for another architecture (entry_architecture()).
std::optional<BootEntry> parse_entry(std::string_view file_name, std::string_view text,
                                     const mm::Printer& findings);

// Orders entries as the specification has it: those that used up their tries last; then by
// sort-key, machine-id and version (newest first); entries without a sort-key behind those with,
// newest name first.
void sort_entries(std::span<BootEntry> entries);

// Version order of the UAPI version format specification: < 0, 0 or > 0 as `a` is older.
[[nodiscard]] int compare_versions(std::string_view a, std::string_view b);

struct MenuConfig {
  static constexpr uint32_t kForEver = ~uint32_t{0};  // `timeout menu-force`

  std::string_view default_pattern;
  uint32_t timeout = 0;  // seconds; 0: the menu only when a key is held
  bool editor = true;
};
MenuConfig parse_loader_conf(std::string_view text, const mm::Printer& findings);

// Whether the pattern (* and ? as in a shell, with or without ".conf") chooses the entry.
[[nodiscard]] bool is_chosen_by(const BootEntry& entry, std::string_view pattern);

}  // namespace loader
