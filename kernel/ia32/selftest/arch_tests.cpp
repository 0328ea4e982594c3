// The kernel's tests that this architecture alone has.
#include "kernel/narrow/selftest/highmem_tests.h"
#include "kernel/x86/selftest/cpu_tests.h"

namespace kernel {
namespace {

constexpr KernelTest kTests[] = {kProtectionTest, kHighmemFramesTest, kHighmemKeptTest};

}  // namespace

std::span<const KernelTest> arch_kernel_tests() { return kTests; }

}  // namespace kernel
