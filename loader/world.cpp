#include "loader/world.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "loader/acpi/madt.h"

namespace loader {
namespace {

using mm::Error;
using mm::Phys;
using mm::Range;
using mm::Result;

constexpr Access kReadOnly{.write = false, .execute = false};
constexpr Access kData{.write = true, .execute = false};
constexpr Access kCode{.write = false, .execute = true};
constexpr Access kDevice{.write = true, .execute = false, .cache = Cache::Uncached};

// Highmem included: what Linux manages with page tables of physical address extension.
constexpr uint64_t kNarrowMemory = 64 * mm::kGiB;

constexpr unsigned kSegmentExecute = 1, kSegmentWrite = 2;  // ELF's p_flags

Range pages_inside(Range range) {
  return {mm::align_up(range.start, mm::kPageSize), mm::align_down(range.end, mm::kPageSize)};
}
Range range_of(const HandoffSegment& s) { return {Phys{s.physical}, Phys{s.physical + s.size}}; }
Range range_of(const AcpiTable& t) { return {t.address, t.address + t.length}; }

// Hands out parts of the handoff's memory, in order.
class Area {
 public:
  Area(Range range, const mm::DirectMap& reach) : rest_(range), reach_(reach) {}

  template <class T>
  Result<std::span<T>> take(size_t count, const char* what) {
    const Phys start = mm::align_up(rest_.start, 8);
    const uint64_t bytes = count * sizeof(T);
    if (start > rest_.end || rest_.end - start < bytes) {
      return Error{"does not fit into the handoff (bytes {}, room {})", what, bytes, rest_.size()};
    }
    rest_.start = start + bytes;
    return std::span<T>(reach_.at<T>(start), count);
  }
  template <class T>
  Result<HandoffArray<T>> copy(std::span<const T> from, const char* what) {
    const std::span<T> to = BATON_TRY(take<T>(from.size(), what));
    for (size_t i = 0; i < from.size(); ++i) to[i] = from[i];
    return array_at<T>(reach_.phys(to.data()), from.size());
  }

 private:
  Range rest_;
  mm::DirectMap reach_;
};

// What is RAM, whoever may have it.
bool is_memory(mm::E820Type type) {
  switch (type) {
    case mm::E820Type::Ram:
    case mm::E820Type::Acpi:
    case mm::E820Type::Pmem:
    case mm::E820Type::Pram:
    case mm::E820Type::SoftReserved:
    case mm::E820Type::Unaccepted:
      return true;
    default:
      return false;
  }
}

size_t e820_room(size_t descriptors) { return mm::E820Table::capacity_for(descriptors); }

// Every range reserved can be cut once by another, and the ones in use are cut by what is ours.
size_t reservation_room(const WorldFacts& facts) {
  return 2 *
         (16 + kMaxModules + facts.in_use.size() + facts.acpi_tables.size() + facts.tables.size());
}

// Reserves what of a range is RAM and has no name yet.
Result<> reserve_rest(mm::EarlyRes& reservations, const mm::E820Table& e820, Range range,
                      const char* name) {
  for (;;) {
    Range next;
    mm::for_each_free_range(e820, reservations.entries(), range, [&](Range free) {
      next = free;
      return false;
    });
    if (next.empty()) return {};
    BATON_TRY(reservations.reserve(next, name));
    range.start = next.end;
  }
}

Range below(Range range, Phys end) { return {range.start, range.end < end ? range.end : end}; }

// What of a range lies below `end`; the rest is named.
Range reachable(Range range, Phys end, const char* what, const mm::Printer& findings) {
  if (range.end <= end) return range;
  findings.line("{}: {} is out of reach ({} and up), not mapped", what,
                mem(Range{std::max(range.start, end), range.end}), end);
  return below(range, end);
}

class Mapper {
 public:
  Mapper(PageTables& tables, const WorldFacts& facts, const mm::Printer& findings)
      : tables_(tables),
        space_(address_space(facts.paging)),
        reach_(reach_of(facts.paging)),
        findings_(findings) {
    space_.direct_map += facts.direct_map_offset;
  }

