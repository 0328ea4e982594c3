// The words of Linux's lines about memory: numbers, ranges, types. Each takes what it reads off the
// front of the text, and nothing when it cannot.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mm/e820.h"

namespace replay {

// Bytes as a line has them: `last` is the last byte. Empty or the wrong way round: last < first.
struct Spelled {
  uint64_t first = 0;
  uint64_t last = 0;
  bool nothing = false;  // START - START
};

bool take_word(std::string_view& text, std::string_view word);
void take_blanks(std::string_view& text);
std::optional<uint64_t> take_number(std::string_view& text, int base);
// `[mem 0x0-0xfff]`.
std::optional<Spelled> take_mem(std::string_view& text);
// `0 - 1000`, `1000 @ 0`.
std::optional<Spelled> take_bare(std::string_view& text);
// `0x0-0xfff`, its last byte.
std::optional<Spelled> take_first_last(std::string_view& text);
// `[mem ...]`, or a bare one.
std::optional<Spelled> take_range(std::string_view& text);
// `0-1000` of SRAT, and `0-fff`: an end in the last byte of a frame is that byte, for no entry of
// a table of whole frames ends one short of it.
std::optional<Spelled> take_srat_range(std::string_view& text);
// `usable`, `(ACPI data)`, `type 20`: the longest that is known; what follows does not count.
std::optional<mm::E820Type> take_type(std::string_view& text);

}  // namespace replay
