// The hardware under kernels in host tests, as far as self-tests look at it: what is mapped and
// what faults. There is one; a test that changes it puts it back.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/arch.h"

namespace test {

// Thrown where memory loses its data under who reads it.
struct MachineCheck {};

struct PretendHardware {
  std::vector<kernel::arch::Mapping> mappings;  // ascending; of any size
  std::array<uint64_t, 5> guards{};
  std::set<uint64_t> faults;  // pages that cannot be touched
  uint64_t stays_absent = 0;  // of these one that arch::set_present() does not reach
  bool no_execute = true;
  // Of the CPUs besides the boot CPU.
  uint32_t wrong_id = 0;
  uint64_t wrong_register = 0, microcode = 7, ahead = 0;
  std::string_view testing;           // the self-test that runs
  std::function<void()> at_the_time;  // whenever the boot CPU asks what time it is
  // The firmware's variables; null: it has no services.
  using Variables = std::map<std::u16string, std::vector<uint8_t>>;
  Variables* variables = nullptr;
  std::array<kernel::arch::Protection, 3> protections{
      {{"SMEP", true, true}, {"SMAP", false, false}, {"UMIP", true, true}}};
};
inline PretendHardware hardware;

}  // namespace test
