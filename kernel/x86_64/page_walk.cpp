#include "kernel/x86_64/page_walk.h"

#include <algorithm>

#include "kernel/x86_64/cpu.h"

namespace kernel {
namespace x86 {
namespace {

constexpr uint64_t kPresent = 1, kWrite = 2, kLarge = 1 << 7, kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kWriteThrough = 1 << 3, kCacheDisable = 1 << 4, kPatSmall = 1 << 7,
                   kPatLarge = 1 << 12;
constexpr uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
constexpr unsigned kEntries = 512;

// Where Linux has its vmemmap (Documentation/arch/x86/x86_64/mm.rst).
constexpr uint64_t kWindow4Level = 0xffff'ea00'0000'0000, kWindow4LevelSize = mm::kTiB;
constexpr uint64_t kWindow5Level = 0xffd4'0000'0000'0000, kWindow5LevelSize = 512 * mm::kTiB;

constinit mm::DirectMap the_map;
constinit uint64_t window_used = 0;  // bytes

unsigned levels() { return (read_cr4() & kCr4La57) != 0 ? 5 : 4; }

// Bits of the address below a table's entry: level 1 entries map 4 KiB.
unsigned shift_of(unsigned level) { return mm::kPageShift + 9 * (level - 1); }

uint64_t canonical(uint64_t virt) {
  const unsigned unused = 64 - shift_of(levels() + 1);
  return static_cast<uint64_t>(static_cast<int64_t>(virt << unused) >> unused);
}

// What the levels above allow.
struct Rights {
  bool write = true, execute = true;
  [[nodiscard]] Rights with(uint64_t entry) const {
    return {write && (entry & kWrite) != 0, execute && (entry & kNoExecute) == 0};
  }
};

bool is_leaf(uint64_t entry, unsigned level) { return level == 1 || (entry & kLarge) != 0; }

// The entry's three bits choose a byte of the PAT (Intel SDM vol. 3A, section 12.12; its table
// 12-10 for the numbers). Every x86-64 CPU has one.
arch::Caching caching_of(uint64_t entry, unsigned level) {
  using enum arch::Caching;
  const uint64_t pat_bit = level == 1 ? kPatSmall : kPatLarge;
  const unsigned index = ((entry & pat_bit) != 0 ? 4u : 0u) |
                         ((entry & kCacheDisable) != 0 ? 2u : 0u) |
                         ((entry & kWriteThrough) != 0 ? 1u : 0u);
  switch (rdmsr(kMsrPat) >> (8 * index) & 7) {
    case 1:
      return WriteCombining;
    case 4:
      return WriteThrough;
    case 5:
      return WriteProtected;
    case 6:
      return WriteBack;
    default:
      return Uncached;
  }
}

arch::Mapping leaf(uint64_t entry, unsigned level, uint64_t virt, Rights rights) {
  const uint64_t size = uint64_t{1} << shift_of(level);
  return {canonical(virt),
          entry & kAddressMask & ~(size - 1),
          size,
          rights.write,
          rights.execute,
          caching_of(entry, level)};
}

const uint64_t* table_at(uint64_t physical) {
  return the_map.at<const uint64_t>(mm::Phys{physical & kAddressMask});
}

struct Walk {
  arch::VisitMapping visit;
  void* context;

