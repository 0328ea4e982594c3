// Texts in mm's own language of formats (mm/format.h).
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "mm/print.h"

namespace replay {

// Appends to `text` what is printed.
inline mm::Printer into(std::string& text) {
  return {[](void* context, std::string_view part) {
            static_cast<std::string*>(context)->append(part);
          },
          &text};
}

template <class... Args>
std::string said(mm::Format<std::type_identity_t<Args>...> format, Args... args) {
  std::string text;
  into(text).part_of(format, mm::Values<Args...>(args...).v);
  return text;
}

}  // namespace replay
