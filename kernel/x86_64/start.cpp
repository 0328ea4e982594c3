// From the entry point to kernel_main(): the CPU's tables, the first console, the handoff checked.
#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/main.h"
#include "kernel/page_walk.h"
#include "kernel/panic.h"
#include "kernel/spent.h"
#include "kernel/x86_64/clock.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/cpu_local.h"
#include "kernel/x86_64/descriptors.h"
#include "kernel/x86_64/keyboard.h"
#include "kernel/x86_64/serial.h"
#include "kernel/x86_64/vector_runs.h"
#include "loader/acpi/fadt.h"
#include "loader/acpi/spcr.h"

extern "C" [[noreturn]] void kernel_start(const loader::Handoff* handoff);

namespace kernel::arch {
namespace {

constinit x86::Serial com1({loader::kCom1});
constinit x86::Serial named;  // by SPCR
constinit x86::Keyboard keyboard;

}  // namespace

namespace {

void say(x86::Serial& port, std::string_view text) {
  const Spending spending(spent.serial);
  port.write(text);
}

void open_com1() {
  if (!com1.open(115200)) return;
  console().add_line([](std::string_view text) { say(com1, text); });
}

}  // namespace

void open_console() { open_com1(); }

mm::Result<> add_console(const loader::SpcrPort& spcr) {
  if (com1.is_open() && loader::kCom1 == spcr.port) return {};
  if (spcr.port == 0) {
    return mm::Error{"the console is not at an I/O port (address {:#x})", "SPCR", spcr.pl011};
  }
  named = x86::Serial({spcr.port});
  if (!named.open(spcr.baud))
    return mm::Error{"nothing answers at this port (port {:#x})", "SPCR", spcr.port, 0};
  if (!console().add_line([](std::string_view text) { say(named, text); })) {
    return mm::Error{"the console has too many outputs", "SPCR"};
  }
  return {};
}

void prepare_last_words() {
  if (!com1.is_open()) open_com1();
  com1.refresh();
  named.refresh();
}

void say_on_first_port(std::string_view text) { com1.write(text); }

void drain_console() {
  com1.drain();
  named.drain();
}

bool open_keyboard() { return keyboard.open(); }

std::optional<Typed> read_char() {
  if (const auto c = com1.read()) return Typed{*c, false};
  if (const auto c = named.read()) return Typed{*c, false};
  if (const auto c = keyboard.read()) return Typed{*c, true};
  return std::nullopt;
}

bool told_of_loss() {
  const bool first = com1.take_told();
  return named.take_told() || first;
}

std::array<Register, 4> common_registers() {
  const x86::ControlState state = x86::read_control();
  return {{{"CR0", state.cr0}, {"CR4", state.cr4}, {"EFER", state.efer}, {"PAT", state.pat}}};
}

uint64_t microcode(unsigned cpu) { return x86::local_of(cpu).found.microcode; }

uint32_t hardware_id() { return x86::own_apic_id(); }

bool has_wide_cpu_ids() { return (x86::rdmsr(x86::kMsrApicBase) & x86::kApicBaseX2apic) != 0; }

uint64_t own_controller() {
  constexpr uint64_t kAddress = 0x000f'ffff'ffff'f000;
  constexpr uint32_t kHasApic = 1 << 9;
  return (x86::cpuid(1).edx & kHasApic) != 0 ? x86::rdmsr(x86::kMsrApicBase) & kAddress : 0;
}

mm::Phys physical_end() { return mm::Phys{uint64_t{1} << x86::cpu_facts().physical_bits}; }

std::span<const uint64_t> guard_pages(unsigned cpu, std::span<uint64_t, kMostStacks> room) {
  static_assert(kMostStacks == x86::kStackKinds);
  for (uint8_t kind = 0; kind < x86::kStackKinds; ++kind) {
    room[kind] = x86::stack_of(cpu, x86::StackKind{kind}).start - mm::kPageSize;
  }
  return room;
}

bool is_cpu_memory(const Mapping& mapping) {
  return mapping.virt >= x86::kAreaBase &&
         mapping.virt < x86::kAreaBase + x86::areas() * x86::kAreaSize;
}

bool has_no_execute() { return (x86::rdmsr(x86::kMsrEfer) & x86::kEferNxe) != 0; }

void print_cpu(const mm::Printer& out) {
  x86::print(x86::cpu_facts(), out);
  const char* before = "CPU: ";
  for (const Protection& p : protections()) {
    out.part("{}{} {}", before, p.name, p.on ? "on" : p.there ? "off" : "missing");
    before = ", ";
  }
  out.text("\n");
}

}  // namespace kernel::arch

void kernel_start(const loader::Handoff* handoff) {
  using namespace kernel;  // NOLINT: one function, all about it
  x86::make_idt();
  x86::load_descriptors(0);
  x86::start_clock();
  arch::open_console();
  x86::protect_supervisor();
  x86::enable_vectors();
  x86::local().found = x86::read_control();
  if (const mm::Result<> good = loader::check(*handoff); !good.ok()) {
    panic("handoff", good.error());
  }
  set_table_map(mm::DirectMap{handoff->direct_map});
  arch::prepare_end(*handoff, {});
  kernel_main(*handoff);
}
