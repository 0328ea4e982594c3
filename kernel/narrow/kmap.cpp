#include "kernel/narrow/kmap.h"

#include <array>

#include "kernel/highmem.h"
#include "kernel/page_walk.h"
#include "kernel/policy.h"
#include "kernel/smp/cpus.h"
#include "kmap_entry.h"
#include "mm/types.h"

namespace kernel::narrow {
namespace {

constexpr size_t kSlots = 512;

alignas(mm::kPageSize) constinit KmapTable pkmap_table{};
alignas(mm::kPageSize) constinit KmapTable fixmap_table{};
// What is in use: those, or what is there already.
constinit KmapSlots pkmap;
constinit KmapSlots fixmap;

// Of the kernel's own image.
mm::Phys place_of(const void* at) {
  const auto virt = reinterpret_cast<uintptr_t>(at);
  const auto mapping = arch::find_mapping(virt);
  return mm::Phys{mapping->phys + (virt - mapping->virt)};
}

void* address_of(uint64_t window, size_t slot) {
  return reinterpret_cast<void*>(  // NOLINT: the window's
      static_cast<uintptr_t>(window + slot * mm::kPageSize));
}

// How many want the page in a slot of pkmap: -1: nobody does, but a CPU may still translate it.
constinit std::array<int32_t, kSlots> wanted{};
constinit size_t next_pkmap = 0;
constinit SpinLock<LockRank::Findings> lock;

std::optional<size_t> slot_of(mm::Phys page) {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (pkmap.page(slot) == page) return slot;
  }
  return std::nullopt;
}

// flush_all_zero_pkmaps(): the slots that nobody wants can be used again. False: a CPU did not
// forget them.
bool flush() {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (wanted[slot] < 0) pkmap.clear(slot);
  }
  KmapSlots::forget_all();
  const unsigned missing = call_others([](void*, unsigned) { return true; },
                                       [](void*) { KmapSlots::forget_all(); }, nullptr);
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
constexpr size_t kMostCpus = KmapSlots::kFixmapSlots / arch::kShortMappings;
constinit std::array<Own, kMostCpus> owns{};

}  // namespace

void open_kmap() {
  pkmap = install(pkmap_table, place_of(pkmap_table.data()), KmapSlots::pkmap());
  fixmap = install(fixmap_table, place_of(fixmap_table.data()), KmapSlots::fixmap());
  owns = {};
}

void* kmap(mm::Phys page) {
  const Held held(lock);
  auto slot = slot_of(page);
  if (!slot) {
    slot = free_slot();
    if (!slot) return nullptr;
    pkmap.set(*slot, page);
  }
  wanted[*slot] = wanted[*slot] < 0 ? 1 : wanted[*slot] + 1;
  return address_of(KmapSlots::pkmap(), *slot);
}

bool kunmap(mm::Phys page) {
  const Held held(lock);
  const auto slot = slot_of(page);
  if (!slot || wanted[*slot] <= 0) return false;
  if (--wanted[*slot] == 0) wanted[*slot] = -1;
  return true;
}

}  // namespace kernel::narrow

void* kernel::arch::map_for_a_moment(mm::Phys page) {
  using namespace narrow;  // NOLINT: one function, all about it
  const bool on = mask_interrupts();
  const unsigned cpu = this_cpu();
  Own& own = owns[cpu];
  size_t slot = 0;
  while (slot < kShortMappings && own.pages[slot] != page.v) ++slot;
  void* virt = nullptr;
  if (slot < kShortMappings) {
    virt = address_of(KmapSlots::fixmap(), cpu * kShortMappings + slot);
  } else {
    slot = own.next;
    own.next = (own.next + 1) % kShortMappings;
    own.pages[slot] = page.v;
    virt = address_of(KmapSlots::fixmap(), cpu * kShortMappings + slot);
    fixmap.replace(cpu * kShortMappings + slot, page, reinterpret_cast<uintptr_t>(virt));
  }
  restore_interrupts(on);
  return virt;
}
