// The kernel's own page tables, as paging_init makes them (mm/arm/paging.h): a new root with lowmem, the
// vectors, the tables of the kmap window, and what else the loader had mapped.
#include "kernel/arm/paging.h"

#include <algorithm>
#include <array>

#include "kernel/arch.h"
#include "kernel/arm/cpu.h"
#include "kernel/arm/tables.h"
#include "kernel/highmem.h"
#include "kernel/narrow/kmap.h"
#include "kernel/page_walk.h"
#include "kernel/paging.h"
#include "loader/handoff/arm/translation.h"

extern "C" char vectors[];  // entry.S NOLINT(readability-identifier-naming)

namespace kernel {
namespace arm {
namespace {

using namespace mm::arm;  // NOLINT: all of it is about those
using mm::Phys;
using mm::Range;

constinit Age chosen = Age::Memblock;

// What is found out once, and needed again when the tables are tightened.
struct Made {
  Phys root;
  Range memory;  // root and tables
  Phys next;     // of it what is not taken yet
  size_t banks = 0, descriptions = 0;
  bool small_pages = false;  // of lowmem, which is not run from the start then
};
constinit Made made;
constinit std::array<mm::Bank, 256> bank_room{};
constinit std::array<MapDesc, 256> map_room{};
constinit std::array<Range, loader::kMaxHandoffSegments> read_only{};  // of the kernel's image
constinit size_t read_only_count = 0;

std::span<const mm::Bank> banks() { return std::span(bank_room).first(made.banks); }

mm::Result<Phys> take_frame(void* /*context*/) {
  if (made.next == made.memory.end) {
    return mm::Error{"its memory is used up (start {:#x}, end {:#x})", "PGDIR", made.memory.start.v,
                     made.memory.end.v};
  }
  const Phys frame = made.next;
  made.next += mm::kPageSize;
  return frame;
}

Tables tables() { return {made.root, table_map(), chosen, {nullptr, take_frame}}; }

Phys place_of(const void* at) {
  const auto virt = reinterpret_cast<uintptr_t>(at);
  const auto mapping = arch::find_mapping(virt);
  return Phys{mapping->phys + (virt - mapping->virt)};
}

MemType type_of(const arch::Mapping& mapping) {
  if (!mapping.writable) return mapping.executable ? MemType::Rom : MemType::MemoryRo;
  if (mapping.caching == arch::Caching::WriteBack) return MemType::MemoryRw;
  return mapping.caching == arch::Caching::WriteCombining ? MemType::DeviceWc : MemType::Device;
}

// What the loader has mapped and map_lowmem does not: its image, devices, firmware's tables.
class Others {
 public:
  bool add(const arch::Mapping& mapping) {
    const auto in_bank = [&](const mm::Bank& bank) {
      return bank.range.contains(Phys{mapping.phys}) && (!bank.highmem || mapping.writable);
    };
    const bool image = kImage.contains(mapping.virt);
    // The loader's code, at its own address, was needed for the jump only.
    if (!image && (arch::is_kernels(mapping.virt) || mapping.virt == mapping.phys)) return true;
    if (!image && std::any_of(banks().begin(), banks().end(), in_bank)) return true;
    const Range range{Phys{mapping.phys}, Phys{mapping.phys + mapping.size}};
    return add({range, mapping.virt, type_of(mapping)});
  }

