// What the owner of a machine covers by a signature besides what Baton carries: files and words.
//
// The manifest is a PE image (Microsoft's PE Format) that is signed as a program is, verified by
// whoever verifies programs, and never started. Its section `.baton` holds lines of printable ASCII:
//
//     # a comment
//     sha256 0123...cdef \EFI\baton\initrd.img
//     options mem=2G memmap=64K$0x90000
//
// A file is covered under its path and no other; of `options` each word is covered by itself.
// tools/manifest writes it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "loader/trust/sha256.h"
#include "mm/result.h"

namespace loader {

class Manifest {
 public:
  // Covers nothing.
  Manifest() = default;

  // Reads the whole image, which must outlive this and must have been verified: of what is read every byte
  // lies in a section, and so under the signature (Authenticode hashes headers and sections). `name` is the
  // error's subject. One line that is none is an error, with its number.
  static mm::Result<Manifest> read(std::span<const uint8_t> image, const char* name);

  // Paths with / or backslash, of either case, with or without one in front.
  [[nodiscard]] bool covers_file(std::string_view path, const Digest& digest) const;
  // A word as it stands there, quotes and all.
  [[nodiscard]] bool covers_word(std::string_view word) const;

 private:
  std::string_view lines_;
};

}  // namespace loader
