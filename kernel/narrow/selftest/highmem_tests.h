// Highmem, through the kmap window: the rows of architectures that have both.
#pragma once

#include "kernel/selftest/selftest.h"

namespace kernel {

// Each free page is given marks of its own, which all are there when all are written: no two slots
// lead to one page.
Verdict test_every_high_frame(Booted& machine);
// Kept mappings: shared by those that want a page, and more pages than there are slots, one after
// the other.
Verdict test_kept_mappings(Booted& machine);

inline constexpr KernelTest kHighmemFramesTest{
    {"kernel.highmem.frames", "every free page of highmem can be reached, and is itself",
     loader::Severity::Critical, "kernel/highmem.h", kOurs},
    test_every_high_frame};
inline constexpr KernelTest kHighmemKeptTest{
    {"kernel.highmem.kept", "pages of highmem stay mapped as long as they are wanted",
     loader::Severity::High, "kernel/narrow/kmap.h", kOurs},
    test_kept_mappings};

}  // namespace kernel
