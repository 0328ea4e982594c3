#include "kernel/main.h"

#include <algorithm>

#include "kernel/arch.h"
#include "kernel/bench.h"
#include "kernel/booted.h"
#include "kernel/console.h"
#include "kernel/crash.h"
#include "kernel/firmware_tables.h"
#include "kernel/free_pages.h"
#include "kernel/hardware_errors.h"
#include "kernel/iomem.h"
#include "kernel/kaslr.h"
#include "kernel/kept.h"
#include "kernel/leave_report.h"
#include "kernel/memory_options.h"
#include "kernel/monitor/monitor.h"
#include "kernel/options.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/run_record.h"
#include "kernel/screen/screen_console.h"
#include "kernel/selftest/selftest.h"
#include "kernel/smp/bring_up.h"
#include "kernel/smp/cpus.h"
#include "loader/acpi/smbios.h"
#include "mm/show.h"
#include "version.h"

namespace kernel {
namespace {

constinit Kept kept;
constinit FirmwareTables tables;
constinit std::array<mm::NodeId, FirmwareTables::kMaxCpus> cpu_node_list{};  // by number

// A station that cannot go on ends the boot, and says which one it was.
void must(const char* station, const mm::Result<>& result) {
  if (!result.ok()) panic(station, result.error());
}

void print_banner(const loader::Handoff& handoff) {
  log().line("Baton version {} ({}), loaded by {} {} ({})", BATON_VERSION, BATON_BUILD_ID,
             handoff.names.loader, handoff.names.version, handoff.names.build);
}

void take_handoff(const loader::Handoff& handoff) {
  must("handoff", kept.take(handoff));
  const std::string_view text = kept.options();
  log().line("Command line: {}", text);
  print_kaslr(handoff, log());
  const Options options(text);
  (void)options.complain(log());
  if (options.has("noefi")) kept.forget_runtime_services();
  const auto shown = open_screen_console(handoff.framebuffer, kept.map());
  if (!shown.ok()) log().error("console", shown.error());
}

// Where the direct map ends, or what the CPU can address.
mm::Phys reachable_end(const mm::Platform& platform) {
  return std::min(arch::physical_end(), phys(platform.max_pfn));
}

void print_firmware(const loader::Handoff& handoff, const mm::E820Table& e820,
                    const mm::Platform& platform, const mm::E820Changes& changes) {
  log().line("NX (Execute Disable) protection: {}",
             arch::has_no_execute() ? "active" : arch::why_no_execute_is_missing());
  mm::print_user_map(e820, changes, log());
  mm::print_beyond(e820, arch::physical_end(), log());
  mm::print_unreached(e820, {reachable_end(platform), arch::physical_end()}, log());
  log().line("efi: EFI v{}.{:02} by {}", handoff.firmware.efi_revision >> 16,
             handoff.firmware.efi_revision & 0xffff, handoff.names.firmware);
  if ((handoff.flags & loader::kHandoffFlagMixed) != 0) {
    log().line("efi: No EFI runtime due to 32/64-bit mismatch with kernel");
    log().line("efi: no report, no run record and no bad pages are left with the firmware");
  }
}

// What memmap= calls RAM, the loader may have taken for something else and not mapped.
mm::Result<> check_mapped(const mm::E820Table& e820) {
  const auto* base = kept.map().at<const void>(mm::Phys{0});
  for (const mm::E820Entry& entry : e820.entries()) {
    if (entry.type != mm::E820Type::Ram) continue;
    if (const auto at = arch::first_unmapped(base, entry.range)) {
      return mm::Error{"is called RAM, but not by the firmware, and was not mapped (address {:#x})",
                       "memmap=", at->v};
    }
  }
  return {};
}

// "DMI: vendor product/board, BIOS version date".
void print_machine_name(const loader::AcpiWalk& walk) {
  const auto& firmware = kept.handoff().firmware;
  const auto smbios = loader::smbios_table(
      kept.map(), firmware.smbios, firmware.smbios_version,
      [&](uint64_t address, uint64_t size) { return walk.can_read(mm::Phys{address}, size); });
  loader::print_machine_name(loader::machine_name(loader::SmbiosStructures(smbios)), log());
}

void read_tables() {
  const auto* base = kept.map().at<const void>(mm::Phys{0});
  const loader::AcpiWalk walk(kept.map(), arch::is_mapped, base);
  print_machine_name(walk);
  tables.find(kept.handoff().firmware.rsdp, walk, kept.map(), log());
  tables.take_tree(elements(kept.handoff().device_tree, kept.map()), log());
  tables.read_power(log());
  arch::prepare_end(kept.handoff(), tables.power());
  const char* const told_by = tables.told_by_tree() ? "OF: fdt" : "ACPI";
  if (const auto port = tables.console(); !port.ok()) {
    log().error(told_by, port.error());
  } else if (port.value().port != 0 || port.value().pl011 != 0) {
    const mm::Result<> added = arch::add_console(port.value());
    if (!added.ok()) log().error(told_by, added.error());
  }
  const uint32_t own_id = kept.handoff().processor_id;
  tables.read_interrupts(own_id, log());
  const mm::Result<> opened = arch::open_interrupts(tables);
  if (!opened.ok()) log().error("smp", opened.error());
  tables.read_topology(arch::has_wide_cpu_ids(), own_id, log());
}

// What the firmware calls more reliable, where kernelcore=mirror asks for it.
std::span<const mm::Range> mirrored_memory(Relay& relay, const FirmwareMap& map,
                                           const MemoryOptions& memory) {
  if (!memory.movable.mirror || map.count_mirrored() == 0) return {};
  const auto room = relay.room_for_mirrored(map.count_mirrored());
  if (!room.ok()) panic("no room for mirrored ranges", room.error());
  map.copy_mirrored(room.value());
  return room.value();
}

mm::NumaInput numa_input(const MemoryOptions& memory, std::span<const mm::Range> mirrored) {
  mm::NumaInput input;
  input.memory = tables.srat().memory;
  input.named = tables.srat().named;
  input.off = memory.numa_off;
  input.mirrored = mirrored;
  return input;
}

// Where the loader left it.
FirmwareMap handed_map(const loader::Handoff& h) {
  if (h.efi_map_size == 0) return {};
  return {kept.map().span<const uint8_t>(mm::Phys{h.efi_map}, h.efi_map_size),
          static_cast<size_t>(h.efi_descriptor_size)};
}

// A loader that has no such map has said all in e820.
mm::FirmwareRam firmware_ram(const FirmwareMap& firmware, const mm::E820Table& e820) {
  const std::span<const mm::E820Entry> entries = e820.entries();
  return mm::account_firmware_ram(firmware.size() == 0 ? mm::claims_of(entries) : firmware.claims(),
                                  e820);
}

// The firmware's map gets a place of its own before its reservation ends.
FirmwareMap keep_firmware_map(Relay& relay) {
  const loader::Handoff& h = kept.handoff();
  if (h.efi_map_size == 0) return {};
  const auto place = relay.boot_alloc(h.efi_map_size, "EFI MAP");
  if (!place.ok()) panic("no room for the firmware's map", place.error());
  auto* to = kept.map().at<uint8_t>(place.value());
  const auto* from = kept.map().at<const uint8_t>(mm::Phys{h.efi_map});
  std::copy_n(from, h.efi_map_size, to);
  return {{to, static_cast<size_t>(h.efi_map_size)}, static_cast<size_t>(h.efi_descriptor_size)};
}

// What the options want of free memory.
mm::Result<> fill_and_hide(Relay& relay, const mm::PageContents& contents) {
  if (!contents.absent) return relay.pages().set_contents(contents, log());
  BATON_TRY(make_pages_small(relay, kept, log()));
  return relay.pages().set_contents(contents, log(), absence_of_free_pages());
}

struct Origin {
  mm::FirmwareRam ram;  // before anything was taken
  std::array<mm::NamedBytes, 2> trims{};
  FirmwareMap firmware_map;
  uint64_t added = 0;  // bytes of RAM, by memmap=
};

// From the firmware's map to alloc_pages(), one line a station.
Origin run_relay(Relay& relay, const Options& options, const CpuOptions& cpus, Laps& laps,
                 const mm::Printer& out) {
  const loader::Handoff& h = kept.handoff();
  const MemoryOptions memory = memory_options(options, log());
  must("e820", relay.take_over(elements(h.e820, kept.map()), elements(h.reservations, kept.map()),
                               reachable_end(relay.platform()), relay.platform().end_of_low));
  log().line("BIOS-provided physical RAM map:");
  relay.e820().print(log(), "BIOS-e820");
  const FirmwareMap firmware = handed_map(h);
  const mm::FirmwareRam ram = firmware_ram(firmware, relay.e820());
  const mm::E820Changes changes = change_e820(options, relay.e820(), log());
  print_firmware(h, relay.e820(), relay.platform(), changes);
  std::array<mm::PfnRange, arch::kMostUncachedRuns> uncached;
  const size_t runs = memory.trim_uncached ? arch::uncached_frames(uncached, log()) : 0;
  if (relay.platform().trim != nullptr) must("e820", relay.trim(std::span(uncached).first(runs)));
  if (changes.added_by_memmap != 0) must("e820", check_mapped(relay.e820()));
  firmware.print_mirrored(log());
  read_tables();
  const auto mirrored = mirrored_memory(relay, firmware, memory);
  laps.start();
  must("numa", relay.find_nodes(numa_input(memory, mirrored)));
  laps.lap("find_nodes");
  const unsigned possible = possible_cpus(tables.madt(), cpus);
  const auto cpu_nodes = std::span(cpu_node_list).first(possible);
  list_cpu_nodes(cpu_nodes, cpu_facts(kept, tables, relay, cpus));
  mm::Window window = arch::mem_map_window();
  window.always = memory.mem_map_in_pieces;
  must("zones", relay.lay_out(memory.movable, possible, cpu_nodes, window));
  laps.lap("lay_out");
  must("bootmem", relay.start_boot_allocator(memory.road));
  must("paging", arch::make_page_tables(relay, h, memory.contents.absent, out));
  laps.lap("start_boot_allocator");
  const FirmwareMap firmware_map = keep_firmware_map(relay);
  laps.lap("boot_alloc");
  relay.print_layout();
  const bool believed = !relay.numa().faked;
  must("zonelists",
       relay.build_zones(believed ? tables.distances() : mm::Distances(), memory.order));
  if (memory.contents.any()) must("buddy", fill_and_hide(relay, memory.contents));
  laps.lap("build_zones");
  must("buddy", relay.hand_over());
  laps.lap("hand_over");
  return {ram, option_trims(changes), firmware_map, changes.added_by_memmap};
}

void give_back(Relay& relay, const char* name, const char* called) {
  const auto frames = relay.give_back(name);
  if (!frames.ok()) panic(name, frames.error());
  if (frames.value() != 0) log().line("Freeing {} memory: {}K", called, frames.value() * 4);
}

// The loader's code ran where it lies. As Linux's free_init_pages() does: not run any more before
// it is anybody's.
void stop_loader_code(const Relay& relay) {
  for (const mm::Reservation& r : relay.reservations().entries()) {
    if (std::string_view(r.name) != "LOADER" || arch::make_data(r.range)) continue;
    panic("a page of the loader's code reaches beyond {}", mem(r.range));
  }
}

// What was needed on the way only.
void give_back_leftovers(Relay& relay, const Options& options) {
  stop_loader_code(relay);
  for (const char* name : {"HANDOFF", "EFI MEMMAP", "LOADER", "FW PGTABLE", "FW STACK", "FW GDT",
                           "FW IDT", "FW VECTORS"}) {
    give_back(relay, name, name);
  }
  if (options.has("keepinitrd")) return;
  give_back(relay, "RAMDISK", "initrd");
  give_back(relay, "MODULE", "modules");
}

// A CPU that rests keeps no other node's pages.
void give_back_remote(void* pages, unsigned cpu) {
  static_cast<mm::PageAllocator<Policy>*>(pages)->drain_remote(cpu);
}

// As the options say: self-tests, then off or to the monitor.
[[noreturn]] void finish(Booted& machine) {
  find_run_page(machine);
  if (const auto broken = machine.options.find("panic")) crash(machine, broken->value);
  auto end = arch::End::PowerOff;
  if (const auto passed = run_asked_tests(machine, bare())) {
    end = *passed ? arch::End::Passed : arch::End::Failed;
    leave_report(machine, log());
  }
  if (machine.options.has("poweroff")) arch::power_off(end);
  run_monitor(machine);
}

}  // namespace

void kernel_main(const loader::Handoff& handoff) {
  console().set_clock(arch::microseconds);
  print_banner(handoff);
  arch::print_cpu(log());
  take_handoff(handoff);
  const Options options(kept.options());

  // When it is timed, it is silent: a line on a serial port costs more than a station.
  const auto bench = options.find("bench");
  arch::choose_age(memory_options(options, {}).road);
  const mm::Printer out = bench ? mm::Printer() : log();
  Relay relay(arch::platform(handoff.paging_levels), kept.map(), out);
  Laps laps;
  const CpuOptions cpus = cpu_options(options, log());
  const Origin origin = run_relay(relay, options, cpus, laps, out);
  give_back_leftovers(relay, options);
  must("paging", arch::tighten_page_tables());
  mm::show_memory_line(relay.pages(), image_sizes(kept.segments()), log());
  mm::show_buddyinfo(relay.pages(), log());

  Booted machine{kept,       tables,       origin.firmware_map,  options,     relay,
                 origin.ram, origin.trims, arch::physical_end(), origin.added};
  must("ledger", close_ledger(machine, log()));
  if (bench) {
    laps.print(bare());
    bench_allocator(machine, bench->value, bare());
  }
  arch::print_clock(log());
  watch_hardware_errors(machine, log());
  kernel::cpus().set_rest(give_back_remote, &relay.pages());
  bring_up_cpus(machine, cpus, log());
  finish(machine);
}

}  // namespace kernel
