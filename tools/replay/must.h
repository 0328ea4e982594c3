// Errors as exceptions, for host programs that can go no further.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "mm/print.h"
#include "mm/result.h"

namespace replay {

inline std::string describe(const mm::Error& error) {
  std::string text;
  const mm::Printer out(
      [](void* context, std::string_view part) {
        static_cast<std::string*>(context)->append(part);
      },
      &text);
  out.error("error", error);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// The value, or the error as an exception with its words.
template <class T>
T must(mm::Result<T> result) {
  if (!result.ok()) throw std::runtime_error(describe(result.error()));
  return result.value();
}

}  // namespace replay
