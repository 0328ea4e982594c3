#include "loader/menu/boot_loader_interface.h"

#include <algorithm>
#include <array>

#include "mm/print.h"
#include "mm/size_text.h"

namespace loader {
namespace {

constexpr std::string_view kEnding = ".conf";

// An entry that the pattern chooses; entries.size(): none.
size_t matching(std::span<const BootEntry> entries, std::string_view pattern, bool also_bad) {
  for (size_t i = 0; i < entries.size() && !pattern.empty(); ++i) {
    if ((also_bad || entries[i].tries_left != 0u) && is_chosen_by(entries[i], pattern)) return i;
  }
  return entries.size();
}

size_t copy(std::string_view text, std::span<char> out) {
  std::copy_n(text.begin(), std::min(text.size(), out.size()), out.begin());
  return text.size();
}

}  // namespace

mm::Result<std::string_view> parse_loader_text(std::span<const uint8_t> bytes, const char* name,
                                               std::span<char> out) {
  size_t length = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const unsigned c = bytes[i] | unsigned{bytes[i + 1]} << 8;
    if (c == 0) break;
    if (c < ' ' || c > '~') {
      return mm::Error{"is no printable ASCII (character {:#x}, at {})", name, c, length};
    }
    if (length + 1 >= out.size()) {
      return mm::Error{"is too long (most {} characters)", name, out.size() - 1};
    }
    out[length++] = static_cast<char>(c);
  }
  out[length] = '\0';
  return std::string_view(out.data(), length);
}

std::optional<uint32_t> parse_loader_timeout(std::string_view text) {
  if (text == "menu-force") return MenuConfig::kForEver;
  if (text == "menu-hidden" || text == "menu-disabled") return 0;
  const auto seconds = mm::number_of(text, 10, 999'999'999);
  if (!seconds) return std::nullopt;
  return static_cast<uint32_t>(*seconds);
}

size_t wanted_entry(std::span<const BootEntry> entries, const WantedEntry& wanted) {
  if (const size_t i = matching(entries, wanted.one_shot, true); i < entries.size()) return i;
  for (const std::string_view pattern : {wanted.preferred, wanted.configured}) {
    if (const size_t i = matching(entries, pattern, false); i < entries.size()) return i;
  }
  return 0;  // those that used up their tries are last
}

size_t loader_entry_id(const BootEntry& entry, std::span<char> out) {
  const size_t length = copy(entry.id, out);
  return length + copy(kEnding, out.subspan(std::min(length, out.size())));
}

size_t counted_name(const BootEntry& entry, std::span<char> out) {
  if (!entry.tries_left || *entry.tries_left == 0) return 0;
  std::array<char, 32> counters{};
  (void)mm::format(counters, "+{}-{}{}", *entry.tries_left - 1, entry.tries_done + 1, kEnding);
  const size_t length = copy(entry.id, out);
  return length + copy(counters.data(), out.subspan(std::min(length, out.size())));
}

uint64_t counter_microseconds(uint64_t count, uint64_t per_ms) {
  if (per_ms == 0) return 0;
  return count / per_ms * 1000 + count % per_ms * 1000 / per_ms;
}

bool partition_guid(std::span<const uint8_t> path, std::span<char, kGuidText> out) {
  // A node: type, subtype, length of both and itself. A hard drive's: at 24 its signature, at 41 what
  // kind that is.
  constexpr size_t kHeader = 4, kHardDrive = 42, kSignature = 24, kSignatureType = 41;
  bool found = false;
  while (path.size() >= kHeader) {
    const size_t size = path[2] | size_t{path[3]} << 8;
    if ((path[0] & 0x7f) == 0x7f || size < kHeader || size > path.size()) break;
    if (path[0] == 4 && path[1] == 1 && size >= kHardDrive && path[kSignatureType] == 2) {
      // Its first three fields are little endian.
      constexpr int kOrder[] = {3,  2, 1, 0,  -1, 5,  4,  -1, 7,  6,
                                -1, 8, 9, -1, 10, 11, 12, 13, 14, 15};
      constexpr const char* kDigits = "0123456789abcdef";
      char* at = out.data();
      for (const int byte : kOrder) {
        if (byte < 0) {
          *at++ = '-';
          continue;
        }
        const uint8_t value = path[kSignature + static_cast<size_t>(byte)];
        *at++ = kDigits[value >> 4];
        *at++ = kDigits[value & 15];
      }
      found = true;
    }
    path = path.subspan(size);
  }
  return found;
}

}  // namespace loader
