// Numbers and sizes as the kernel's command line has them: Linux's simple_strtoull and memparse.
//
// Decimal, 0x hexadecimal or 0 octal; a size may end in K, M, G, T, P or E (either case), powers of
// 1024. Unlike there nothing is cut or wrapped: what does not fit 64 bits is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mm/result.h"

namespace mm {

// Takes a number off the front of the text. Fails, with nothing taken, when there is none or it
// does not fit; the error's subject is `who`, its number how much of the text is left.
Result<uint64_t> take_number(std::string_view& text, const char* who);
// The same with a suffix.
Result<uint64_t> take_size(std::string_view& text, const char* who);

// The number that all of the text is: digits of the base and nothing else, but that 0x may stand
// before hexadecimal ones. Nothing when it is none, or above `most`.
std::optional<uint64_t> number_of(std::string_view text, unsigned base = 10,
                                  uint64_t most = ~uint64_t{0});

}  // namespace mm
