// What memory looks like, as text: the maps, and what /proc says.
#include "kernel/monitor/commands.h"

#include <array>

#include "kernel/iomem.h"
#include "mm/show.h"

namespace kernel {
namespace {

using mm::Printer;

void e820(Booted& machine, std::string_view, const Printer& out) {
  machine.relay.e820().print(out, "BIOS-e820");
}

void efi_map(Booted& machine, std::string_view, const Printer& out) {
  for (size_t i = 0; i < machine.firmware_map.size(); ++i) {
    const FirmwareRange d = machine.firmware_map[i];
    out.line("mem{:02}: [{:12}|{:#x}] range=[0x{:016x}-0x{:016x}]", i, d.type, d.attributes,
             d.range.start, d.range.end.v - 1);
  }
}

void reservations(Booted& machine, std::string_view, const Printer& out) {
  for (const mm::Reservation& r : machine.relay.reservations().entries()) {
    out.line("{} {}", mem(r.range), r.name);
  }
}

void buddyinfo(Booted& machine, std::string_view, const Printer& out) {
  mm::show_buddyinfo(machine.relay.pages(), out);
}

void zoneinfo(Booted& machine, std::string_view, const Printer& out) {
  mm::show_zoneinfo(machine.relay.pages(), out);
}

void meminfo(Booted& machine, std::string_view, const Printer& out) {
  mm::show_meminfo(machine.relay.pages(), out);
}

void pagetypeinfo(Booted& machine, std::string_view, const Printer& out) {
  mm::show_pagetypeinfo(machine.relay.pages(), out);
}

void iomem(Booted& machine, std::string_view, const Printer& out) {
  print_iomem(machine.relay.e820(), machine.kept.segments(), out);
}

constexpr std::array kCommands{
    Command{"e820", "", "the memory map", e820},
    Command{"efimap", "", "the firmware's own memory map", efi_map},
    Command{"reservations", "", "what is reserved, by name", reservations},
    Command{"buddyinfo", "", "free blocks by order, as /proc/buddyinfo", buddyinfo},
    Command{"zoneinfo", "", "zones, as /proc/zoneinfo", zoneinfo},
    Command{"meminfo", "", "totals, as /proc/meminfo", meminfo},
    Command{"pagetypeinfo", "", "pageblocks by type, as /proc/pagetypeinfo", pagetypeinfo},
    Command{"iomem", "", "the address space, as /proc/iomem", iomem},
};

}  // namespace

std::span<const Command> memory_text_commands() { return kCommands; }

}  // namespace kernel
