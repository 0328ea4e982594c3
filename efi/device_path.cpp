#include "efi/device_path.h"

#include <cstring>
#include <optional>

namespace efi {
namespace {

constexpr EFI_GUID kDevicePath = EFI_DEVICE_PATH_PROTOCOL_GUID;

// Nodes of a device path (UEFI 2.10 section 10.3): type, subtype, length of both and itself.
constexpr uint8_t kEnd = 0x7f, kMedia = 0x04, kFilePath = 0x04;
constexpr size_t kHeader = 4;

struct Node {
  const uint8_t* at;
  [[nodiscard]] bool is_end() const { return (at[0] & 0x7f) == kEnd || size() < kHeader; }
  [[nodiscard]] size_t size() const { return at[2] | size_t{at[3]} << 8; }
  [[nodiscard]] bool is_file() const { return at[0] == kMedia && at[1] == kFilePath; }
  [[nodiscard]] Node next() const { return {at + size()}; }
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
char as_separator(char c) { return c == '/' ? '\\' : lower(c); }

// Bytes of a path in front of its end; nothing where it is longer than any.
std::optional<size_t> length_of(const uint8_t* path) {
  constexpr size_t kMost = 64 * mm::kKiB;
  size_t length = 0;
  for (Node node{path}; !node.is_end(); node = node.next()) {
    length += node.size();
    if (length > kMost) return std::nullopt;
  }
  return length;
}

}  // namespace

bool is_our_path(const Firmware& firmware, std::string_view path) {
  const auto* const ours = reinterpret_cast<const uint8_t*>(firmware.loaded->FilePath);
  if (ours == nullptr || !length_of(ours)) return false;
  while (!path.empty() && as_separator(path.front()) == '\\') path.remove_prefix(1);
  bool started = false;
  // A path may be spread over several nodes, with or without separators between.
  for (Node node{ours}; !node.is_end(); node = node.next()) {
    if (!node.is_file()) continue;
    for (size_t i = kHeader; i + 1 < node.size(); i += 2) {
      const auto c = static_cast<CHAR16>(node.at[i] | node.at[i + 1] << 8);
      if (c == 0) break;
      if (c > '~') return false;
      const char letter = as_separator(static_cast<char>(c));
      if (letter == '\\' && !started) continue;
      started = true;
      if (path.empty() || as_separator(path.front()) != letter) return false;
      path.remove_prefix(1);
    }
  }
  return started && path.empty();
}

mm::Result<Pages> device_path_of(const Firmware& firmware, const char* path) {
  // Device path of our volume, the file, the end.
  const auto* const volume = static_cast<const uint8_t*>(
      protocol_on<void>(firmware, firmware.loaded->DeviceHandle, kDevicePath));
  if (volume == nullptr) return mm::Error{"its volume has no device path", path};
  const auto known = length_of(volume);
  if (!known) return mm::Error{"its volume's device path has no end", path};
  const size_t volume_size = *known;
  const size_t length = std::strlen(path);
  const size_t file_size = kHeader + (length + 1) * 2;
  if (file_size > 0xffff) return mm::Error{"path is too long (characters {})", path, length};
  Pages full = BATON_TRY(allocate(firmware, volume_size + file_size + kHeader, path));
  uint8_t* at = full.as<uint8_t>();
  std::memcpy(at, volume, volume_size);
  at += volume_size;
  at[0] = kMedia;
  at[1] = kFilePath;
  at[2] = static_cast<uint8_t>(file_size);
  at[3] = static_cast<uint8_t>(file_size >> 8);
  at += kHeader;
  for (size_t i = 0; i <= length; ++i) {
    *at++ = static_cast<uint8_t>(path[i] == '/' ? '\\' : path[i]);
    *at++ = 0;
  }
  const uint8_t end[kHeader] = {kEnd, 0xff, kHeader, 0};
  std::memcpy(at, end, sizeof(end));
  return full;
}

}  // namespace efi
