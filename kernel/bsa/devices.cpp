// What a driver asks of an Arm machine, whose PCI has windows in memory only.
#include "kernel/arch.h"

namespace kernel::arch {

// Devices are outside the domain of the CPUs.
void order_for_devices() { asm volatile("dsb sy" : : : "memory"); }

const ConfigPorts* config_ports() { return nullptr; }

}  // namespace kernel::arch
