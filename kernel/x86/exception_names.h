// The vectors that are the CPU's own (Intel SDM vol. 3A, section 6.3.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kernel::x86 {

inline constexpr uint32_t kNonMaskable = 2, kBreakpoint = 3, kInvalidOpcode = 6,
                          kDoubleFaultException = 8, kGeneralProtection = 13, kPage = 14,
                          kMachineCheckException = 18;

inline constexpr size_t kExceptions = 32;
inline constexpr std::array<const char*, kExceptions> kExceptionNames{
    "divide error",
    "debug exception",
    "NMI",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor segment overrun",
    "invalid TSS",
    "segment not present",
    "stack segment fault",
    "general protection fault",
    "page fault",
    "reserved exception",
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point error",
    "virtualization exception",
    "control protection fault",
    "reserved exception",
    "reserved exception",
    "reserved exception",
    "reserved exception",
    "reserved exception",
    "reserved exception",
    "hypervisor injection exception",
    "VMM communication exception",
    "security exception",
    "reserved exception",
};

}  // namespace kernel::x86
