#include "kernel/monitor/arguments.h"

#include <algorithm>

namespace kernel {

std::string_view take_word(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const size_t length = std::min(text.find(' '), text.size());
  const std::string_view word(text.data(), length);
  text.remove_prefix(length);
  while (text.starts_with(' ')) text.remove_prefix(1);
  return word;
}

void refuse(const mm::Printer& out, const char* command, std::string_view argument,
            const char* why) {
  out.line("{}: \"{}\" {}", command, argument, why);
}

}  // namespace kernel