  // What of it is not highmem.
  Result<> ram(Range range) {
    if (space_.narrow) range = range.clip(space_.lowmem());
    return both(range, kData, "RAM");
  }
  // Where it is in the direct map and where it is in memory, as far as addresses go.
  Result<> both(Range range, Access access, const char* what) {
    range = reachable(range, reach_.devices, what, findings_);
    if (space_.narrow) return narrow(range, access, what);
    BATON_TRY(tables_.map(space_.direct_map + range.start.v, range, access));
    // The identity map leaves page 0 out, so that a null pointer faults.
    if (range.start == Phys{0}) range.start += mm::kPageSize;
    return tables_.map(range.start.v, range, access);
  }
  // Only what is not mapped: a table or device may share a page with RAM. What is between such
  // pages is mapped in one, with large pages if it is large.
  Result<> rest(Range range, Access access, const char* what) {
    range = reachable(whole_pages(range), reach_.devices, what, findings_);
    while (!range.empty()) {
      Range run{range.start, range.start};
      while (run.end < range.end && !tables_.translate(place_of(run.end))) {
        run.end += mm::kPageSize;
      }
      if (!run.empty()) BATON_TRY(both(run, access, what));
      range.start = run.end + mm::kPageSize;
    }
    return {};
  }

 private:
  [[nodiscard]] uint64_t place_of(Phys at) const {
    const uint64_t virt = space_.direct_map + at.v;
    return space_.narrow ? static_cast<uint32_t>(virt) : virt;
  }

  // Piece by piece: up to where the kernel itself is, that, up to where addresses begin again.
  Result<> narrow(Range range, Access access, const char* what) {
    while (!range.empty()) {
      const AddressSpace::Piece piece = space_.first_piece(range);
      range.start = piece.range.end;
      if (piece.kept) {
        findings_.line("{}: {} has no place beside the kernel, not mapped", what, mem(piece.range));
      } else {
        BATON_TRY(tables_.map(piece.virt, piece.range, access));
      }
    }
    return {};
  }

