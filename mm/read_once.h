// A read of what another CPU may write meanwhile.
#pragma once

namespace mm {

template <class T>
inline T read_once(const T& v) {
  return __atomic_load_n(&v, __ATOMIC_RELAXED);
}

}  // namespace mm
