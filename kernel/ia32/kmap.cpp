#include "kernel/ia32/kmap.h"

#include <array>

#include "kernel/highmem.h"
#include "kernel/ia32/space.h"
#include "kernel/page_walk.h"
#include "kernel/policy.h"
#include "kernel/smp/cpus.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/page_bits.h"
#include "mm/types.h"

namespace kernel::ia32 {
namespace {

constexpr size_t kSlots = mm::kPageSize / sizeof(uint64_t);
static_assert(kPkmap.size == kSlots * mm::kPageSize && kFixmap.size == kPkmap.size);

using Table = std::array<uint64_t, kSlots>;
alignas(mm::kPageSize) constinit Table pkmap{};
alignas(mm::kPageSize) constinit Table fixmap{};

// Of the kernel's own image.
mm::Phys place_of(const void* at) {
  const auto virt = reinterpret_cast<uintptr_t>(at);
  const auto mapping = arch::find_mapping(virt);
  return mm::Phys{mapping->phys + (virt - mapping->virt)};
}

// The second level's entry of 2 MiB at an address.
uint64_t& directory_entry(uint64_t virt) {
  using x86::PageBits;
  const auto* const root =
      table_map().at<const uint64_t>(mm::Phys{PageBits::address(arch::page_root())});
  const mm::Phys directory{PageBits::address(root[virt >> 30])};
  return table_map().at<uint64_t>(directory)[virt >> 21 & (kSlots - 1)];
}

void install(const Table& table, uint64_t virt) {
  directory_entry(virt) =
      place_of(table.data()).v | x86::PageBits::kPresent | x86::PageBits::kWrite;
}

void* address_of(const Window& window, size_t slot) {
  return reinterpret_cast<void*>(  // NOLINT: the window's
      static_cast<uintptr_t>(window.start + slot * mm::kPageSize));
}

// How many want the page in a slot of pkmap: -1: nobody does, but a CPU may still translate it.
constinit std::array<int32_t, kSlots> wanted{};
constinit size_t next_pkmap = 0;
constinit SpinLock<LockRank::Findings> lock;

std::optional<size_t> slot_of(mm::Phys page) {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const bool there = x86::PageBits::is_present(pkmap[slot]);
    if (there && x86::PageBits::address(pkmap[slot]) == page.v) return slot;
  }
  return std::nullopt;
}

// flush_all_zero_pkmaps(): the slots that nobody wants can be used again. False: a CPU did not
// forget them.
bool flush() {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (wanted[slot] < 0) pkmap[slot] = 0;
  }
  x86::PageBits::forget_all();
  const unsigned missing = call_others([](void*, unsigned) { return true; },
                                       [](void*) { x86::PageBits::forget_all(); }, nullptr);
  if (missing != 0) return false;
  for (int32_t& count : wanted) {
    if (count < 0) count = 0;
  }
  return true;
}

std::optional<size_t> free_slot() {
  for (unsigned round = 0; round < 2; ++round) {
    for (size_t i = 0; i < kSlots; ++i) {
      const size_t slot = next_pkmap;
      next_pkmap = (next_pkmap + 1) % kSlots;
      if (wanted[slot] == 0) return slot;
    }
    if (!flush()) break;
  }
  return std::nullopt;
}

// A CPU's part of fixmap: which slot is the next, and what page each has.
struct Own {
  std::array<uint64_t, arch::kShortMappings> pages{};
  unsigned next = 0;
};
constexpr size_t kMostCpus = kSlots / arch::kShortMappings;
constinit std::array<Own, kMostCpus> owns{};

}  // namespace

void open_kmap() {
  install(pkmap, kPkmap.start);
  install(fixmap, kFixmap.start);
}

void* kmap(mm::Phys page) {
  const Held held(lock);
  auto slot = slot_of(page);
  if (!slot) {
    slot = free_slot();
    if (!slot) return nullptr;
    pkmap[*slot] = x86::PageBits::data(page.v, 1);
  }
  wanted[*slot] = wanted[*slot] < 0 ? 1 : wanted[*slot] + 1;
  return address_of(kPkmap, *slot);
}

bool kunmap(mm::Phys page) {
  const Held held(lock);
  const auto slot = slot_of(page);
  if (!slot || wanted[*slot] <= 0) return false;
  if (--wanted[*slot] == 0) wanted[*slot] = -1;
  return true;
}

}  // namespace kernel::ia32

void* kernel::arch::map_for_a_moment(mm::Phys page) {
  using namespace ia32;  // NOLINT: one function, all about it
  const bool on = mask_interrupts();
  const unsigned cpu = this_cpu();
  Own& own = owns[cpu];
  size_t slot = 0;
  while (slot < kShortMappings && own.pages[slot] != page.v) ++slot;
  void* virt = nullptr;
  if (slot < kShortMappings) {
    virt = address_of(kFixmap, cpu * kShortMappings + slot);
  } else {
    slot = own.next;
    own.next = (own.next + 1) % kShortMappings;
    own.pages[slot] = page.v;
    virt = address_of(kFixmap, cpu * kShortMappings + slot);
    fixmap[cpu * kShortMappings + slot] = x86::PageBits::data(page.v, 1);
    x86::PageBits::forget(reinterpret_cast<uintptr_t>(virt));
  }
  restore_interrupts(on);
  return virt;
}
