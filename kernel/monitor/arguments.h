// What is typed behind a command's name.
#pragma once

#include <string_view>

#include "mm/print.h"

namespace kernel {

// The first word, which is taken off, and the blanks around it.
[[nodiscard]] std::string_view take_word(std::string_view& text);

// `free: "abc" is no address`.
void refuse(const mm::Printer& out, const char* command, std::string_view argument,
            const char* why);

}  // namespace kernel
