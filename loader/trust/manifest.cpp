#include "loader/trust/manifest.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "mm/option_words.h"

namespace loader {
namespace {

// PE Format: the offset of "PE\0\0" stands in the DOS header; behind it the COFF header, the optional
// header, and 40 bytes a section.
constexpr size_t kOffsetOfPe = 0x3c;
constexpr size_t kCoffHeader = 24;  // with the signature
constexpr size_t kSectionHeader = 40;
constexpr std::string_view kSection{".baton\0\0", 8};

constexpr std::string_view kFile = "sha256";
constexpr std::string_view kOptions = "options";

template <class T>
std::optional<T> number_at(std::span<const uint8_t> image, uint64_t at) {
  if (at > image.size() || image.size() - at < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, image.data() + at, sizeof value);
  return value;
}

// The bytes of the section, to its first NUL.
mm::Result<std::string_view> section_of(std::span<const uint8_t> image, const char* name) {
  const auto pe = number_at<uint32_t>(image, kOffsetOfPe);
  const bool is_dos = number_at<uint16_t>(image, 0) == 0x5a4d;
  if (!is_dos || !pe || number_at<uint32_t>(image, *pe) != 0x4550) {
    return mm::Error{"is no PE image", name};
  }
  const auto count = number_at<uint16_t>(image, uint64_t{*pe} + 6);
  const auto optional_header = number_at<uint16_t>(image, uint64_t{*pe} + 20);
  if (!count || !optional_header) return mm::Error{"its headers are cut off", name};
  for (unsigned i = 0; i < *count; ++i) {
    const uint64_t at = *pe + kCoffHeader + *optional_header + kSectionHeader * i;
    if (at + kSectionHeader > image.size()) {
      return mm::Error{"its headers are cut off (sections {}, in the file {})", name, *count, i};
    }
    if (std::memcmp(image.data() + at, kSection.data(), kSection.size()) != 0) continue;
    const uint64_t size = *number_at<uint32_t>(image, at + 16);
    const uint64_t start = *number_at<uint32_t>(image, at + 20);
    if (start > image.size() || image.size() - start < size) {
      return mm::Error{"its section .baton is not in the file (from {:#x}, bytes {})", name, start,
                       size};
    }
    const auto* const text = reinterpret_cast<const char*>(image.data() + start);
    const auto* const end = std::find(text, text + size, '\0');
    return std::string_view(text, static_cast<size_t>(end - text));
  }
  return mm::Error{"has no section .baton (sections {})", name, *count};
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line(rest.data(), end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

// Takes the first word off, with the blank behind it.
std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word(line.data(), end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

bool says_something(std::string_view line) { return !line.empty() && line.front() != '#'; }

char as_path(char c) {
  if (c == '/') return '\\';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_path(std::string_view a, std::string_view b) {
  for (std::string_view* path : {&a, &b}) {
    while (!path->empty() && as_path(path->front()) == '\\') path->remove_prefix(1);
  }
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return as_path(x) == as_path(y); });
}

// What is wrong with a line; null: nothing.
const char* fault_of(std::string_view line) {
  if (!std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; })) {
    return "not printable ASCII";
  }
  if (!says_something(line)) return nullptr;
  const std::string_view key = take_word(line);
  if (key == kOptions) return nullptr;
  if (key != kFile) return "neither sha256 nor options";
  if (!digest_of(take_word(line))) return "no SHA-256 of 64 hexadecimal digits";
  return line.empty() ? "no path behind the SHA-256" : nullptr;
}

}  // namespace

mm::Result<Manifest> Manifest::read(std::span<const uint8_t> image, const char* name) {
  Manifest manifest;
  manifest.lines_ = BATON_TRY(section_of(image, name));
  std::string_view rest = manifest.lines_;
  for (unsigned number = 1; !rest.empty(); ++number) {
    const char* const fault = fault_of(take_line(rest));
    if (fault != nullptr) return mm::Error{"line {} cannot be read", name, number, 0, fault};
  }
  return manifest;
}

bool Manifest::covers_file(std::string_view path, const Digest& digest) const {
  std::string_view rest = lines_;
  while (!rest.empty()) {
    std::string_view line = take_line(rest);
    if (take_word(line) != kFile) continue;
    if (digest_of(take_word(line)) == digest && same_path(line, path)) return true;
  }
  return false;
}

bool Manifest::covers_word(std::string_view word) const {
  std::string_view rest = lines_;
  while (!rest.empty()) {
    std::string_view line = take_line(rest);
    if (take_word(line) != kOptions) continue;
    for (auto each = mm::take_option_word(line); !each.text.empty();
         each = mm::take_option_word(line)) {
      if (each.text == word) return true;
    }
  }
  return false;
}

}  // namespace loader
