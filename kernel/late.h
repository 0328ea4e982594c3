// Large objects with defaults that are not 0. Built by the compiler, such a one fills the kernel's
// file, which every start reads and copies; built when it is first asked for, it is in .bss, and who
// never asks never pays.
#pragma once

#include <memory>
#include <type_traits>

namespace kernel {

template <class T>
class Late {
 public:
  constexpr Late() : none_() {}
  Late(const Late&) = delete;
  Late& operator=(const Late&) = delete;

  // Made by one CPU, before others can ask.
  T& get() {
    if (!made_) std::construct_at(&value_);
    made_ = true;
    return value_;
  }

 private:
  static_assert(std::is_trivially_destructible_v<T>);

  union {
    char none_;
    T value_;
  };
  bool made_ = false;
};

}  // namespace kernel
