// Flattened device trees put together for tests, whole ones and ones that break off.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fdt_test {

class Tree {
 public:
  static constexpr uint32_t kBeginNode = 1, kEndNode = 2, kProperty = 3, kNop = 4, kEnd = 9;
  static constexpr size_t kTotalSize = 4, kStructure = 8, kStrings = 12, kReservations = 16,
                          kVersion = 20, kCompatible = 24, kStringsSize = 32, kStructureSize = 36;

  Tree& word(uint32_t word) {
    put(structure_, word);
    return *this;
  }
  Tree& begin(std::string_view name) {
    word(kBeginNode);
    structure_.insert(structure_.end(), name.begin(), name.end());
    structure_.push_back(0);
    return pad();
  }
  Tree& end() { return word(kEndNode); }
  Tree& raw(std::string_view name, const std::vector<uint8_t>& value) {
    word(kProperty).word(static_cast<uint32_t>(value.size())).word(string(name));
    structure_.insert(structure_.end(), value.begin(), value.end());
    return pad();
  }
  Tree& flag(std::string_view name) { return raw(name, {}); }
  Tree& cells(std::string_view name, std::initializer_list<uint32_t> cells) {
    std::vector<uint8_t> value;
    for (const uint32_t cell : cells) put(value, cell);
    return raw(name, value);
  }
  Tree& texts(std::string_view name, std::initializer_list<std::string_view> texts) {
    std::vector<uint8_t> value;
    for (const std::string_view text : texts) {
      value.insert(value.end(), text.begin(), text.end());
      value.push_back(0);
    }
    return raw(name, value);
  }
  Tree& text(std::string_view name, std::string_view text) { return texts(name, {text}); }
  Tree& reserve(uint64_t start, uint64_t size) {
    reserved_.emplace_back(start, size);
    return *this;
  }
  // How long the structure block is by now.
  [[nodiscard]] size_t size() const { return structure_.size(); }

  // Header, reservations, structure, strings, as dtc has them; with what ends the structure.
  [[nodiscard]] std::vector<uint8_t> bytes() const {
    Tree whole = *this;
    return whole.word(kEnd).unfinished();
  }
  [[nodiscard]] std::vector<uint8_t> unfinished() const {
    std::vector<uint8_t> block;
    for (const auto& [start, size] : reserved_) put64(block, start, size);
    put64(block, 0, 0);
    constexpr uint32_t kHeader = 40;
    const auto structure = kHeader + static_cast<uint32_t>(block.size());
    const auto strings = structure + static_cast<uint32_t>(structure_.size());
    const auto strings_size = static_cast<uint32_t>(strings_.size());
    std::vector<uint8_t> bytes;
    for (const uint32_t field :
         {0xd00dfeedU, strings + strings_size, structure, strings, kHeader, 17U, 16U, 0U,
          strings_size, static_cast<uint32_t>(structure_.size())}) {
      put(bytes, field);
    }
    bytes.insert(bytes.end(), block.begin(), block.end());
    bytes.insert(bytes.end(), structure_.begin(), structure_.end());
    bytes.insert(bytes.end(), strings_.begin(), strings_.end());
    return bytes;
  }

 private:
  static void put(std::vector<uint8_t>& to, uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<uint8_t>(word >> shift));
  }
  static void put64(std::vector<uint8_t>& to, uint64_t a, uint64_t b) {
    for (const uint64_t number : {a, b}) {
      put(to, static_cast<uint32_t>(number >> 32));
      put(to, static_cast<uint32_t>(number));
    }
  }
  Tree& pad() {
    while (structure_.size() % 4 != 0) structure_.push_back(0);
    return *this;
  }
  uint32_t string(std::string_view name) {
    const std::string whole = std::string(name) + '\0';
    const size_t known = strings_.find(whole);
    if (known != std::string::npos) return static_cast<uint32_t>(known);
    strings_ += whole;
    return static_cast<uint32_t>(strings_.size() - whole.size());
  }

  std::vector<uint8_t> structure_;
  std::string strings_;
  std::vector<std::pair<uint64_t, uint64_t>> reserved_;
};

// One word of a tree's bytes changed.
inline std::vector<uint8_t> with(std::vector<uint8_t> bytes, size_t at, uint32_t word) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(word >> (24 - 8 * i));
  return bytes;
}

}  // namespace fdt_test
