// ACPI tables put together byte by byte for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mm/print.h"

namespace acpi_test {

class Bytes {
 public:
  Bytes& u8(uint64_t v) { return le(v, 1); }
  Bytes& u16(uint64_t v) { return le(v, 2); }
  Bytes& u32(uint64_t v) { return le(v, 4); }
  Bytes& u64(uint64_t v) { return le(v, 8); }
  Bytes& zeros(size_t n) {
    bytes_.resize(bytes_.size() + n);
    return *this;
  }
  Bytes& put(const std::vector<uint8_t>& more) {
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  [[nodiscard]] const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  Bytes& le(uint64_t v, int n) {
    for (int i = 0; i < n; ++i) bytes_.push_back(static_cast<uint8_t>(v >> (8 * i)));
    return *this;
  }
  std::vector<uint8_t> bytes_;
};

// The 36 bytes every table begins with, then `body`; length and checksum are right.
inline std::vector<uint8_t> table(const char* signature, uint8_t revision, const Bytes& body) {
  Bytes t;
  for (int i = 0; i < 4; ++i) t.u8(static_cast<uint8_t>(signature[i]));
  t.u32(36 + body.bytes().size()).u8(revision).zeros(27).put(body.bytes());
  std::vector<uint8_t> bytes = t.bytes();
  uint8_t sum = 0;
  for (const uint8_t b : bytes) sum = static_cast<uint8_t>(sum + b);
  bytes[9] = static_cast<uint8_t>(0 - sum);
  return bytes;
}

// What was printed.
class Log {
 public:
  [[nodiscard]] mm::Printer printer() {
    return {[](void* self, std::string_view text) { static_cast<Log*>(self)->text_ += text; },
            this};
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace acpi_test