  PageTables& tables_;
  AddressSpace space_;
  Reach reach_;
  const mm::Printer& findings_;
};

bool is_runtime(const EfiDescriptor& d) { return (d.attributes & kEfiMemoryRuntime) != 0; }

// For each descriptor that runtime services need and whose range is right.
template <class Visit>
Result<> for_each_runtime_region(const EfiMemoryMap& map, Visit visit) {
  for (size_t i = 0; i < map.count(); ++i) {
    const EfiDescriptor descriptor = map.at(i);
    const auto range = range_of(descriptor);
    if (is_runtime(descriptor) && range.ok()) {
      BATON_TRY(visit(descriptor, pages_inside(range.value())));
    }
  }
  return {};
}

Result<> map_kernel_world(PageTables& tables, const WorldFacts& facts, const mm::E820Table& e820,
                          const mm::Printer& findings) {
  Mapper mapper(tables, facts, findings);
  for (const mm::E820Entry& entry : e820.entries()) {
    if (entry.type != mm::E820Type::Ram) continue;
    BATON_TRY(mapper.ram(pages_inside(entry.range)));
  }
  for (const AcpiTable& table : facts.acpi_tables) {
    BATON_TRY(mapper.rest(range_of(table), kReadOnly, "ACPI table"));
  }
  for (const NamedRange& table : facts.tables) {
    BATON_TRY(mapper.rest(table.range, kReadOnly, table.name));
  }
  BATON_TRY(
      for_each_runtime_region(facts.map, [&](const EfiDescriptor& d, Range range) -> Result<> {
        const bool memory = d.type == EfiMemoryType::RuntimeServicesCode ||
                            d.type == EfiMemoryType::RuntimeServicesData;
        return memory ? mapper.both(range, kReadOnly, "runtime services") : Result<>{};
      }));
  for (const NamedRange& device : facts.devices) {
    if (!device_fits(device, e820, reach_of(facts.paging).devices, findings)) continue;
    BATON_TRY(mapper.both(whole_pages(device.range), kDevice, device.name));
  }
  // Last, as these override: no alias of the kernel's text and constants is writable.
  for (const HandoffSegment& segment : facts.segments) {
    const bool write = (segment.flags & kSegmentWrite) != 0;
    const bool execute = (segment.flags & kSegmentExecute) != 0;
    if (!write) BATON_TRY(mapper.both(range_of(segment), kReadOnly, "kernel"));
    BATON_TRY(tables.map(segment.virt, range_of(segment), Access{write, execute}));
  }
  const Range text = whole_pages(facts.loader_text);
  return tables.map(text.start.v, text, kCode);
}

// Runtime services see themselves where they were loaded, and the kernel that calls them.
Result<> map_runtime_world(PageTables& tables, const PageTables& kernel, const WorldFacts& facts,
                           const mm::Printer& findings) {
  tables.share_upper_half(kernel);
  const Phys end = reach_of(facts.paging).runtime;
  return for_each_runtime_region(facts.map, [&](const EfiDescriptor& d, Range range) -> Result<> {
    range = reachable(range, end, "runtime services", findings);
    switch (d.type) {
      // Without a Memory Attributes Table nothing tells a runtime image's code from its data.
      case EfiMemoryType::RuntimeServicesCode:
        return tables.map(range.start.v, range, Access{.write = true, .execute = true});
      case EfiMemoryType::MemoryMappedIo:
      case EfiMemoryType::MemoryMappedIoPortSpace:
        return tables.map(range.start.v, range, kDevice);
      default:
        return tables.map(range.start.v, range, kData);
    }
  });
}

Result<> reserve_all(mm::EarlyRes& reservations, const WorldFacts& facts, const WorldMemory& memory,
                     const mm::E820Table& e820, Range page_tables) {
  const NamedRange ours[] = {
      {facts.kernel, "TEXT DATA BSS"},
      {facts.initrd, "RAMDISK"},
      {memory.handoff, "HANDOFF"},
      {memory.efi_map, "EFI MEMMAP"},
      {page_tables, "PGTABLE"},
      {facts.loader, "LOADER"},
      {{Phys{0}, Phys{has_pc_low_memory() ? mm::kPageSize : 0}}, "BIOS PAGE 0"},
  };
  const auto reserve = [&](const NamedRange& range) -> Result<> {
    if (range.range.empty()) return {};
    if (!e820.all(range.range, mm::E820Type::Ram) && range.range.start != Phys{0}) {
      return Error{
          "lies in memory that the final map does not call usable (start {:#x}, end {:#x})",
          range.name, range.range.start.v, range.range.end.v};
    }
    return reservations.reserve(range.range, range.name);
  };
  for (const NamedRange& range : ours) BATON_TRY(reserve(range));
  for (const HandoffModule& module : facts.modules) {
    BATON_TRY(reserve({{Phys{module.address}, Phys{module.address} + module.size}, "MODULE"}));
  }
  for (const NamedRange& range : facts.in_use) {
    BATON_TRY(reserve_rest(reservations, e820, range.range, range.name));
  }
  for (const AcpiTable& table : facts.acpi_tables) {
    char name[] = "ACPI ????";
    for (size_t i = 0; i < 4; ++i) name[5 + i] = table.signature[i];
    BATON_TRY(reserve_rest(reservations, e820, range_of(table), name));
  }
  for (const NamedRange& table : facts.tables) {
    BATON_TRY(reserve_rest(reservations, e820, table.range, table.name));
  }
  return {};
}

// One page below 1 MiB where another CPU can start (real mode reaches no further); 0 if none is
// free, or none is needed.
Result<Phys> reserve_trampoline(mm::EarlyRes& reservations, const mm::E820Table& e820) {
  if (!has_pc_low_memory()) return Phys{0};
  const Range low{Phys{mm::kPageSize}, Phys{mm::kMiB}};
  const auto page = mm::find_e820_area_top(e820, reservations, low, mm::kPageSize, mm::kPageSize);
  if (!page.ok()) return Phys{0};
  const Range range{page.value(), page.value() + mm::kPageSize};
  BATON_TRY(reservations.reserve(range, "AP TRAMPOLINE"));
  return range.start;
}

// The application's facts, each where it stands in the handoff.
void take_over(Handoff& handoff, const HandoffFacts& facts) {
  if (facts.secure_boot) handoff.flags |= kHandoffFlagSecureBoot;
  if (facts.mixed) handoff.flags |= kHandoffFlagMixed;
  handoff.firmware = facts.firmware;
  handoff.kaslr = facts.kaslr;
  handoff.processor_id = facts.processor_id;
  handoff.framebuffer = facts.framebuffer;
  handoff.tsc_entry = facts.tsc_entry;
  handoff.names = facts.names;
  handoff.serial = facts.serial;
  handoff.device_tree = facts.device_tree;
}

}  // namespace

Reach reach_of(const PagingFeatures& paging) {
  const auto lower = [](Phys a, uint64_t b) { return a.v < b ? a : Phys{b}; };
  Reach reach;
  if (paging.physical_bits < 52) reach.cpu = Phys{uint64_t{1} << paging.physical_bits};
  const AddressSpace space = address_space(paging);
  reach.memory = lower(reach.cpu, space.narrow ? kNarrowMemory : space.direct_map_size);
  reach.devices = space.narrow ? lower(reach.cpu, uint64_t{1} << 32) : reach.memory;
  reach.runtime = lower(reach.cpu, space.identity_size);
  return reach;
}

bool device_fits(const NamedRange& device, const mm::E820Table& e820, Phys end,
                 const mm::Printer& findings) {
  const Range range = whole_pages(device.range);
  const char* wrong =
      device.range.empty() || range.empty() || range.end > end ? "is out of reach" : nullptr;
  for (const mm::E820Entry& entry : e820.entries()) {
    if (wrong == nullptr && is_memory(entry.type) && entry.range.overlaps(range)) {
      wrong = "lies in RAM";
    }
  }
  if (wrong == nullptr) return true;
  findings.line("{}: {} {}, not mapped", device.name, mem(device.range), wrong);
  return false;
}

uint64_t handoff_size(size_t descriptors, const WorldFacts& facts, size_t options_length,
                      size_t results) {
  const uint64_t bytes = sizeof(Handoff) + e820_room(descriptors) * sizeof(mm::E820Entry) +
                         reservation_room(facts) * sizeof(mm::Reservation) +
                         facts.acpi_tables.size() * sizeof(HandoffTable) +
                         facts.segments.size() * sizeof(HandoffSegment) +
                         kMaxModules * sizeof(HandoffModule) + results * sizeof(HandoffResult) +
                         options_length + 1 + facts.map_changes.size() + 64;
  return mm::align_up(bytes, mm::kPageSize);
}

uint64_t page_table_pool_size(size_t descriptors, const WorldFacts& facts) {
  const Reach reach = reach_of(facts.paging);
  const Phys limit = std::max(reach.runtime, reach.devices);
  uint64_t bytes = 0;
  Phys end{4 * mm::kGiB};
  const auto count = [&](Range range) {
    range = below(whole_pages(range), limit);
    bytes += range.size();
    if (!range.empty() && range.end > end) end = range.end;
  };
  for (size_t i = 0; i < facts.map.count(); ++i) {
    const EfiDescriptor d = facts.map.at(i);
    const auto range = range_of(d);
    if (range.ok() && (is_runtime(d) || e820_type(d) == mm::E820Type::Ram)) count(range.value());
  }
  for (const AcpiTable& table : facts.acpi_tables) count(range_of(table));
  for (const NamedRange& table : facts.tables) count(table.range);
  for (const NamedRange& device : facts.devices) count(device.range);
  const uint64_t named = facts.acpi_tables.size() + facts.tables.size() + facts.devices.size() +
                         facts.segments.size() + 1;
  uint64_t pages = 2 * PageTables::pages_for(descriptors + named, bytes, end.v, facts.paging, true);
  pages += PageTables::pages_for(descriptors, bytes, end.v, facts.paging, true);
  pages += 2 * PageTables::pages_for_root(facts.paging);
  // The image needs not lie at a multiple of 2 MiB: 4 KiB pages all through.
  pages += PageTables::pages_for(facts.segments.size(), facts.kernel.size(), facts.kernel.size(),
                                 facts.paging, false);
  return pages * mm::kPageSize;
}

Result<World> build_world(const WorldFacts& facts, const WorldMemory& memory,
                          const HandoffFacts& handoff_facts, std::span<const char> options,
                          std::span<const HandoffResult> results, const mm::Printer& findings) {
  Area area(memory.handoff, facts.reach);
  Handoff& handoff = BATON_TRY(area.take<Handoff>(1, "handoff"))[0];
  handoff = {};
  take_over(handoff, handoff_facts);

  mm::E820Table e820(BATON_TRY(area.take<mm::E820Entry>(e820_room(facts.map.count()), "e820")));
  BATON_TRY(add_to_e820(facts.map, e820, findings));

  const Phys reach = reach_of(facts.paging).devices;
  const NamedRange screen{{Phys{handoff.framebuffer.address},
                           Phys{handoff.framebuffer.address + handoff.framebuffer.size}},
                          "framebuffer"};
  if (!device_fits(screen, e820, reach, {})) handoff.framebuffer = {};

  PageTables tables(memory.page_tables, facts.reach, facts.paging);
  BATON_TRY(tables.start());
  BATON_TRY(map_kernel_world(tables, facts, e820, findings));
  Range used = tables.used();
  if (!handoff_facts.mixed) {
    PageTables runtime({used.end, memory.page_tables.end}, facts.reach, facts.paging);
    BATON_TRY(runtime.start());
    BATON_TRY(map_runtime_world(runtime, tables, facts, findings));
    handoff.runtime_root = runtime.root().v;
    used.end = runtime.used().end;
  }

  mm::EarlyRes reservations(
      BATON_TRY(area.take<mm::Reservation>(reservation_room(facts), "reservations")));
  BATON_TRY(reserve_all(reservations, facts, memory, e820, used));
  handoff.ap_trampoline = BATON_TRY(reserve_trampoline(reservations, e820)).v;

  handoff.magic = kHandoffMagic;
  handoff.version = kHandoffVersion;
  handoff.size = sizeof(Handoff);
  handoff.e820 =
      array_at<mm::E820Entry>(facts.reach.phys(e820.entries().data()), e820.entries().size());
  handoff.reservations = array_at<mm::Reservation>(facts.reach.phys(reservations.entries().data()),
                                                   reservations.entries().size());
  handoff.segments = BATON_TRY(area.copy<HandoffSegment>(facts.segments, "segments"));
  handoff.results = BATON_TRY(area.copy<HandoffResult>(results, "results"));
  handoff.map_changes = BATON_TRY(area.copy<char>(facts.map_changes, "map changes"));
  handoff.modules = BATON_TRY(area.copy<HandoffModule>(facts.modules, "modules"));
  const auto listed = BATON_TRY(area.take<HandoffTable>(facts.acpi_tables.size(), "ACPI tables"));
  for (size_t i = 0; i < listed.size(); ++i) {
    const AcpiTable& table = facts.acpi_tables[i];
    listed[i] = {table.address.v, table.length, {}};
    for (size_t c = 0; c < 4; ++c) listed[i].signature[c] = table.signature[c];
  }
  handoff.acpi_tables = array_at<HandoffTable>(facts.reach.phys(listed.data()), listed.size());
  const auto text = BATON_TRY(area.take<char>(options.size() + 1, "options"));
  for (size_t i = 0; i < options.size(); ++i) text[i] = options[i];
  text[options.size()] = '\0';
  handoff.options = facts.reach.phys(text.data()).v;
  handoff.options_length = static_cast<uint32_t>(options.size());

  handoff.efi_map = memory.efi_map.start.v;
  handoff.efi_map_size = facts.map.bytes().size();
  handoff.efi_descriptor_size = facts.map.stride();
  handoff.page_tables = tables.root().v;
  handoff.direct_map = address_space(facts.paging).direct_map + facts.direct_map_offset;
  handoff.paging_levels = facts.paging.levels;
  if (facts.paging.nx) handoff.flags |= kHandoffFlagNx;
  if (facts.paging.gigabyte_pages) handoff.flags |= kHandoffFlag1GPages;
  handoff.kernel_physical = facts.kernel.start.v;
  handoff.kernel_size = facts.kernel.size();
  handoff.initrd = facts.initrd.empty() ? 0 : facts.initrd.start.v;
  handoff.initrd_size = facts.initrd.size();
  seal(handoff);
  return World{facts.reach.phys(&handoff), tables.root()};
}

namespace {

// Each once.
class ControllerList {
 public:
  explicit ControllerList(std::span<NamedRange> devices)
      : devices_(devices.first(std::min(devices.size(), kMaxInterruptControllers))) {}

