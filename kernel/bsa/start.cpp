// From the entry point to kernel_main(): this CPU's own page, the console, the handoff checked.
#include "bsa_registers.h"
#include "kernel/arch.h"
#include "kernel/bsa/clock.h"
#include "kernel/bsa/cpu_local.h"
#include "kernel/console.h"
#include "kernel/main.h"
#include "kernel/page_walk.h"
#include "kernel/panic.h"
#include "kernel/spent.h"
#include "kernel/stack_guard.h"
#include "loader/acpi/fadt.h"
#include "loader/acpi/spcr.h"
#include "loader/serial/pl011.h"

extern "C" [[noreturn]] void kernel_start(const loader::Handoff* handoff);

namespace kernel::arch {
namespace {

struct SerialMemory {
  uintptr_t base = 0;

  [[nodiscard]] uint32_t read(unsigned offset) const {
    return *reinterpret_cast<const volatile uint32_t*>(base + offset);
  }
  void write(unsigned offset, uint32_t value) const {
    *reinterpret_cast<volatile uint32_t*>(base + offset) = value;
  }
  [[nodiscard]] static uint64_t microseconds() { return bsa::waiting_clock(); }
};
using Ports = loader::Pl011Ports<SerialMemory>;

constinit uint64_t physical = 0;  // the port's registers; 0: there is none
constinit uintptr_t mapped = 0;   // and where they are
constinit loader::Uart<Ports> serial;

bool open_serial() {
  if (mapped == 0) return false;
  serial = loader::Uart<Ports>(Ports({mapped}));
  return serial.open(0);  // as fast as the firmware's
}

}  // namespace

// The port that the loader names, which is the firmware's own.
void open_console() {
  if (!open_serial()) return;
  console().add_line([](std::string_view text) {
    const Spending spending(spent.serial);
    serial.write(text);
  });
}

mm::Result<> add_console(const loader::SpcrPort& spcr) {
  if (serial.is_open() && spcr.pl011 == physical) return {};
  if (spcr.pl011 == 0) {
    return mm::Error{"the console is a PC's, at an I/O port (port {:#x})", "SPCR", spcr.port};
  }
  return mm::Error{"the console is not the port that the loader found (address {:#x})", "SPCR",
                   spcr.pl011};
}

void prepare_last_words() {
  if (!serial.is_open()) open_console();
  serial.refresh();
}

void say_on_first_port(std::string_view text) { serial.write(text); }

void drain_console() { serial.drain(); }

// No board that this runs on has a keyboard controller at a known place.
bool open_keyboard() { return false; }

std::optional<Typed> read_char() {
  if (const auto c = serial.read()) return Typed{*c, false};
  return std::nullopt;
}

bool told_of_loss() { return serial.take_told(); }

}  // namespace kernel::arch

void kernel_start(const loader::Handoff* handoff) {
  using namespace kernel;  // NOLINT: one function, all about it
  bsa::load_local(0);
  choose_stack_guard();
  bsa::start_clock();
  bsa::stop_timer();
  bsa::protect_supervisor();
  bsa::open_vectors();
  const mm::Result<> good = loader::check(*handoff);
  if (good.ok()) {
    set_table_map(mm::DirectMap{static_cast<uintptr_t>(handoff->direct_map)});
    bsa::open_windows();
    if (handoff->serial.kind == loader::kSerialPl011) {
      arch::physical = handoff->serial.address;
      const auto virt = static_cast<uintptr_t>(handoff->direct_map + arch::physical);
      if (arch::find_mapping(virt)) arch::mapped = virt;
    }
    arch::prepare_end(*handoff, {});
  }
  arch::open_console();
  bsa::let_errors();
  if (!good.ok()) panic("handoff", good.error());
  kernel_main(*handoff);
}
