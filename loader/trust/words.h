// Which words Baton obeys with Secure Boot on, although nobody has signed them.
//
// baton.conf, boot entries and load options are written by whoever can write the ESP. A word that only
// chooses what is tested, shown or left out does no harm; one that says what is RAM, or takes a
// protection off, could have the kernel do what its signature does not stand for.
#pragma once

#include <span>
#include <string_view>

#include "loader/trust/manifest.h"
#include "mm/print.h"

namespace loader {

// Of an option's name, whatever its value.
[[nodiscard]] bool is_harmless(std::string_view name);
// The names that are known and not harmless: a test sees that each known option is in one of the two.
[[nodiscard]] std::span<const std::string_view> words_to_cover();

// Writes those words of `text` that are harmless or that the manifest covers, in order, with a blank
// between them, NUL-terminated, to `out`, which must hold text.size() + 1 characters; each other one is
// named in `findings`.
void keep_trusted_words(std::string_view text, const Manifest& manifest, std::span<char> out,
                        const mm::Printer& findings);

// Another system's options without initrd=: its initrds come from memory that was verified. The same of
// `out` and `findings`.
void drop_initrd_words(std::string_view text, std::span<char> out, const mm::Printer& findings);

}  // namespace loader
