// All the CPUs: who is up, who they are, whether their clocks agree and their memory is near.
#include <algorithm>

#include "kernel/arch.h"
#include "kernel/selftest/each_cpu.h"
#include "kernel/selftest/stress.h"
#include "kernel/selftest/zone_probe.h"
#include "kernel/smp/cpus.h"

namespace kernel {
namespace {

using enum loader::Severity;

Verdict with_count(const Verdict& verdict) {
  if (!verdict.passed()) return verdict;
  loader::Facts facts;
  facts.say("{} CPUs", cpus().online());
  return {loader::Outcome::Pass, facts};
}

Verdict test_online(Booted&) {
  for (const Cpu& cpu : cpus().all()) {
    if (cpu.state != CpuState::Silent && cpu.state != CpuState::Beyond) continue;
    return Verdict::fail("CPU {} (id {:#x}): {}", cpu.number, cpu.id, cpu_state_name(cpu.state));
  }
  return with_count(Verdict::pass());
}

Verdict test_ids(Booted&) {
  return with_count(on_each([](const Cpu& cpu) {
    const uint32_t own = arch::hardware_id();
    if (arch::this_cpu() != cpu.number) {
      return Verdict::fail("CPU {} takes itself for {}", cpu.number, arch::this_cpu());
    }
    if (own == cpu.id) return Verdict::pass();
    return Verdict::fail("CPU {} is {:#x} to itself, and {:#x} in the firmware's table", cpu.number,
                         own, cpu.id);
  }));
}

// The boot CPU looks before and after another does: that one's time must lie between.
Verdict test_clocks(Booted&) {
  if (cpus().online() == 1) return Verdict::skip("one CPU is up: nothing to compare it with");
  for (const Cpu& cpu : cpus().all()) {
    if (cpu.number == arch::this_cpu() || !cpus().is_online(cpu.number)) continue;
    uint64_t theirs = 0;
    const uint64_t before = arch::cycles();
    const auto look = [](void* context) { *static_cast<uint64_t*>(context) = arch::cycles(); };
    if (!call_on(cpu.number, look, &theirs)) {
      return Verdict::fail("CPU {} does not take calls any more", cpu.number);
    }
    const uint64_t after = arch::cycles();
    if (theirs < before) {
      return Verdict::fail("CPU {}'s counter is {} ticks or more behind", cpu.number,
                           before - theirs);
    }
    if (theirs > after) {
      return Verdict::fail("CPU {}'s counter is {} ticks or more ahead", cpu.number,
                           theirs - after);
    }
  }
  return with_count(Verdict::pass());
}

Verdict test_local(Booted& machine) {
  Pages& pages = machine.relay.pages();
  return with_count(on_each([&](const Cpu& cpu) {
    constexpr uint64_t kPlenty = 4096;  // pages above all watermarks of any node
    if (pages.cpu_node(cpu.number) != cpu.node) {
      return Verdict::fail("CPU {} is on node {}, its page sets say {}", cpu.number, cpu.node,
                           pages.cpu_node(cpu.number));
    }
    if (pages.node_counts(cpu.node).free < kPlenty) return Verdict::pass();
    const mm::PagesOr block =
        pages.alloc_pages(cpu.number, mm::kGfpHighUserMovable | mm::kGfpFlagNoWarn, 0, cpu.node);
    if (!block) return Verdict::fail("CPU {} got no page of node {}", cpu.number, cpu.node);
    const mm::Node* home = pages.node_of(block.value());
    const mm::NodeId from = home == nullptr ? mm::kNoNode : home->id;
    if (!pages.free_pages(cpu.number, block.value(), 0)) {
      return Verdict::fail("CPU {}: free at frame {} was refused", cpu.number, block.value());
    }
    pages.drain(cpu.number);
    if (from == cpu.node) return Verdict::pass();
    return Verdict::fail("CPU {} of node {} got frame {} of node {}", cpu.number, cpu.node,
                         block.value(), from);
  }));
}

Verdict test_registers(Booted&) {
  if (cpus().online() == 1) return Verdict::skip("one CPU is up: nothing to compare it with");
  const auto boot = arch::common_registers();
  return with_count(on_each([&](const Cpu& cpu) {
    const auto theirs = arch::common_registers();
    for (size_t i = 0; i < boot.size(); ++i) {
      if (theirs[i].value == boot[i].value) continue;
      return Verdict::fail("CPU {}'s {} is {:#x}, the boot CPU's {:#x}", cpu.number, boot[i].name,
                           theirs[i].value, boot[i].value);
    }
    return Verdict::pass();
  }));
}

Verdict test_microcode(Booted&) {
  const uint64_t boot = arch::microcode(arch::this_cpu());
  if (boot == 0) return Verdict::skip("the CPU does not tell its microcode's revision");
  if (cpus().online() == 1) return Verdict::skip("one CPU is up: nothing to compare it with");
  for (const Cpu& cpu : cpus().all()) {
    if (!cpus().is_online(cpu.number) || arch::microcode(cpu.number) == boot) continue;
    return Verdict::fail("CPU {} runs revision {:#x}, the boot CPU {:#x}", cpu.number,
                         arch::microcode(cpu.number), boot);
  }
  return with_count(Verdict::pass());
}

// In an ordinary run it is over in a moment; how long it goes on can be asked for.
Verdict test_stress(Booted& machine) {
  constexpr uint64_t kEach = 5'000, kMost = 200'000, kMicroseconds = 2'000'000, kFull = 10;
  if (machine.stress != 0) return stress_allocator(machine, {machine.stress});
  const uint64_t operations = std::min(kEach * cpus().online(), kMost);
  return stress_allocator(machine, machine.exhaustive ? StressPlan{kFull * operations}
                                                      : StressPlan{operations, kMicroseconds});
}

constexpr KernelTest kTests[] = {
    {{"kernel.cpus.online", "every CPU that the firmware names answers", High,
      "ACPI 6.5 section 5.2.12: CPUs that are enabled", "An OS goes without it. Firmware vendor."},
     test_online},
    {{"kernel.cpus.ids", "each CPU has the id that the firmware gives it", High,
      "ACPI 6.5 sections 5.2.12.2 and 5.2.12.12",
      "Interrupts and memory of another CPU's. Firmware vendor."},
     test_ids},
    {{"kernel.cpus.clocks", "the CPUs' counters go together", Medium,
      "Intel SDM vol. 3B section 18.17: an invariant TSC, started by one reset",
      "Time jumps between CPUs; an OS takes a slower clock. Firmware vendor."},
     test_clocks},
    {{"kernel.cpus.registers", "control registers are alike on all CPUs", High,
      "Intel SDM vol. 3A sections 2.5 and 12.12.4: paging, caches and PAT are the machine's",
      kOurs},
     test_registers},
    {{"kernel.cpus.microcode", "all CPUs run the same microcode", Medium,
      "Intel SDM vol. 3A section 10.11.6: every CPU is updated",
      "CPUs may differ in what they do. Update the firmware, or have the OS load microcode."},
     test_microcode},
};

constexpr KernelTest kMemoryTests[] = {
    {{"mm.cpus.local", "each CPU's memory comes from its own node", Medium,
      "Linux: a CPU's zonelist begins with its node's zones", kOurs},
     test_local},
    {{kStressTest,
      "what all CPUs allocate, hand on and free at once is nobody else's, and comes back", Critical,
      "mm/page_alloc.h: alloc_pages, free_pages", kOurs},
     test_stress},
};

}  // namespace

std::span<const KernelTest> cpu_tests() { return kTests; }
std::span<const KernelTest> cpu_memory_tests() { return kMemoryTests; }

}  // namespace kernel
