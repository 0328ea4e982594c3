// The live page tables: what may be written or run, and, leaf by leaf, what the loader was to map
// (loader/world.h): nothing is missing, nothing leads elsewhere, and nothing is there besides.
#include <algorithm>
#include <bit>

#include "kernel/arch.h"
#include "kernel/device_map.h"
#include "kernel/selftest/selftest.h"
#include "kernel/smp/cpus.h"
#include "loader/acpi/madt.h"
#include "loader/acpi/smbios.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace {

using arch::Mapping;
using enum loader::Severity;
using loader::EfiMemoryType;
using loader::HandoffSegment;
using mm::Phys;
using mm::Range;
using mm::whole_pages;

constexpr uint32_t kExecutableSegment = 1, kWritableSegment = 2;
constexpr uint64_t kRuntime = uint64_t{1} << 63;  // EFI_MEMORY_RUNTIME

Range range_of(const HandoffSegment& s) { return {Phys{s.physical}, Phys{s.physical + s.size}}; }

// What one stretch of physical memory may be mapped as.
enum class Purpose : uint8_t { Nothing, ReadOnly, Data };

struct Stretch {
  Purpose purpose = Purpose::Nothing;
  Phys end;  // the purpose holds up to here at least
};

// What has to be mapped, and what may be.
class Plan {
 public:
  explicit Plan(const Booted& machine) : machine_(machine), segments_(machine.kept.segments()) {
    const loader::Handoff& h = machine.kept.handoff();
    const loader::HandoffFramebuffer& screen = h.framebuffer;
    if (screen.address != 0) {
      framebuffer_ = whole_pages({Phys{screen.address}, Phys{screen.address + screen.size}});
    }
    if (h.firmware.smbios == 0) return;
    const size_t size = h.firmware.smbios_version == 3 ? 24 : 31;
    smbios_ = {Phys{h.firmware.smbios}, Phys{h.firmware.smbios + size}};
    const auto* bytes = machine.relay.map().at<const uint8_t>(Phys{h.firmware.smbios});
    if (!arch::find_mapping(reinterpret_cast<uintptr_t>(bytes))) return;
    if (const auto entry = loader::smbios_entry({bytes, size})) {
      structures_ = {Phys{entry->table}, Phys{entry->table + entry->size}};
    }
  }

  // Of the memory from `at` on, in the identity and in the direct map.
  [[nodiscard]] Stretch at(Phys at) const {
    Stretch s{Purpose::Nothing, at + mm::kPageSize};
    // The kernel's own text and constants: no alias of them can be written.
    Phys border{mm::kMaxPhys};
    for (const HandoffSegment& segment : segments_) {
      if ((segment.flags & kWritableSegment) != 0) continue;
      const Range range = range_of(segment);
      if (range.contains(at)) return {Purpose::ReadOnly, range.end};
      if (range.start > at) border = std::min(border, range.start);
    }
    const auto found = machine_.firmware_map.find(at);
    const mm::E820Entry* entry = machine_.relay.e820().find(at);
    const bool ram = entry != nullptr && entry->type == mm::E820Type::Ram;
    // Of highmem a table alone, where a firmware has one in memory that it calls usable.
    if (at >= machine_.relay.platform().end_of_low && holds_table(at)) {
      return {Purpose::ReadOnly, at + mm::kPageSize};
    }
    if (found && found->is_ram()) {
      // The loader's code, too, which ran in the identity map, is data before it is given back.
      return {Purpose::Data, std::min(found->range.end, border)};
    }
    if (ram) return {Purpose::Data, std::min(entry->range.end, border)};
    if (framebuffer_.contains(at)) return {Purpose::Data, framebuffer_.end};
    if (is_interrupt_controller(at) || is_serial_port(at) || is_mapped_device(at)) {
      return {Purpose::Data, at + mm::kPageSize};
    }
    if (found && (found->attributes & kRuntime) != 0 &&
        (found->type == EfiMemoryType::RuntimeServicesCode ||
         found->type == EfiMemoryType::RuntimeServicesData)) {
      return {Purpose::ReadOnly, found->range.end};
    }
    if (holds_table(at)) s.purpose = Purpose::ReadOnly;
    return s;
  }

