// SHA-256 (FIPS 180-4, section 6.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace loader {

using Digest = std::array<uint8_t, 32>;

[[nodiscard]] Digest sha256(std::span<const uint8_t> bytes);

// As sha256sum writes it: 64 hexadecimal digits, of either case.
[[nodiscard]] std::optional<Digest> digest_of(std::string_view hex);
// 64 digits; the text has no NUL.
[[nodiscard]] std::array<char, 64> hex_of(const Digest& digest);

}  // namespace loader
