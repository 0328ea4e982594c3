// Numbers that one writes while others read them.
//
// A reader gets a value that was there at some instant, never half of one. What it reads of two
// such numbers need not be of one instant: sums are exact when nobody writes meanwhile.
#pragma once

namespace mm {

// Of what one CPU has to itself, or a lock's holder writes.
template <class T>
inline T read_once(const T& v) {
  return __atomic_load_n(&v, __ATOMIC_RELAXED);
}

// Written by the holder of a lock, read by anyone. Without a value until it is assigned one.
template <class T>
class Published {
 public:
  constexpr Published() = default;
  constexpr Published(T v) : v_(v) {}           // NOLINT: stands for the number
  operator T() const { return read_once(v_); }  // NOLINT
  Published(const Published& o) : v_(o) {}
  Published& operator=(const Published& o) {
    *this = T{o};
    return *this;
  }
  Published& operator=(T v) {
    __atomic_store_n(&v_, v, __ATOMIC_RELAXED);
    return *this;
  }
  Published& operator+=(T n) { return *this = *this + n; }
  Published& operator-=(T n) { return *this = *this - n; }
  Published& operator++() { return *this += 1; }
  Published& operator--() { return *this -= 1; }

 private:
  T v_;
};

template <class T>
constexpr T printed(const Published<T>& v) {
  return v;
}

}  // namespace mm