 private:
  bool add(const MapDesc& what) {
    if (made.descriptions != 0) {
      MapDesc& last = map_room[made.descriptions - 1];
      if (last.type == what.type && last.physical.end == what.physical.start &&
          last.virt + last.physical.size() == what.virt) {
        last.physical.end = what.physical.end;
        return true;
      }
    }
    if (made.descriptions == map_room.size()) return false;
    map_room[made.descriptions++] = what;
    return true;
  }
};

mm::Result<> find_others() {
  struct Search {
    Others others;
    bool room = true;
  } search;
  arch::walk_mappings(
      [](void* context, const arch::Mapping& mapping) {
        auto& s = *static_cast<Search*>(context);
        s.room = s.room && s.others.add(mapping);
        return s.room;
      },
      &search);
  if (search.room) return {};
  return mm::Error{"the loader has mapped more pieces than there is room for ({})", "map_io",
                   map_room.size()};
}

Range range_of(const loader::HandoffSegment& s) {
  return {Phys{s.physical}, Phys{s.physical + s.size}};
}

// Text and constants, which lowmem has too; and text alone.
Range note_image(std::span<const loader::HandoffSegment> segments) {
  constexpr uint32_t kExecutable = 1, kWritable = 2;
  Range text{};
  for (const loader::HandoffSegment& segment : segments) {
    if ((segment.flags & kWritable) != 0) continue;
    read_only[read_only_count++] = range_of(segment);
    if ((segment.flags & kExecutable) != 0) text = range_of(segment);
  }
  return text;
}

// Where rights differ in lowmem once the kernel has booted there are pages, no sections.
mm::Result<> cut_borders(Tables& to, const mm::Arm32Space& space) {
  for (const Range& range : std::span(read_only).first(read_only_count)) {
    for (const Phys border : {range.start, range.end}) {
      if (border < space.lowmem_limit()) BATON_TRY(to.give_tables(space.virt(border)));
    }
  }
  return {};
}

// Lowmem's stretches of 2 MiB, each of which has a table where all of its pages are small.
template <class Visit>
mm::Result<> for_each_lowmem_pmd(const mm::Arm32Space& space, Visit visit) {
  uint64_t next = 0;  // banks may meet in one
  for (const mm::Bank& bank : banks()) {
    if (bank.highmem) continue;
    const uint64_t end = space.virt(bank.range.end);
    uint64_t at = std::max(next, mm::align_down(space.virt(bank.range.start), mm::kPmdSize));
    for (; at < end; at += mm::kPmdSize) BATON_TRY(visit(at));
    next = std::max(next, at);
  }
  return {};
}

uint64_t lowmem_pmds(const mm::Arm32Space& space) {
  uint64_t count = 0;
  (void)for_each_lowmem_pmd(space, [&](uint64_t) -> mm::Result<> {
    ++count;
    return {};
  });
  return count;
}

mm::Result<> cut_lowmem(Tables& to, const mm::Arm32Space& space) {
  return for_each_lowmem_pmd(space, [&](uint64_t virt) { return to.give_tables(virt); });
}

// Runtime services, which have other tables below PAGE_OFFSET, are interrupted by the same vectors.
void share_upper_half(uint64_t root) {
  constexpr size_t kFirst = kPageOffset >> 20, kEntries = size_t{1} << kFirstLevelBits;
  if (root == 0) return;
  auto* const theirs = table_map().at<uint32_t>(Phys{root});
  const auto* const ours = table_map().at<const uint32_t>(made.root);
  std::copy(ours + kFirst, ours + kEntries, theirs + kFirst);
  clean_and_forget(reinterpret_cast<uintptr_t>(theirs), mm::kPgdirSize);
}

// The tables were written with caches on; a walk may pass these by.
void publish() {
  clean_and_forget(reinterpret_cast<uintptr_t>(table_map().at<void>(made.memory.start)),
                   made.memory.size());
}

}  // namespace

Age age() { return chosen; }

Phys phys_offset() {
  const auto* const begin = reinterpret_cast<const void*>(  // NOLINT: an address
      static_cast<uintptr_t>(kPageOffset));
  return Phys{static_cast<uint32_t>(table_map().phys(begin).v)};
}

}  // namespace arm

void arch::choose_age(mm::Road road) {
  using mm::arm::Age;
  arm::chosen = road == mm::Road::Memblock ? Age::Memblock : Age::Bootmem;
}

uint64_t arch::end_of_low() {
  return mm::arm::space_of(arm::chosen, arm::phys_offset()).lowmem_limit().v;
}

mm::Result<> arch::make_page_tables(mm::RelayCore& relay, const loader::Handoff& handoff,
                                    bool small_pages, const mm::Printer& out) {
  using namespace arm;  // NOLINT: one function, all about those
  const mm::Arm32Space space = space_of(chosen, phys_offset());
  // As the loader's tables have it: write-allocate and shared.
  MemTypes types = build_mem_type_table({.smp = true, .tex_remap = false});
  made.small_pages = small_pages;
  if (small_pages)
    types.entries[static_cast<size_t>(MemType::MemoryRwx)] = types[MemType::MemoryRw];
  say_memory_policy(chosen, types, out);
  made.banks = BATON_TRY(find_banks(chosen, space, relay.e820().entries(), bank_room, out));
  BATON_TRY(find_others());
  const auto* const segments =
      table_map().at<const loader::HandoffSegment>(Phys{handoff.segments.address});
  const Range text = note_image({segments, handoff.segments.count});
  const Phys page = place_of(vectors);
  const PagingPlan plan{.space = space,
                        .banks = banks(),
                        .kernel_executable = text,
                        .vectors = {page, page + mm::kPageSize},
                        .map_io = std::span(map_room).first(made.descriptions),
                        .kept = {}};
  // Four frames for the root, as aligned; two for each piece of the image that borders cut.
  const uint64_t frames = tables_for(chosen, plan) + 2 * 4 - 1 + 2 * read_only_count +
                          (small_pages ? lowmem_pmds(space) : 0);
  const Phys start = BATON_TRY(relay.boot_alloc(frames * mm::kPageSize, "PGDIR"));
  made.memory = {start, start + frames * mm::kPageSize};
  made.root = mm::align_up(start, mm::kPgdirSize);
  made.next = made.root + mm::kPgdirSize;
  Tables to = tables();
  to.clear_all();
  BATON_TRY(paging_init(to, plan, types));
  BATON_TRY(cut_borders(to, space));
  if (small_pages) BATON_TRY(cut_lowmem(to, space));
  publish();
  set_page_root(made.root.v);
  share_upper_half(handoff.runtime_root);
  narrow::open_kmap();
  print_layout(chosen, plan, out);
  return {};
}

// Lowmem is not run, and the kernel's text and constants are not written there.
mm::Result<> arch::tighten_page_tables() {
  using namespace arm;  // NOLINT: one function, all about those
  const mm::Arm32Space space = space_of(chosen, phys_offset());
  Tables in_use = tables();
  const auto low = [&](Range range) {
    return mm::VirtualRange{space.virt(range.start), space.virt(range.end)};
  };
  for (const mm::Bank& bank : banks()) {
    if (bank.highmem || made.small_pages) continue;
    BATON_TRY(in_use.set_rights(low(bank.range), true, false));
  }
  for (const Range& range : std::span(read_only).first(read_only_count)) {
    if (range.end <= space.lowmem_limit()) BATON_TRY(in_use.set_rights(low(range), false, false));
  }
  publish();
  forget_all_pages();
  return {};
}

}  // namespace kernel
