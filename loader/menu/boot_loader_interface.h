// The Boot Loader Interface (https://systemd.io/BOOT_LOADER_INTERFACE): variables by which a boot menu
// and the system it starts tell each other things; and boot counting
// (https://systemd.io/AUTOMATIC_BOOT_ASSESSMENT), whose counters are in the entries' file names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "loader/handoff/efi_guid.h"
#include "loader/menu/boot_entries.h"
#include "mm/result.h"

namespace loader {

inline constexpr EfiGuid kLoaderVendor{
    0x4a67b082, 0x0a4c, 0x41cf, {0xb6, 0xc7, 0x44, 0x0b, 0x29, 0xbb, 0x8c, 0x4f}};

// LoaderFeatures: LoaderConfigTimeout and its one-shot, LoaderEntryDefault, LoaderEntryOneShot, boot
// counting; and sort-key (src/fundamental/efivars-fundamental.h of systemd).
inline constexpr uint64_t kLoaderFeatures = 0x1f | 1 << 8;

// --- What the system asks for ---

// A variable's text, UTF-16 of printable ASCII up to its NUL or the end, to `out` with a NUL. Fails
// when it is none, or does not fit; `name` is the error's subject.
mm::Result<std::string_view> parse_loader_text(std::span<const uint8_t> bytes, const char* name,
                                               std::span<char> out);

// A timeout as loader.conf has it: seconds, menu-force, menu-hidden, menu-disabled. Nothing for other
// texts.
[[nodiscard]] std::optional<uint32_t> parse_loader_timeout(std::string_view text);

// The entry to start unless a person chooses another: the first of these patterns that an entry
// matches, or the first entry; empty patterns choose none. Entries that used up
// their tries are passed over, but for `one_shot`, and where there is no other.
struct WantedEntry {
  std::string_view one_shot;    // LoaderEntryOneShot
  std::string_view preferred;   // LoaderEntryDefault
  std::string_view configured;  // loader.conf's `default`
};
[[nodiscard]] size_t wanted_entry(std::span<const BootEntry> entries, const WantedEntry& wanted);

// --- What it is told ---

// Writes an entry's identifier: its file's name without counters. With ".conf", as systemd-boot and
// bootctl have it. Returns its length, which may be more than fits; no NUL.
size_t loader_entry_id(const BootEntry& entry, std::span<char> out);
// The file's name once the entry has been started one time more, in the same way; 0: it is not
// counted, or its tries are used up.
size_t counted_name(const BootEntry& entry, std::span<char> out);

// Microseconds since the counter stood at 0, which counts `per_ms` in a millisecond; 0 when that is 0.
[[nodiscard]] uint64_t counter_microseconds(uint64_t count, uint64_t per_ms);

// The GUID of the GPT partition that a device path ends in (UEFI 2.10 section 10.3.5.1), in lower
// case; nothing where it has none. A path that does not end is left at its last byte.
inline constexpr size_t kGuidText = 36;
[[nodiscard]] bool partition_guid(std::span<const uint8_t> path, std::span<char, kGuidText> out);

}  // namespace loader