  // False: visit() wants no more.
  bool table(uint64_t physical, unsigned level, uint64_t virt, Rights above) const {
    const uint64_t* entries = table_at(physical);
    for (unsigned i = 0; i < kEntries; ++i) {
      const uint64_t entry = entries[i];
      if ((entry & kPresent) == 0) continue;
      const uint64_t at = virt | uint64_t{i} << shift_of(level);
      const Rights rights = above.with(entry);
      const bool more = is_leaf(entry, level) ? visit(context, leaf(entry, level, at, rights))
                                              : table(entry, level - 1, at, rights);
      if (!more) return false;
    }
    return true;
  }
};

// A page of the size that entries of such a level have. Tables that are missing on the way come from
// take(), zeroed; false when it has none (address 0).
template <class Take>
bool map_at(uint64_t virt, mm::Phys page, unsigned leaf_level, Take take) {
  uint64_t table = read_cr3();
  for (unsigned level = levels();; --level) {
    uint64_t& entry = the_map.at<uint64_t>(
        mm::Phys{table & kAddressMask})[virt >> shift_of(level) & (kEntries - 1)];
    if (level == leaf_level) {
      entry = page.v | kPresent | kWrite | (level == 1 ? 0 : kLarge) |
              (arch::has_no_execute() ? kNoExecute : 0);
      return true;
    }
    if ((entry & kPresent) == 0) {
      const mm::Phys next = take();
      if (next == mm::Phys{0}) return false;
      entry = next.v | kPresent | kWrite;
    }
    table = entry;
  }
}

}  // namespace

Leaf find_leaf(uint64_t virt, const mm::DirectMap& tables) {
  uint64_t table = read_cr3();
  for (unsigned level = levels();; --level) {
    auto* const entries = tables.at<uint64_t>(mm::Phys{table & kAddressMask});
    uint64_t& entry = entries[virt >> shift_of(level) & (kEntries - 1)];
    if ((entry & kPresent) == 0) return {};
    if (is_leaf(entry, level)) return {&entry, shift_of(level)};
    table = entry;
  }
}

bool map_page(uint64_t virt, mm::Phys page, mm::NodeId node, const arch::Frames& frames) {
  return map_at(virt, page, 1, [&] {
    const mm::PagesOr frame = frames.take(frames.context, mm::kGfpKernel | mm::kGfpFlagZero, node);
    return frame ? mm::phys(frame.value()) : mm::Phys{0};
  });
}

bool map_range(uint64_t virt, mm::Range pages, const mm::Window::Tables& tables) {
  const auto take = [&] {
    const mm::Phys page = tables.page();
    if (page != mm::Phys{0}) std::fill_n(the_map.at<uint64_t>(page), kEntries, 0);
    return page;
  };
  while (!pages.empty()) {
    const uint64_t large = uint64_t{1} << shift_of(2);
    const bool fits = (virt | pages.start.v) % large == 0 && pages.size() >= large;
    if (!map_at(virt, pages.start, fits ? 2 : 1, take)) return false;
    virt += fits ? large : mm::kPageSize;
    pages.start += fits ? large : mm::kPageSize;
  }
  return true;
}

mm::Phys unmap_page(uint64_t virt) {
  const Leaf leaf = find_leaf(virt, the_map);
  const mm::Phys page{*leaf.entry & kAddressMask};
  *leaf.entry = 0;
  asm volatile("invlpg (%0)" : : "r"(virt) : "memory");
  return page;
}

void set_table_map(const mm::DirectMap& map) { the_map = map; }

const mm::DirectMap& table_map() { return the_map; }

std::optional<arch::Mapping> translate(uint64_t root, uint64_t virt) {
  if (canonical(virt) != virt) return std::nullopt;
  Rights rights;
  uint64_t table = root;
  for (unsigned level = levels(); level >= 1; --level) {
    const uint64_t entry = table_at(table)[virt >> shift_of(level) & (kEntries - 1)];
    if ((entry & kPresent) == 0) return std::nullopt;
    rights = rights.with(entry);
    if (is_leaf(entry, level)) {
      const uint64_t size = uint64_t{1} << shift_of(level);
      return leaf(entry, level, virt & ~(size - 1), rights);
    }
    table = entry;
  }
  return std::nullopt;
}

}  // namespace x86

namespace arch {

// Intel SDM vol. 3A, section 4.2; vol. 1, section 3.3.7.1 for the bits above.
TableLevels table_levels(unsigned paging_levels) {
  static constexpr const char* kNames[] = {"PT", "PD", "PDPT", "PML4", "PML5"};
  return {std::span(kNames).first(paging_levels), paging_levels == 5 ? 56u : 47u};
}

void walk_mappings(VisitMapping visit, void* context) {
  (void)x86::Walk{visit, context}.table(x86::read_cr3(), x86::levels(), 0, {});
}

mm::Window mem_map_window() {
  const auto reserve = [](void*, uint64_t bytes) -> void* {
    const bool five = x86::levels() == 5;
    bytes = mm::align_up(bytes, mm::Window::kLargePiece);
    if (bytes > (five ? x86::kWindow5LevelSize : x86::kWindow4LevelSize) - x86::window_used) {
      return nullptr;
    }
    const uint64_t start = (five ? x86::kWindow5Level : x86::kWindow4Level) + x86::window_used;
    x86::window_used += bytes;
    return reinterpret_cast<void*>(start);  // NOLINT: addresses that are nobody's
  };
  const auto map = [](void*, void* at, mm::Range frames, const mm::Window::Tables& tables) {
    return x86::map_range(reinterpret_cast<uintptr_t>(at), frames, tables);
  };
  return {.reserve = reserve, .map = map};
}

bool make_data(mm::Range range) {
  const bool nx = has_no_execute();
  for (mm::Phys at = range.start; at < range.end;) {
    const x86::Leaf leaf = x86::find_leaf(at.v, x86::the_map);
    const uint64_t size = uint64_t{1} << (leaf.entry == nullptr ? mm::kPageShift : leaf.shift);
    const mm::Range page{mm::align_down(at, size), mm::align_down(at, size) + size};
    at = page.end;
    if (leaf.entry == nullptr) continue;
    const uint64_t wanted = *leaf.entry | x86::kWrite | (nx ? x86::kNoExecute : 0);
    if (wanted == *leaf.entry) continue;
    if (!range.contains(page)) return false;
    *leaf.entry = wanted;
  }
  x86::write_cr3(x86::read_cr3());  // forget the old translations
  return true;
}

std::optional<Mapping> find_mapping(uint64_t virt) { return x86::translate(x86::read_cr3(), virt); }

std::optional<mm::Phys> first_unmapped(const void* base, mm::Range range) {
  const auto zero = reinterpret_cast<uint64_t>(base);
  for (mm::Phys at = range.start; at < range.end;) {
    const auto mapping = find_mapping(zero + at.v);
    if (!mapping) return at;
    at = mm::Phys{mapping->virt + mapping->size - zero};
  }
  return std::nullopt;
}

bool is_mapped(const void* base, mm::Range range) {
  return !first_unmapped(base, range).has_value();
}

}  // namespace arch
}  // namespace kernel
