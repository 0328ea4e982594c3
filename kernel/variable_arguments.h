// What the firmware's services for variables are called with: all of it in one place, which both
// worlds' page tables map.
#pragma once

#include <algorithm>
#include <array>

#include "kernel/firmware_variables.h"

namespace kernel {

struct VariableArguments {
  alignas(8) char16_t name[VariableName::kMaxLength + 1];
  alignas(8) loader::EfiGuid vendor;
  alignas(8) std::array<uint8_t, arch::kMaxVariable> data;
  uintptr_t size;  // of what there is in data

  mm::Result<> set_name(const VariableName& variable) {
    size_t length = 0;
    for (; variable.name[length] != 0; ++length) {
      if (length == VariableName::kMaxLength) {
        return mm::Error{"its name is too long (characters allowed {})", variable.called,
                         VariableName::kMaxLength};
      }
      name[length] = variable.name[length];
    }
    name[length] = 0;
    vendor = variable.vendor;
    return {};
  }
  // Nothing, which deletes a variable, may have no address: so by std::copy, as std::memcpy must have one.
  mm::Result<> set_data(const VariableName& variable, std::span<const uint8_t> content) {
    if (content.size() > data.size()) {
      return mm::Error{"is too large (bytes {}, most {})", variable.called, content.size(),
                       data.size()};
    }
    std::copy(content.begin(), content.end(), data.begin());
    size = content.size();
    return {};
  }
  // How much was put into `out`.
  mm::Result<size_t> take_data(const VariableName& variable, std::span<uint8_t> out) const {
    if (size > std::min(out.size(), data.size())) {
      return mm::Error{"is larger than there is room for (bytes {}, room {})", variable.called,
                       size, out.size()};
    }
    std::copy_n(data.begin(), size, out.begin());
    return size;
  }
};

}  // namespace kernel
