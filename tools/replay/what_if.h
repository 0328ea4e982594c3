// What would be, if: questions to a machine that has been replayed, and changes to one before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mm/result.h"
#include "mm/types.h"
#include "tools/replay/machine.h"
#include "tools/replay/replayed.h"

namespace replay {

// `--crashkernel=512M`, `512M,high`.
struct CrashKernel {
  uint64_t bytes = 0;
  bool high = false;
};
// Fails, saying what is wrong, when it is none.
mm::Result<CrashKernel> parse_crashkernel(std::string_view text);

// `--reserve NAME=size@addr`; a name has 14 characters at most.
mm::Result<NamedRange> parse_reservation(std::string_view text);

// `--add-dimm=SIZE[@NODE]`: so much more RAM above all that is there, from a whole GiB on. On node
// 0 unless it is named. Fails where no address is left, or the node is too large.
mm::Result<> add_dimm(std::string_view text, Machine& machine);

// Where a crash kernel's memory lands, or why nowhere.
[[nodiscard]] std::string crashkernel_text(const Replayed& replayed, const CrashKernel& wanted);
// How many whole GiB are free on each node, and whether `wanted` of them are there.
[[nodiscard]] std::string hugepages_text(const Replayed& replayed, uint64_t wanted);
// Who has these pages, and the option that keeps them from use.
[[nodiscard]] std::string bad_pages_text(const Replayed& replayed,
                                         const std::vector<mm::Phys>& pages);

}  // namespace replay
