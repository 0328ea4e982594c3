#include "efi/protocols/baton.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "efi/graphics.h"
#include "efi/memory_attributes.h"
#include "loader/arch.h"
#include "loader/fdt/machine.h"
#include "loader/handoff/text.h"
#include "loader/handoff/tpm_log.h"
#include "loader/kaslr.h"
#include "version.h"

namespace efi {
namespace {

using loader::NamedRange;
using mm::Error;
using mm::Phys;
using mm::Range;
using mm::Result;
using mm::whole_pages;

// How much of the firmware's stack we say is live: ours is below where we look, and the
// specification promises us 128 KiB (UEFI 2.10 section 2.3.4).
constexpr uint64_t kStackBelow = 32 * mm::kKiB;
constexpr uint64_t kStackAbove = 128 * mm::kKiB;
// The firmware's page tables may still change while we allocate.
constexpr size_t kLiveSlack = 64;
// GDT, IDT, the firmware's stack, the kernel's first stack, the code of the jump, the TPM's event log.
constexpr size_t kOtherLive = 6;

constexpr mm::DirectMap kIdentity;

void put_vendor(char (&to)[64], const CHAR16* vendor) {
  if (vendor == nullptr) return;
  for (size_t i = 0; i + 1 < sizeof(to) && vendor[i] != 0; ++i) {
    to[i] = vendor[i] >= ' ' && vendor[i] <= '~' ? static_cast<char>(vendor[i]) : '?';
  }
}

Range bytes_of(const File& file) {
  return {file.pages.range().start, file.pages.range().start + file.size};
}

NamedRange range_of(const loader::HandoffFramebuffer& screen) {
  return {{Phys{screen.address}, Phys{screen.address + screen.size}}, "framebuffer"};
}

// Those of the MADT, or of the device tree where that is what tells of the machine.
loader::InterruptControllers find_controllers(const Tables& tables, std::span<NamedRange> devices,
                                              const mm::Printer& findings) {
  const loader::Fdt* const tree = tables.told_by();
  if (tree == nullptr) return loader::interrupt_controllers(tables.acpi(), kIdentity, devices);
  std::array<Range, loader::kMaxGicRegions> room;
  const auto gic = loader::fdt_gic(*tree, room);
  if (gic.ok()) return loader::interrupt_controllers(gic.value(), devices);
  findings.error("device tree", gic.error());
  return {};
}

// The firmware's map says what is RAM; the tree may only take some of it away. Where the two agree,
// as the Devicetree Specification 0.4 asks for (sections 3.5.4 and 5.3.1), what is left to take are
// ranges that the map calls boot services' data.
Result<> find_reserved(const Firmware& firmware, Departure& departure, const mm::E820Table& e820,
                       const mm::Printer& findings) {
  const loader::Fdt& tree = departure.tables.tree;
  if (tree.empty()) return {};
  const auto count = loader::fdt_reserved(tree, {});
  if (!count.ok()) findings.error("device tree: reserved memory is not known", count.error());
  if (!count.ok() || count.value() == 0) return {};
  departure.reserved_storage =
      BATON_TRY(allocate_array<loader::FdtReserved>(firmware, count.value(), "reserved memory"));
  const auto reserved = departure.reserved_storage.span<loader::FdtReserved>().first(count.value());
  departure.reserved_count = BATON_TRY(loader::fdt_reserved(tree, reserved));
  for (const loader::FdtReserved& range : reserved) {
    const mm::E820Entry* const entry = e820.find(range.range.start);
    if (!range.no_map || entry == nullptr || entry->type != mm::E820Type::Ram) continue;
    findings.line(
        "device tree: {}: {} is not to be mapped, and the firmware's map calls it usable: "
        "reserved, but mapped",
        range.node, mem(range.range));
  }
  return {};
}

Result<> find_devices(const Firmware& firmware, Departure& departure, const mm::Printer& findings) {
  // Framebuffer, serial port and this CPU's own controller, then whatever the MADT names.
  constexpr size_t kOurs = 3;
  departure.device_storage = BATON_TRY(allocate_array<NamedRange>(
      firmware, kOurs + loader::kMaxInterruptControllers, "list of devices"));
  const std::span<NamedRange> devices = departure.device_storage.span<NamedRange>();
  const auto controllers = find_controllers(departure.tables, devices, findings);
  if (controllers.left_out != 0) {
    findings.line("{} interrupt controllers more than the {} that are looked at",
                  controllers.left_out, controllers.count);
  }
  size_t count = controllers.count;
  const NamedRange& own = departure.cpu.controller;
  const auto listed = devices.first(count);
  const bool named = std::any_of(listed.begin(), listed.end(), [&](const NamedRange& device) {
    return device.range.contains(own.range.start);
  });
  if (!own.range.empty() && !named) devices[count++] = own;
  if (departure.serial.kind == loader::kSerialPl011) {
    const Phys serial{departure.serial.address};
    devices[count++] = {{serial, serial + mm::kPageSize}, "serial port"};
  }
  if (departure.framebuffer.address != 0) devices[count++] = range_of(departure.framebuffer);
  departure.device_count = count;
  return {};
}

// All but the firmware's page tables, which are walked again when they can no longer change.
void note_live_state(Departure& departure, const LiveState& live) {
  const auto in_use = departure.in_use_storage.span<NamedRange>();
  size_t& count = departure.in_use_count;
  count = 0;
  in_use[count++] = {departure.stack.range(), "LOADER"};
  in_use[count++] = {departure.jump.range(), "LOADER"};
  for (const NamedRange& table : live.tables) {
    in_use[count++] = {whole_pages(table.range), table.name};
  }
  in_use[count++] = {whole_pages({live.stack - kStackBelow, live.stack + kStackAbove}), "FW STACK"};
  for (const loader::FdtReserved& reserved : departure.reserved()) {
    in_use[count++] = {whole_pages(reserved.range),
                       reserved.node == nullptr ? "FDT MEMRESERVE" : "FDT RESERVED"};
  }
  if (!departure.event_log.range().empty()) {
    in_use[count++] = {departure.event_log.range(), loader::kTpmLogName};
  }
  for (const Range& bad : departure.bad_pages) in_use[count++] = {bad, "BAD PAGES"};
}

// What replaces the page tables, in both worlds at its own address.
Range text_of(const Departure& departure) {
  return departure.jump.range().empty() ? our_text() : departure.jump.range();
}

Result<> copy_jump(const Firmware& firmware, Departure& departure) {
  const std::span<const uint8_t> code = jump_code();
  if (code.empty()) return {};
  departure.jump = BATON_TRY(allocate(firmware, code.size(), "the jump", EfiLoaderCode));
  std::memcpy(departure.jump.as<uint8_t>(), code.data(), code.size());
  // EDK II writes into what it is given back, and this cannot be written then.
  if (BATON_TRY(make_executable(firmware, departure.jump.range()))) departure.jump.keep();
  return {};
}

loader::WorldFacts facts_of(const Firmware& firmware, const Departure& departure,
                            const Kernel& kernel, const File& initrd) {
  const Phys image{reinterpret_cast<uintptr_t>(firmware.loaded->ImageBase)};
  return {.map = departure.map.view(),
          .segments = kernel.segments(),
          .kernel = kernel.place(),
          .initrd = bytes_of(initrd),
          .loader = {image, mm::align_up(image + firmware.loaded->ImageSize, mm::kPageSize)},
          .loader_text = text_of(departure),
          .in_use = departure.in_use(),
          .acpi_tables = departure.tables.acpi(),
          .tables = departure.tables.ranges,
          .devices = departure.devices(),
          .map_changes = departure.map_changes,
          .modules = departure.modules,
          .paging = departure.cpu.paging,
          .direct_map_offset = departure.direct_map_offset,
          .reach = kIdentity};
}

Result<> take_paging_of(const Kernel& kernel, Departure& departure, const mm::Printer& findings) {
  departure.mixed = kernel.is_wider();
  if (departure.mixed) {
    if (!departure.cpu.wide) return Error{"is of 64 bits, and this CPU has 32 only", "the kernel"};
    departure.cpu.paging = *departure.cpu.wide;
    findings.line(
        "mixed mode: a kernel of 64 bits under a firmware of 32: without its runtime services");
  }
  return loader::PageTables::check(departure.cpu.paging);
}

void choose_direct_map(const Kernel& kernel, Departure& departure) {
  departure.kaslr = kernel.kaslr;
  if (kernel.kaslr.state != loader::kKaslrOn) return;
  const loader::PagingFeatures& paging = departure.cpu.paging;
  const loader::Choice choice =
      loader::direct_map_choice(loader::address_space(paging), loader::reach_of(paging).devices);
  departure.kaslr.direct_map_bits = choice.bits();
  departure.direct_map_offset = loader::direct_map_offset(choice.by(kernel.direct_map_number));
}

// The map as the first view of e820; the storage that this lies in.
Result<Pages> view_map(const Firmware& firmware, const MemoryMap& map, mm::E820Table& e820,
                       const mm::Printer& findings) {
  const size_t entries = mm::E820Table::capacity_for(map.view().count());
  Pages storage = BATON_TRY(allocate_array<mm::E820Entry>(firmware, entries, "first view of e820"));
  e820 = mm::E820Table({storage.as<mm::E820Entry>(), entries});
  BATON_TRY(loader::add_to_e820(map.view(), e820, findings));
  return storage;
}

}  // namespace

Result<Departure> prepare(const Firmware& firmware, MemoryMap map, const Kernel& kernel,
                          const File& initrd, const char* options,
                          std::span<const loader::HandoffResult> results,
                          std::span<const Range> bad_pages, std::string_view map_changes,
                          const mm::Printer& findings) {
  BATON_TRY(loader::check_room(std::strlen(options), kernel.segments().size(), results.size(),
                               map_changes.size()));
  Departure departure;
  departure.results = results;
  departure.bad_pages = bad_pages;
  departure.map_changes = map_changes;
  departure.map = std::move(map);
  mm::E820Table e820{std::span<mm::E820Entry>{}};
  Pages e820_storage = BATON_TRY(view_map(firmware, departure.map, e820, findings));
  // That map is older than the kernel's memory, which firmware may have had as none that is free: it
  // accepts memory when it gives it away (UEFI 2.10 section 7.2, EfiUnacceptedMemoryType).
  if (!e820.all(kernel.place(), mm::E820Type::Ram)) {
    departure.map = BATON_TRY(get_memory_map(firmware));
    e820_storage = BATON_TRY(view_map(firmware, departure.map, e820, findings));
  }
  // It would be found out when the firmware is gone.
  if (!e820.all(kernel.place(), mm::E820Type::Ram)) {
    return Error{
        "lies in memory that the firmware's map does not call usable (start {:#x}, end {:#x})",
        "the kernel", kernel.place().start.v, kernel.place().end.v};
  }

  departure.cpu = examine_cpu(firmware);
  departure.cpu.paging = loader::paging_for(departure.cpu.paging, options);
  departure.framebuffer = find_framebuffer(firmware, findings);
  const Phys reach = loader::reach_of(departure.cpu.paging).devices;
  if (departure.framebuffer.address != 0 &&
      !loader::device_fits(range_of(departure.framebuffer), e820, reach, findings)) {
    departure.framebuffer = {};
  }
  // The screen is one that we reach, too.
  BATON_TRY(take_paging_of(kernel, departure, findings));
  choose_direct_map(kernel, departure);
  departure.tables = BATON_TRY(find_tables(firmware, e820, findings));
  const Result<> moved = move_smbios(firmware, loader::address_space(departure.cpu.paging),
                                     departure.tables, findings);
  if (!moved.ok()) findings.error("SMBIOS", moved.error());
  departure.serial = find_first_serial(departure.tables.acpi(), departure.tables.tree);
  if (departure.serial.kind == loader::kSerialNone) {
    findings.line(
        "no serial port after the firmware: neither ACPI's SPCR nor a device tree's "
        "stdout-path names one that is known here");
  }
  BATON_TRY(find_reserved(firmware, departure, e820, findings));
  BATON_TRY(find_devices(firmware, departure, findings));

  const LiveState live = live_state();
  const size_t live_room =
      BATON_TRY(loader::live_page_tables(live.page_tables, kIdentity, {})) + kLiveSlack;
  departure.live_storage =
      BATON_TRY(allocate_array<Range>(firmware, live_room, "list of the firmware's page tables"));
  const size_t in_use_room =
      live_room + kOtherLive + departure.reserved_count + departure.bad_pages.size();
  departure.in_use_storage =
      BATON_TRY(allocate_array<NamedRange>(firmware, in_use_room, "list of what is live"));
  departure.stack =
      BATON_TRY(allocate(firmware, kernel.image.wishes.stack_size, "the kernel's first stack"));
  BATON_TRY(copy_jump(firmware, departure));

  // Sizes for the worst case: as many descriptors as the map may have, all of the lists full.
  departure.in_use_count = in_use_room;
  const loader::WorldFacts facts = facts_of(firmware, departure, kernel, initrd);
  const size_t descriptors = departure.map.capacity();
  departure.handoff = BATON_TRY(allocate(
      firmware, loader::handoff_size(descriptors, facts, std::strlen(options), results.size()),
      "handoff"));
  departure.page_tables = BATON_TRY(
      allocate(firmware, loader::page_table_pool_size(descriptors, facts), "page tables"));
  return departure;
}

loader::HandoffFacts handoff_facts(const Firmware& firmware, const Departure& departure,
                                   uint64_t tsc_entry) {
  const EFI_SYSTEM_TABLE& system = *firmware.system;
  loader::HandoffFacts facts{};
  facts.secure_boot = firmware.secure_boot;
  facts.mixed = departure.mixed;
  facts.firmware.revision = system.FirmwareRevision;
  facts.firmware.system_table = reinterpret_cast<uintptr_t>(&system);
  facts.firmware.efi_revision = system.Hdr.Revision;
  facts.firmware.smbios_version = departure.tables.smbios_version;
  facts.firmware.smbios = departure.tables.smbios.v;
  facts.firmware.rsdp = departure.tables.rsdp.v;
  facts.processor_id = departure.cpu.id;
  facts.kaslr = departure.kaslr;
  facts.framebuffer = departure.framebuffer;
  facts.serial = departure.serial;
  const std::span<const uint8_t> tree = departure.tables.tree.bytes();
  if (!tree.empty()) {
    facts.device_tree = loader::array_at<uint8_t>(kIdentity.phys(tree.data()), tree.size());
  }
  facts.tsc_entry = tsc_entry;
  loader::put_text(facts.names.loader, "Baton");
  loader::put_text(facts.names.version, BATON_VERSION);
  loader::put_text(facts.names.build, BATON_BUILD_ID);
  put_vendor(facts.names.firmware, system.FirmwareVendor);
  return facts;
}

mm::Error enter_world(const Firmware& firmware, Departure& departure, const LiveState& live,
                      const Kernel& kernel, const File& initrd, const char* options,
                      const loader::HandoffFacts& from_firmware, const mm::Printer& findings) {
  note_live_state(departure, live);
  const std::span<Range> ranges = departure.live_storage.span<Range>();
  const auto walked = loader::live_page_tables(live.page_tables, kIdentity, ranges);
  if (!walked.ok()) return walked.error();
  const size_t found = walked.value();
  const auto in_use = departure.in_use_storage.span<NamedRange>();
  if (found > ranges.size() || found > in_use.size() - departure.in_use_count) {
    return {"they grew beyond what was prepared for (ranges {}, room {})",
            "the firmware's page tables", found, ranges.size()};
  }
  for (const Range& range : ranges.first(found)) {
    in_use[departure.in_use_count++] = {range, "FW PGTABLE"};
  }

  loader::HandoffFacts facts = from_firmware;
  facts.firmware.descriptor_version = departure.map.version();
  const loader::WorldMemory memory{departure.handoff.range(), departure.map.buffer(),
                                   departure.page_tables.range()};
  const auto world =
      loader::build_world(facts_of(firmware, departure, kernel, initrd), memory, facts,
                          {options, std::strlen(options)}, departure.results, findings);
  if (!world.ok()) return world.error();

  auto& handoff = *kIdentity.at<loader::Handoff>(world.value().handoff);
  handoff.tsc_handoff = read_counter();
  loader::seal(handoff);
  enter_kernel(world.value(), kernel.entry(), departure.stack.range(), text_of(departure),
               departure.cpu.paging);
}

}  // namespace efi