  // The segment that has this virtual address; null when none does.
  [[nodiscard]] const HandoffSegment* segment(uint64_t virt) const {
    for (const HandoffSegment& s : segments_) {
      if (virt - s.virt < s.size) return &s;
    }
    return nullptr;
  }

 private:
  // Pages that an ACPI table, the RSDP or SMBIOS has bytes in.
  [[nodiscard]] bool holds_table(Phys page) const {
    const Range range{page, page + mm::kPageSize};
    const uint64_t rsdp = machine_.kept.handoff().firmware.rsdp;
    if (Range{Phys{rsdp}, Phys{rsdp + 36}}.overlaps(range)) return true;
    if (smbios_.overlaps(range) || structures_.overlaps(range)) return true;
    const loader::HandoffArray<uint8_t>& tree = machine_.kept.handoff().device_tree;
    if (Range{Phys{tree.address}, Phys{tree.address + tree.count}}.overlaps(range)) return true;
    const auto tables = machine_.tables.tables().list();
    return std::any_of(tables.begin(), tables.end(), [&](const loader::AcpiTable& table) {
      return Range{table.address, table.address + table.length}.overlaps(range);
    });
  }

  // This CPU's own, and those of the MADT (ACPI 6.5 section 5.2.12) or of the device tree.
  [[nodiscard]] bool is_interrupt_controller(Phys page) const {
    const auto is = [&](uint64_t address, uint64_t size) {
      return address != 0 && page.v >= mm::align_down(address, mm::kPageSize) &&
             page.v - mm::align_down(address, mm::kPageSize) < mm::align_up(size, mm::kPageSize);
    };
    if (is(arch::own_controller(), mm::kPageSize)) return true;
    const loader::Gic& gic = machine_.tables.gic();
    const auto holds = [&](const Range& part) { return is(part.start.v, part.size()); };
    if (holds(gic.distributor) || holds(gic.interface) ||
        std::any_of(gic.redistributors.begin(), gic.redistributors.end(), holds)) {
      return true;
    }
    loader::MadtEntries entries(machine_.tables.tables().table("APIC"));
    while (const auto entry = entries.next()) {
      if (entry->kind == loader::MadtEntry::Kind::WakeUp) continue;
      if (is(entry->address, entry->size)) return true;
      if (is(entry->redistributor, loader::kRedistributorSize)) return true;
    }
    return false;
  }

  [[nodiscard]] bool is_serial_port(Phys page) const {
    const loader::HandoffSerial& serial = machine_.kept.handoff().serial;
    return serial.kind == loader::kSerialPl011 &&
           mm::align_down(serial.address, mm::kPageSize) == page.v;
  }

  const Booted& machine_;
  std::span<const HandoffSegment> segments_;
  Range framebuffer_, smbios_, structures_;
};

// Whether all usable RAM is in one of the maps; told of it in ascending order.
class Coverage {
 public:
  Coverage(const mm::E820Table& e820, Phys from) : entries_(e820.entries()), at_(from) {}

