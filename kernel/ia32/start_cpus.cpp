// The other CPUs. None is started yet: where there are any, bringing them up says so.
#include "cpu_local.h"
#include "kernel/arch.h"
#include "kernel/x86/local_apic.h"

namespace kernel::arch {

bool reaches_cpu(uint32_t id) { return x86::has_local_apic() && x86::apic_reaches(id); }

mm::Result<> prepare_cpu(const Cpu& cpu, const Frames& frames) {
  return x86::make_area(cpu.number, cpu.node, frames);
}

mm::Result<> start_cpus(std::span<Cpu> /*cpus*/, const StartFacts& /*facts*/,
                        const Frames& /*frames*/) {
  return mm::Error{"other CPUs are not started on IA-32", "smp"};
}

void interrupt_cpu(const Cpu& cpu) {
  (void)x86::send_command(cpu.id, x86::Delivery::Fixed, x86::kCallVector);
}

}  // namespace kernel::arch
