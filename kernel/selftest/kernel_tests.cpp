#include "kernel/selftest/selftest.h"

namespace kernel {
namespace {

constexpr KernelTests* kKernel[] = {handoff_tests, page_table_tests, free_page_tests,
                                    cpu_tests,     error_tests,      arch_kernel_tests};
constexpr KernelTests* kMm[] = {buddy_tests, allocator_rule_tests, node_tests, cpu_memory_tests};

}  // namespace

std::span<KernelTests* const> kernel_tests() { return kKernel; }
std::span<KernelTests* const> mm_tests() { return kMm; }

}  // namespace kernel