  void add(uint64_t address, uint64_t size, const char* name) {
    if (address == 0 || address >= mm::kMaxPhys || size > mm::kMaxPhys - address) return;
    // Full: what comes now is not compared with the others, so that the work stays in proportion.
    if (found_.count == devices_.size()) {
      ++found_.left_out;
      return;
    }
    const Range pages = mm::whole_pages({Phys{address}, Phys{address + size}});
    for (const NamedRange& known : devices_.first(found_.count)) {
      if (known.range.contains(pages)) return;
    }
    devices_[found_.count++] = {pages, name};
  }
  void add(Range range, const char* name) { add(range.start.v, range.size(), name); }
  [[nodiscard]] const InterruptControllers& found() const { return found_; }

 private:
  std::span<NamedRange> devices_;
  InterruptControllers found_;
};

}  // namespace

InterruptControllers interrupt_controllers(std::span<const AcpiTable> tables,
                                           const mm::DirectMap& reach,
                                           std::span<NamedRange> devices) {
  ControllerList list(devices);
  for (const AcpiTable& table : tables) {
    if (std::string_view(table.signature.data(), 4) != "APIC" || !table.checksum_good) continue;
    MadtEntries entries({reach.at<const uint8_t>(table.address), table.length});
    while (const auto entry = entries.next()) {
      switch (entry->kind) {
        case MadtEntry::Kind::IoApic:
          list.add(entry->address, entry->size, "IOAPIC");
          break;
        case MadtEntry::Kind::LocalApic:
          list.add(entry->address, entry->size, "local APIC");
          break;
        case MadtEntry::Kind::Distributor:
          list.add(entry->address, entry->size, "GIC distributor");
          break;
        case MadtEntry::Kind::Redistributors:
          list.add(entry->address, entry->size, "GIC redistributors");
          break;
        case MadtEntry::Kind::Cpu:
          list.add(entry->address, entry->size, "GIC CPU interface");
          list.add(entry->redistributor, kRedistributorSize, "GIC redistributor");
          break;
        default:
          break;
      }
    }
  }
  return list.found();
}

InterruptControllers interrupt_controllers(const Gic& gic, std::span<NamedRange> devices) {
  ControllerList list(devices);
  list.add(gic.distributor, "GIC distributor");
  list.add(gic.interface, "GIC CPU interface");
  for (const Range& range : gic.redistributors) list.add(range, "GIC redistributors");
  return list.found();
}

}  // namespace loader