  // The first byte of RAM that lies below the stretch and was not told of; nothing when there is
  // none.
  std::optional<Phys> add(Range mapped) {
    if (const auto missing = below(mapped.start)) return missing;
    at_ = std::max(at_, mapped.end);
    return std::nullopt;
  }
  // Of all there is below `end`.
  std::optional<Phys> below(Phys end) {
    for (; next_ < entries_.size(); ++next_) {
      const mm::E820Entry& entry = entries_[next_];
      if (entry.type != mm::E820Type::Ram) continue;
      const Range whole = mm::phys(mm::pfns_inside(entry.range));
      const Phys from = std::max(whole.start, at_);
      if (from >= whole.end) continue;
      if (from < end) return from;
      return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  std::span<const mm::E820Entry> entries_;
  size_t next_ = 0;
  Phys at_;
};

// With addresses of 32 bits (loader/arch.h) there is no identity map, of RAM lowmem alone is mapped,
// and what else there is stands where the direct map would have it if it went on, modulo 2^32.
bool is_narrow(const Booted& machine) { return machine.kept.handoff().paging_levels < 4; }

// Goes through the leaves, joined to stretches that have the same rights and lead on.
class PageAudit {
 public:
  explicit PageAudit(const Booted& machine)
      : plan_(machine),
        relay_(machine.relay),
        segments_(machine.kept.segments()),
        direct_map_(machine.kept.handoff().direct_map),
        narrow_(is_narrow(machine)),
        end_(machine.end_of_space),
        end_of_low_(std::min(end_, machine.relay.platform().end_of_low)),
        nx_(arch::has_no_execute()),
        absent_(machine.relay.pages().contents().absent),
        // Page 0 is in the direct map only, so that a null pointer faults.
        identity_(machine.relay.e820(), Phys{mm::kPageSize}),
        direct_(machine.relay.e820(), Phys{0}) {}

  Verdict run() {
    arch::walk_mappings(
        [](void* context, const Mapping& m) { return static_cast<PageAudit*>(context)->leaf(m); },
        this);
    if (verdict_.passed() && run_.size != 0) judge();
    if (!verdict_.passed()) return verdict_;
    if (absent_) {
      // What is missing is free: kernel.pages.free.
    } else if (narrow_) {
      if (const auto missing = direct_.below(end_of_low_)) lacks("direct", *missing);
    } else {
      if (const auto missing = identity_.below(end_)) lacks("identity", *missing);
      if (const auto missing = direct_.below(end_)) lacks("direct", *missing);
    }
    uint64_t image = 0;
    for (const HandoffSegment& s : segments_) image += s.size;
    if (verdict_.passed() && image_ != image) {
      verdict_ = Verdict::fail("{:#x} bytes of the kernel are mapped, it has {:#x}", image_, image);
    }
    return verdict_;
  }

 private:
  bool leaf(const Mapping& m) {
    const bool goes_on = run_.size != 0 && run_.virt + run_.size == m.virt &&
                         run_.phys + run_.size == m.phys && run_.writable == m.writable &&
                         run_.executable == m.executable && map_of(m.virt) == map_of(run_.virt);
    if (goes_on) {
      run_.size += m.size;
      return true;
    }
    if (run_.size != 0) judge();
    run_ = m;
    return verdict_.passed();
  }

  enum class Map : uint8_t { Identity, Direct, Other };
  [[nodiscard]] Map map_of(uint64_t virt) const {
    if (narrow_) {
      return arch::is_kernels(virt) ? Map::Other : Map::Direct;
    }
    if (virt - direct_map_ < end_.v) return Map::Direct;
    return virt >> 63 == 0 ? Map::Identity : Map::Other;
  }

  void judge() {
    switch (map_of(run_.virt)) {
      case Map::Identity:
        return judge_physical(run_.virt, "identity", &identity_);
      case Map::Direct:
        return narrow_ ? judge_narrow()
                       : judge_physical(run_.virt - direct_map_, "direct", &direct_);
      case Map::Other:
        if (in_window()) return judge_window();
        // Highmem among the kernel's own addresses is in a slot of the kmap window.
        if (run_.phys >= end_of_low_.v) return judge_cpu_memory();
        return arch::is_cpu_memory(run_) ? judge_cpu_memory() : judge_image();
    }
  }

  void judge_narrow() {
    const uint64_t expected = static_cast<uint32_t>(run_.virt - direct_map_);
    const bool low = expected < end_of_low_.v;
    judge_physical(expected, "direct", low ? &direct_ : nullptr);
    if (low || !verdict_.passed()) return;
    for (const mm::E820Entry& entry : relay_.e820().entries()) {
      const Range high = entry.range.clip({Phys{run_.phys}, Phys{run_.phys + run_.size}});
      if (entry.type != mm::E820Type::Ram || high.empty() || !run_.writable) continue;
      verdict_ = Verdict::fail("highmem at {} is in the direct map", high.start);
    }
  }

  // `coverage` of the RAM that the map is to have; null where it is to have none.
  void judge_physical(uint64_t expected, const char* map, Coverage* coverage) {
    if (run_.phys != expected) {
      verdict_ = Verdict::fail("{:#x}, in the {} map, leads to {:#x}", run_.virt, map, run_.phys);
      return;
    }
    const Range range{Phys{run_.phys}, Phys{run_.phys + run_.size}};
    if (coverage != nullptr) {
      if (const auto missing = coverage->add(range); missing && !absent_)
        return lacks(map, *missing);
    }
    if (coverage == &identity_ && absent_) {
      verdict_ = Verdict::fail(
          "{:#x} is mapped at its own address, where a free page would not fault", run_.virt);
      return;
    }
    if (coverage == &identity_ && range.start == Phys{0}) {
      verdict_ = Verdict::fail("page 0 is mapped at 0: a null pointer does not fault");
      return;
    }
    for (Phys at = range.start; at < range.end && verdict_.passed();) {
      const Stretch stretch = plan_.at(at);
      if (!allowed(stretch.purpose)) wrong(at, map, stretch.purpose);
      at = mm::align_up(stretch.end, mm::kPageSize);
    }
  }

  [[nodiscard]] bool allowed(Purpose purpose) const {
    const bool executable = run_.executable && nx_;
    switch (purpose) {
      case Purpose::Nothing:
        return false;
      case Purpose::ReadOnly:
        return !run_.writable && !executable;
      case Purpose::Data:
        return run_.writable && !executable;
    }
    return false;
  }

  // An array of a node that is made of pieces.
  [[nodiscard]] bool in_window() const {
    const auto has = [&](const mm::NodeArray& array) {
      return array.window != nullptr &&
             run_.virt - reinterpret_cast<uintptr_t>(array.window) < array.size;  // NOLINT
    };
    for (const mm::NodeLayout& node : relay_.layout().nodes) {
      if (has(node.mem_map) || has(node.heads)) return true;
      for (const mm::ZoneLayout& zone : node.zones) {
        if (has(zone.pageblocks)) return true;
      }
    }
    return false;
  }
  // The allocator's frames for it, and nobody else's.
  void judge_window() {
    for (Phys at{run_.phys}; at < Phys{run_.phys + run_.size};) {
      const mm::Reservation* const kept = relay_.reservations().find(at);
      const bool ours =
          kept != nullptr && (mm::has_name(*kept, "MEMMAP") || mm::has_name(*kept, "NODE_DATA"));
      if (!ours || !allowed(Purpose::Data)) {
        verdict_ = Verdict::fail("{:#x}, of an array in pieces, leads to {} ({}{})",
                                 run_.virt + (at - Phys{run_.phys}), at, run_.writable ? "W" : "R",
                                 run_.executable ? "X" : "");
        return;
      }
      at = kept->range.end;
    }
  }

  // Stacks of other CPUs and what else they have to themselves; pages of highmem.
  void judge_cpu_memory() {
    if (allowed(Purpose::Data)) return;
    verdict_ = Verdict::fail("{:#x}, of a CPU's own memory, is not to be written or may be run",
                             run_.virt);
  }

  void judge_image() {
    for (uint64_t done = 0; done < run_.size;) {
      const auto alias = arch::image_alias(run_.virt + done);
      const uint64_t virt = alias.value_or(run_.virt + done);
      const HandoffSegment* s = plan_.segment(virt);
      if (s == nullptr) {
        verdict_ = Verdict::fail("{:#x} is mapped, to {:#x}, and belongs to nobody",
                                 run_.virt + done, run_.phys + done);
        return;
      }
      const bool write = (s->flags & kWritableSegment) != 0;
      const bool execute = (s->flags & kExecutableSegment) != 0;
      if (run_.phys + done != s->physical + (virt - s->virt) || run_.writable != write ||
          (nx_ && run_.executable != execute)) {
        verdict_ =
            Verdict::fail("{:#x}, of a segment at {:#x} with flags {}, leads to {:#x} ({}{})",
                          run_.virt + done, s->physical, s->flags, run_.phys + done,
                          run_.writable ? "W" : "R", run_.executable ? "X" : "");
        return;
      }
      // Of what is there a second time, a page.
      const uint64_t end = alias ? done + mm::kPageSize : s->virt + s->size - run_.virt;
      if (!alias) image_ += std::min(end, run_.size) - done;
      done = end;
    }
  }

  void lacks(const char* map, Phys at) {
    verdict_ = Verdict::fail("RAM at {} is not in the {} map", at, map);
  }
  void wrong(Phys at, const char* map, Purpose purpose) {
    constexpr const char* kWanted[] = {"nothing that was to be mapped", "to be read only",
                                       "to be written and not run"};
    verdict_ =
        Verdict::fail("{} is in the {} map ({}{}), and is {}", at, map, run_.writable ? "W" : "R",
                      run_.executable ? "X" : "", kWanted[static_cast<size_t>(purpose)]);
  }

  Plan plan_;
  const mm::RelayCore& relay_;
  std::span<const HandoffSegment> segments_;
  uint64_t image_ = 0;  // bytes mapped where the kernel is linked
  uint64_t direct_map_;
  bool narrow_;
  Phys end_, end_of_low_;
  bool nx_;
  bool absent_;  // free pages are not mapped
  Coverage identity_, direct_;
  Mapping run_;
  Verdict verdict_ = Verdict::pass();
};

Verdict test_write_xor_execute(Booted&) {
  if (!arch::has_no_execute()) return Verdict::skip("NX {}", arch::why_no_execute_is_missing());
  Mapping found;
  arch::walk_mappings(
      [](void* context, const Mapping& m) {
        if (!m.writable || !m.executable) return true;
        *static_cast<Mapping*>(context) = m;
        return false;
      },
      &found);
  if (found.size == 0) return Verdict::pass();
  return Verdict::fail("{:#x} ({:#x} bytes, physical {:#x}) is writable and executable", found.virt,
                       found.size, found.phys);
}

Verdict test_image_read_only(Booted& machine) {
  struct Search {
    std::span<const loader::HandoffSegment> segments;
    Mapping found;
  } search{machine.kept.segments(), {}};
  arch::walk_mappings(
      [](void* context, const Mapping& m) {
        auto& s = *static_cast<Search*>(context);
        if (!m.writable) return true;
        const mm::Range mapped{mm::Phys{m.phys}, mm::Phys{m.phys + m.size}};
        for (const loader::HandoffSegment& segment : s.segments) {
          if ((segment.flags & kWritableSegment) != 0) continue;
          if (!range_of(segment).overlaps(mapped)) continue;
          s.found = m;
          return false;
        }
        return true;
      },
      &search);
  if (search.found.size == 0) return Verdict::pass();
  return Verdict::fail("{:#x} leads to text or rodata at physical {:#x} and is writable",
                       search.found.virt, search.found.phys);
}

Verdict test_pages_exact(Booted& machine) { return PageAudit(machine).run(); }

Verdict test_guard_pages(Booted&) {
  for (const Cpu& cpu : cpus().all()) {
    if (!cpus().is_online(cpu.number)) continue;
    std::array<uint64_t, arch::kMostStacks> room;
    for (const uint64_t page : arch::guard_pages(cpu.number, room)) {
      if (arch::can_read(page) || arch::can_read(page + mm::kPageSize - 8)) {
        return Verdict::fail("the guard page at {:#x} can be read", page);
      }
      if (!arch::can_read(page + mm::kPageSize) || !arch::can_write(page + mm::kPageSize)) {
        return Verdict::fail("the stack above the guard page at {:#x} cannot be used", page);
      }
    }
  }
  return Verdict::pass();
}

constexpr KernelTest kTests[] = {
    {{"kernel.pages.wx", "no page is writable and executable", High, "The live page tables, walked",
      kOurs},
     test_write_xor_execute},
    {{"kernel.pages.image", "text and rodata are read-only through every mapping", High,
      "The live page tables, walked", kOurs},
     test_image_read_only},
    {{"kernel.pages.exact", "page tables map all RAM where it should be, and nothing besides", High,
      "loader/world.h: RAM, tables, runtime services, devices and the kernel's segments", kOurs},
     test_pages_exact},
    {{"kernel.pages.guard", "the page below each stack faults", High, "Found out by reading there",
      kOurs},
     test_guard_pages},
};

}  // namespace

std::span<const KernelTest> page_table_tests() { return kTests; }

}  // namespace kernel
