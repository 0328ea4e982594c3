#include "kernel/smp/bring_up.h"

#include <algorithm>

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/frames.h"
#include "kernel/smp/cpus.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

std::optional<uint64_t> number_of(const std::optional<Option>& option, const mm::Printer& out) {
  if (!option) return std::nullopt;
  std::string_view text = option->value;
  auto number = mm::take_number(text, "CPUs");
  if (number.ok() && !text.empty()) number = mm::Error{"not a number of CPUs"};
  if (number.ok()) return number.value();
  refuse(*option, number.error(), out);
  return std::nullopt;
}

// Calls visit(id, state, node) for each CPU, in the order of their numbers.
template <class Visit>
void number_cpus(const CpuFacts& facts, Visit visit) {
  const auto& all = facts.madt.cpus;
  const uint64_t most = facts.options.started.value_or(all.size());
  const auto tell = [&](uint32_t id, CpuState state) {
    mm::NodeId node = 0;
    for (const loader::CpuAffinity& cpu : facts.affinities) {
      if (cpu.apic_id == id) node = cpu.node;
    }
    visit(id, state, node);
  };
  tell(facts.boot_id, CpuState::Online);
  // Twice: first who is to be started, then the rest.
  for (const bool starting : {true, false}) {
    uint64_t started = 1;
    for (const loader::MadtCpu& cpu : all) {
      if (cpu.apic_id == facts.boot_id) continue;
      const CpuState state = !cpu.enabled                  ? CpuState::Possible
                             : !facts.reaches(cpu.apic_id) ? CpuState::Beyond
                             : started < most              ? CpuState::Starting
                                                           : CpuState::Kept;
      if (state == CpuState::Starting) ++started;
      if ((state == CpuState::Starting) == starting) tell(cpu.apic_id, state);
    }
  }
}

class BringUp {
 public:
  BringUp(Booted& machine, const mm::Printer& out)
      : pages_(machine.relay.pages()), machine_(machine), out_(out) {}

  void run(const CpuOptions& options) {
    const std::span<Cpu> table = make_table(possible_cpus(machine_.tables.madt(), options));
    list_cpus(table, cpu_facts(machine_.kept, machine_.tables, machine_.relay, options));
    cpus().set_table(table);
    tell_beyond(table);
    out_.line("smp: Bringing up secondary CPUs ...");
    start(table.first(prepare(table)));
    tell(table);
  }

 private:
  // In memory of their own, which stays.
  std::span<Cpu> make_table(unsigned count) {
    const uint64_t frames = mm::pfn_up(mm::Phys{count * sizeof(Cpu)}).v;
    const mm::PagesOr block =
        pages_.alloc_pages_exact(arch::this_cpu(), mm::kGfpKernel | mm::kGfpFlagZero, frames, 0);
    if (!block) {
      out_.line("smp: no memory for a table of {} CPUs", count);
      return cpus().all();
    }
    return {machine_.relay.map().at<Cpu>(mm::phys(block.value())), count};
  }

  void tell_beyond(std::span<const Cpu> table) const {
    for (const Cpu& cpu : table) {
      if (cpu.state != CpuState::Beyond) continue;
      out_.line("smp: the CPU with {} {:#x} is out of this interrupt controller's reach",
                loader::id_name(machine_.tables.madt().gic), cpu.id);
    }
  }

  // Stacks and page sets for those that are to start. Returns where they end in the table.
  size_t prepare(std::span<Cpu> table) {
    size_t end = 1;
    for (; end < table.size() && table[end].state == CpuState::Starting; ++end) {
      mm::Result<> ready = arch::prepare_cpu(table[end], frames_of(machine_));
      if (ready.ok()) ready = pages_.start_cpu(table[end].number, table[end].node);
      if (ready.ok()) continue;
      out_.error("smp", ready.error());
      break;
    }
    for (size_t i = end; i < table.size(); ++i) {
      if (table[i].state == CpuState::Starting) table[i].state = CpuState::Kept;
    }
    return end;
  }

  void start(std::span<Cpu> table) {
    if (table.size() < 2) return;
    console().flush();
    const arch::StartFacts facts{mm::Phys{machine_.kept.handoff().ap_trampoline},
                                 mm::Phys{machine_.tables.madt().mailbox}};
    const mm::Result<> started = arch::start_cpus(table, facts, frames_of(machine_));
    if (started.ok()) return;
    out_.error("smp", started.error());
    for (Cpu& cpu : table.subspan(1)) cpu.state = CpuState::Kept;
  }

  void tell(std::span<const Cpu> table) const {
    mm::NodeSet nodes = machine_.relay.numa().with_memory;  // Linux's online nodes
    for (const Cpu& cpu : table) {
      nodes.set(cpu.node);
      if (cpu.state != CpuState::Silent) continue;
      out_.line("smp: CPU {} ({} {:#x}) did not answer: left out", cpu.number,
                loader::id_name(machine_.tables.madt().gic), cpu.id);
    }
    const auto count = nodes.count();
    const unsigned online = cpus().online();
    out_.line("smp: Brought up {} node{}, {} CPU{}", count, count == 1 ? "" : "s", online,
              online == 1 ? "" : "s");
  }

  mm::PageAllocator<Policy>& pages_;
  Booted& machine_;
  const mm::Printer& out_;
};

}  // namespace

CpuOptions cpu_options(const Options& options, const mm::Printer& out) {
  CpuOptions cpus;
  cpus.started = number_of(options.find("maxcpus"), out);
  cpus.possible = number_of(options.find("possible_cpus"), out);
  cpus.nosmp = options.has("nosmp") || cpus.started == 0;
  return cpus;
}

unsigned possible_cpus(const loader::Madt& madt, const CpuOptions& options) {
  if (options.nosmp) return 1;
  const uint64_t there = std::max<uint64_t>(madt.cpus.size(), 1);
  return static_cast<unsigned>(
      std::min(there, std::max<uint64_t>(options.possible.value_or(there), 1)));
}

CpuFacts cpu_facts(const Kept& kept, const FirmwareTables& tables, const Relay& relay,
                   const CpuOptions& options) {
  const bool believed = !relay.numa().faked;
  return {tables.madt(), believed ? tables.srat().cpus : std::span<const loader::CpuAffinity>(),
          kept.handoff().processor_id, options, arch::reaches_cpu};
}

void list_cpus(std::span<Cpu> table, const CpuFacts& facts) {
  uint32_t count = 0;
  number_cpus(facts, [&](uint32_t id, CpuState state, mm::NodeId node) {
    if (count == table.size()) return;
    table[count] = {.id = id, .number = count, .state = state, .node = node};
    ++count;
  });
}

void list_cpu_nodes(std::span<mm::NodeId> nodes, const CpuFacts& facts) {
  size_t count = 0;
  number_cpus(facts, [&](uint32_t, CpuState, mm::NodeId node) {
    if (count < nodes.size()) nodes[count++] = node;
  });
}

void bring_up_cpus(Booted& machine, const CpuOptions& options, const mm::Printer& out) {
  BringUp(machine, out).run(options);
  arch::restore_interrupts(true);
}

}  // namespace kernel
