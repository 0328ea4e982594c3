#include "kernel/main.h"

#include "kernel/acpi_spcr.h"
#include "kernel/console.h"
#include "kernel/firmware_tables.h"
#include "kernel/kept.h"
#include "kernel/machine.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/policy.h"
#include "kernel/report.h"
#include "mm/page_alloc_impl.h"
#include "mm/relay.h"
#include "version.h"

namespace kernel {
namespace {

using Relay = mm::Relay<Policy>;

constinit Kept kept;
constinit FirmwareTables tables;

// A station that cannot go on ends the boot, and says which one it was.
void must(const char* station, const mm::Result<>& result) {
  if (!result.ok()) panic(station, result.error());
}

void print_banner(const loader::Handoff& handoff) {
  log().line("Baton version %s (%s), loaded by %s %s (%s)", BATON_VERSION, BATON_BUILD_ID,
             handoff.loader_name, handoff.loader_version, handoff.loader_build);
}

void take_handoff(const loader::Handoff& handoff) {
  must("handoff", kept.take(handoff));
  const std::string_view text = kept.options();
  log().line("Command line: %.*s", static_cast<int>(text.size()), text.data());
  (void)Options(text).complain(log());
}

void print_firmware(const loader::Handoff& handoff) {
  log().line("NX (Execute Disable) protection: %s",
             machine::has_no_execute() ? "active" : "missing in CPU!");
  log().line("efi: EFI v%u.%.2u by %s", handoff.efi_revision >> 16, handoff.efi_revision & 0xffff,
             handoff.firmware_vendor);
}

// A range the tables lie in is read only where the page tables lead to it.
bool is_mapped(const void* context, mm::Range range) {
  const auto base = reinterpret_cast<uint64_t>(context);
  for (uint64_t at = base + range.start.v; at < base + range.end.v;) {
    const auto mapping = machine::find_mapping(at);
    if (!mapping) return false;
    at = mapping->virt + mapping->size;
  }
  return true;
}

void read_tables() {
  const auto* base = kept.map().at<const void>(mm::Phys{0});
  const loader::AcpiWalk walk(kept.map(), is_mapped, base);
  tables.find(kept.handoff().rsdp, walk, kept.map(), log());
  tables.read_power(log());
  machine::prepare_end(kept.handoff(), tables.power());
  if (const auto spcr = tables.tables().table("SPCR"); !spcr.empty()) {
    const auto port = parse_spcr(spcr);
    const mm::Result<> added = port.ok()
                                   ? machine::add_console(port.value().port, port.value().baud)
                                   : mm::Result<>(port.error());
    if (!added.ok()) log().error("ACPI", added.error());
  }
  tables.read_topology(machine::x2apic_mode(), log());
}

mm::Road chosen_road(const Options& options) {
  const auto early = options.find("early");
  if (!early || early->value == "memblock") return mm::Road::Memblock;
  if (early->value != "bootmem") {
    log().line("early=%.*s: neither bootmem nor memblock; it is memblock",
               static_cast<int>(early->value.size()), early->value.data());
  }
  return early->value == "bootmem" ? mm::Road::Bootmem : mm::Road::Memblock;
}

mm::NumaInput numa_input(const Options& options) {
  const auto numa = options.find("numa");
  mm::NumaInput input;
  input.memory = tables.srat().memory;
  input.named = tables.srat().named;
  input.off = numa && numa->value == "off";
  return input;
}

ImageSizes image_sizes() {
  ImageSizes sizes;
  for (const loader::HandoffSegment& s : kept.segments()) {
    if ((s.flags & 1) != 0) {
      sizes.code += s.size;
    } else if ((s.flags & 2) != 0) {
      sizes.rwdata += s.size;
    } else {
      sizes.rodata += s.size;
    }
  }
  return sizes;
}

// From the firmware's map to alloc_pages(), one line a station.
void run_relay(Relay& relay, const Options& options) {
  const loader::Handoff& h = kept.handoff();
  must("e820", relay.take_over(elements<mm::E820Entry>(h.e820, kept.map()),
                               elements<mm::Reservation>(h.reservations, kept.map())));
  log().line("BIOS-provided physical RAM map:");
  relay.e820().print(log(), "BIOS-e820");
  print_firmware(h);
  must("e820", relay.trim(h.paging_levels));
  read_tables();
  must("numa", relay.find_nodes(numa_input(options)));
  const unsigned cpus =
      tables.madt().enabled == 0 ? 1 : static_cast<unsigned>(tables.madt().enabled);
  must("zones", relay.lay_out(mm::x86_64_zone_limits(relay.e820().last_pfn()), {}, cpus));
  must("bootmem", relay.start_boot_allocator(chosen_road(options)));
  relay.print_layout();
  const bool believed = !relay.numa().faked;
  must("zonelists",
       relay.build_zones(believed ? tables.distances() : mm::Distances(), mm::NodeOrder::Distance));
  must("buddy", relay.hand_over());
}

// What was needed on the way only.
void give_back(Relay& relay, const Options& options) {
  constexpr const char* kDone[] = {"HANDOFF",  "EFI MEMMAP", "LOADER", "FW PGTABLE",
                                   "FW STACK", "FW GDT",     "FW IDT"};
  for (const char* name : kDone) {
    const auto frames = relay.give_back(name);
    if (!frames.ok()) panic(name, frames.error());
    if (frames.value() != 0) log().line("Freeing %s memory: %luK", name, frames.value() * 4);
  }
  if (kept.handoff().initrd == 0 || options.has("keepinitrd")) return;
  const auto frames = relay.give_back("RAMDISK");
  if (!frames.ok()) panic("RAMDISK", frames.error());
  log().line("Freeing initrd memory: %luK", frames.value() * 4);
}

}  // namespace

void kernel_main(const loader::Handoff& handoff) {
  print_banner(handoff);
  machine::start_clock(log());
  machine::print_cpu(log());
  take_handoff(handoff);
  const Options options(kept.options());

  Relay relay(kept.map(), log());
  run_relay(relay, options);
  give_back(relay, options);
  print_memory_line(relay.pages(), image_sizes(), log());
  print_buddyinfo(relay.pages(), log());

  if (options.has("poweroff")) machine::power_off(machine::End::PowerOff);
  panic("the monitor is not built yet");
}

}  // namespace kernel
