// What a driver asks of a PC.
#include "kernel/arch.h"
#include "kernel/x86/ports.h"

namespace kernel::arch {
namespace {

constexpr uint16_t kConfigAddress = 0xcf8, kConfigData = 0xcfc;
constexpr uint32_t kConfigEnable = 1u << 31;

constexpr ConfigPorts kPorts{[](uint32_t at) {
                               x86::out32(kConfigAddress, kConfigEnable | at);
                               return x86::in32(kConfigData);
                             },
                             [](uint32_t at, uint32_t value) {
                               x86::out32(kConfigAddress, kConfigEnable | at);
                               x86::out32(kConfigData, value);
                             }};

}  // namespace

// Stores to memory come in order, and before those to registers that are not cached.
void order_for_devices() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

const ConfigPorts* config_ports() { return &kPorts; }

}  // namespace kernel::arch
