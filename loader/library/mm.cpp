// mm/ by a C ABI (include/baton/mm.h).
//
// What differs between worlds is chosen when this file is compiled: BATON_MM_ONE_CPU, for programs of one
// thread and kernels of one CPU; otherwise locks spin, and with BATON_MM_MASKS the kernel's own
// baton_mm_mask() and baton_mm_unmask() keep interrupts out.
#include "include/baton/mm.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <span>
#include <string_view>

#include "loader/efi_memory_map.h"
#include "mm/audit.h"
#include "mm/platform.h"
#include "mm/policy.h"
#include "mm/relay.h"
#include "mm/relay_ledger.h"
#include "mm/show.h"

namespace baton_library {
namespace {

using mm::Error;
using mm::Phys;
using mm::Result;

#ifdef BATON_MM_ONE_CPU
using Policy = mm::OneCpu;
#else
struct Policy : mm::ManyCpus {
  struct Lock {
    void lock() {
      while (!try_lock()) {
        while (__atomic_load_n(&taken, __ATOMIC_RELAXED) != 0) continue;
      }
    }
    bool try_lock() { return __atomic_exchange_n(&taken, 1, __ATOMIC_ACQUIRE) == 0; }
    void unlock() { __atomic_store_n(&taken, 0, __ATOMIC_RELEASE); }
    uint32_t taken = 0;
  };
  class Masked {
   public:
#ifdef BATON_MM_MASKS
    Masked() : before_(baton_mm_mask()) {}
    ~Masked() { baton_mm_unmask(before_); }
    Masked(const Masked&) = delete;
    Masked& operator=(const Masked&) = delete;

   private:
    uintptr_t before_;
#else
    Masked() {}   // NOLINT: not defaulted, so that a variable of it does not count as unused
    ~Masked() {}  // NOLINT
#endif
  };
};
#endif

// Where lines go: the setup's, which itself may be gone.
struct Log {
  void (*print)(void* context, const char* text, size_t length);
  void* context;
};

struct Allocator {
  Allocator(const mm::Platform& platform, const mm::DirectMap& map, const Log& given)
      : log(given), relay(platform, map, out()) {}

  [[nodiscard]] mm::Printer out() const {
    if (log.print == nullptr) return {};
    return {[](void* context, std::string_view text) {
              const Log& to = *static_cast<const Log*>(context);
              to.print(to.context, text.data(), text.size());
            },
            const_cast<Log*>(&log)};  // NOLINT: it is only read
  }

  Log log;
  mm::Relay<Policy> relay;
  mm::FirmwareRam firmware;
};

Allocator& own(baton_mm* mm) { return *reinterpret_cast<Allocator*>(mm); }  // NOLINT
const Allocator& own(const baton_mm* mm) {
  return *reinterpret_cast<const Allocator*>(mm);
}  // NOLINT

int say(baton_mm_error* error, int code, const Error& why) {
  if (error != nullptr) {
    error->code = code;
    mm::format(error->text, "{}", why);
  }
  return code;
}
int say(baton_mm_error* error, int code, const Result<>& result) {
  return result.ok() ? BATON_MM_OK : say(error, code, result.error());
}

// What the allocator itself lies in, as long as it lives.
constexpr std::string_view kOwnNames[] = {"NODE_DATA", "MEMMAP", "PER_CPU", "LAYOUT", "EARLY_RES"};
std::string_view name_of(const mm::Reservation& one) {
  const auto* const end = std::find(std::begin(one.name), std::end(one.name), '\0');
  return {one.name, static_cast<size_t>(end - one.name)};
}
bool is_allocators(std::string_view name) {
  return std::find(std::begin(kOwnNames), std::end(kOwnNames), name) != std::end(kOwnNames);
}

// The setup and what it leads to: behind the allocator lie the nodes' memory and the map, put in order.
class Setup {
 public:
  explicit Setup(const baton_mm_setup& given) : given_(given) {}

  [[nodiscard]] Result<> check() const {
    if (given_.size < sizeof(given_)) {
      return Error{"is of another version (bytes {}, wanted {})", "setup", given_.size,
                   sizeof(given_)};
    }
    if ((given_.e820_count != 0) == (given_.efi_map_size != 0)) {
      return Error{"is to be given in one form, e820 or the firmware's", "setup: the map"};
    }
    if (given_.machine > BATON_MM_ARM) {
      return Error{"is not known (machine {})", "setup: the kind of machine", given_.machine};
    }
    const bool narrow = given_.machine == BATON_MM_IA32 || given_.machine == BATON_MM_ARM;
    if (narrow != (given_.end_of_low != 0)) {
      return Error{"is for machines of 32 bits, which must have it (given {:#x})",
                   "setup: end_of_low", given_.end_of_low};
    }
    for (const mm::Reservation& one : reservations()) {
      if (is_allocators(name_of(one))) {
        return Error{"is a name of the allocator's own", static_cast<const char*>(one.name)};
      }
    }
    for (const baton_mm_affinity& one : affinities()) {
      if (one.node >= mm::kMaxNodes) {
        return Error{"is too high (node {}, most {})", "setup: a node", one.node,
                     mm::kMaxNodes - 1};
      }
    }
    return given_.efi_map_size == 0 ? Result<>() : efi_map().check();
  }

  [[nodiscard]] size_t bytes() const {
    return sizeof(Allocator) + given_.affinity_count * sizeof(mm::MemoryAffinity) +
           entries() * sizeof(mm::E820Entry);
  }

  [[nodiscard]] mm::Platform platform() const {
    switch (given_.machine) {
      case BATON_MM_AARCH64:
        return mm::aarch64_platform();
      case BATON_MM_IA32:
        return mm::ia32_platform(end_of_low());
      case BATON_MM_ARM:
        return mm::arm_platform(end_of_low());
      default:
        return mm::x86_64_platform();
    }
  }
  [[nodiscard]] mm::DirectMap map() const {
    return mm::DirectMap(static_cast<uintptr_t>(given_.direct_map));
  }
  [[nodiscard]] Log log() const { return {given_.print, given_.print_context}; }

  Result<> open(Allocator& allocator, std::span<uint8_t> room) const {
    auto* const memory = reinterpret_cast<mm::MemoryAffinity*>(room.data());  // NOLINT: aligned
    mm::NumaInput numa;
    for (size_t i = 0; i < given_.affinity_count; ++i) {
      const baton_mm_affinity& one = given_.affinities[i];
      new (memory + i)
          mm::MemoryAffinity{static_cast<mm::NodeId>(one.node), {Phys{one.start}, Phys{one.end}}};
      numa.named.set(static_cast<mm::NodeId>(one.node));
    }
    numa.memory = {memory, given_.affinity_count};
    auto* const entries_at =
        reinterpret_cast<mm::E820Entry*>(memory + given_.affinity_count);  // NOLINT
    mm::E820Table e820({entries_at, entries()});
    BATON_TRY(read_map(e820, allocator.out()));
    auto& relay = allocator.relay;
    BATON_TRY(relay.take_over(e820.entries(), reservations(), Phys{mm::kMaxPhys}, end_of_low()));
    const std::span<const mm::E820Entry> entries = e820.entries();
    allocator.firmware = mm::account_firmware_ram(mm::claims_of(entries), relay.e820());
    return relay.finish({.numa = numa, .cpus = given_.cpus});
  }

 private:
  [[nodiscard]] std::span<const baton_mm_affinity> affinities() const {
    return {given_.affinities, given_.affinity_count};
  }
  [[nodiscard]] loader::EfiMemoryMap efi_map() const {
    return {{static_cast<const std::byte*>(given_.efi_map), given_.efi_map_size},
            given_.efi_descriptor_size};
  }
  [[nodiscard]] size_t entries() const {
    const size_t given = given_.efi_map_size != 0 ? efi_map().count() : given_.e820_count;
    return mm::E820Table::capacity_for(given);
  }
  [[nodiscard]] Phys end_of_low() const {
    return Phys{given_.end_of_low == 0 ? mm::kMaxPhys : given_.end_of_low};
  }
  // The same struct, with other names.
  [[nodiscard]] std::span<const mm::Reservation> reservations() const {
    static_assert(sizeof(baton_reservation) == sizeof(mm::Reservation));
    return {reinterpret_cast<const mm::Reservation*>(given_.reservations),  // NOLINT
            given_.reservation_count};
  }
  Result<> read_map(mm::E820Table& e820, const mm::Printer& findings) const {
    if (given_.efi_map_size != 0) return loader::add_to_e820(efi_map(), e820, findings);
    mm::E820Batch batch(e820);
    for (size_t i = 0; i < given_.e820_count; ++i) {
      const baton_e820_entry& entry = given_.e820[i];
      BATON_TRY(batch.append({Phys{entry.start}, Phys{entry.end}},
                             static_cast<mm::E820Type>(entry.type)));
    }
    batch.finish();
    return {};
  }

  const baton_mm_setup& given_;
};

mm::Gfp gfp_of(unsigned flags) {
  mm::Gfp gfp = (flags & BATON_MM_ATOMIC) != 0 ? mm::kGfpAtomic : mm::kGfpKernel;
  gfp = gfp | mm::kGfpFlagNoWarn;  // nobody hears a report, which costs much to put together
  if ((flags & BATON_MM_DMA) != 0) gfp = gfp | mm::kGfpFlagDma;
  if ((flags & BATON_MM_DMA32) != 0) gfp = gfp | mm::kGfpFlagDma32;
  if ((flags & BATON_MM_HIGHMEM) != 0) gfp = gfp | mm::kGfpFlagHighMem;
  if ((flags & BATON_MM_MOVABLE) != 0) gfp = gfp | mm::kGfpFlagMovable;
  if ((flags & BATON_MM_ZERO) != 0) gfp = gfp | mm::kGfpFlagZero;
  if ((flags & BATON_MM_THIS_NODE) != 0) gfp = gfp | mm::kGfpFlagThisNode;
  return gfp;
}

int give(const mm::PagesOr& pages, uint64_t* physical) {
  if (pages.ok()) {
    *physical = mm::phys(pages.value()).v;
    return BATON_MM_OK;
  }
  return pages.failure() == mm::PagesOr::Failure::NoMemory ? BATON_MM_NO_MEMORY
                                                           : BATON_MM_BAD_REQUEST;
}

constexpr unsigned kKnownFlags = 127;

// Numbers of a caller's that the allocator itself does not look at.
bool can_ask(const Allocator& allocator, unsigned cpu, unsigned node, unsigned flags) {
  const auto& pages = allocator.relay.pages();
  // Of what nothing maps nothing can be filled.
  const bool can_fill = (flags & BATON_MM_ZERO) == 0 || (flags & BATON_MM_HIGHMEM) == 0;
  return (flags & ~kKnownFlags) == 0 && can_fill && cpu < pages.cpus() && pages.cpu_online(cpu) &&
         node < pages.node_count();
}

Result<mm::PfnRange> frames_of(uint64_t start, uint64_t end) {
  if (start % BATON_MM_PAGE != 0 || end % BATON_MM_PAGE != 0 || start >= end ||
      end > mm::kMaxPhys) {
    return Error{"is none of whole pages (start {:#x}, end {:#x})", "range", start, end};
  }
  return mm::PfnRange{mm::pfn_down(Phys{start}), mm::pfn_down(Phys{end})};
}

template <class Do>
int with_range(baton_mm* mm, unsigned cpu, uint64_t start, uint64_t end, int code,
               baton_mm_error* error, Do act) {
  const auto frames = frames_of(start, end);
  if (!frames.ok()) return say(error, BATON_MM_BAD_REQUEST, frames.error());
  if (!can_ask(own(mm), cpu, 0, 0)) {
    return say(error, BATON_MM_BAD_REQUEST, Error{"was not started (CPU {})", "cpu", cpu});
  }
  return say(error, code, act(own(mm).relay.pages(), frames.value()));
}

template <class Free>
int free_by(baton_mm* mm, unsigned cpu, uint64_t physical, baton_mm_error* error, Free free) {
  if (physical % BATON_MM_PAGE != 0) {
    return say(error, BATON_MM_BAD_FREE, Error{"is no page's address ({:#x})", "free", physical});
  }
  if (!can_ask(own(mm), cpu, 0, 0)) {
    return say(error, BATON_MM_BAD_REQUEST, Error{"was not started (CPU {})", "cpu", cpu});
  }
  return say(error, BATON_MM_BAD_FREE,
             free(own(mm).relay.pages(), mm::pfn_down(Phys{physical})).result());
}

}  // namespace
}  // namespace baton_library

using namespace baton_library;  // NOLINT: what follows is the library

extern "C" {

void baton_mm_defaults(baton_mm_setup* setup, size_t size) {
  std::memset(setup, 0, size);
  setup->size = static_cast<uint32_t>(size);
  setup->cpus = 1;
}

size_t baton_mm_size(const baton_mm_setup* setup) { return Setup(*setup).bytes(); }

int baton_mm_open(void* place, size_t size, const baton_mm_setup* setup, baton_mm** mm,
                  baton_mm_error* error) {
  const Setup given(*setup);
  if (const Result<> good = given.check(); !good.ok()) {
    return say(error, BATON_MM_BAD_SETUP, good.error());
  }
  if (place == nullptr || reinterpret_cast<uintptr_t>(place) % 64 != 0 || size < given.bytes()) {
    return say(error, BATON_MM_BAD_SETUP,
               Error{"is too small or not aligned to 64 (bytes {}, needed {})", "the place", size,
                     given.bytes()});
  }
  auto* const allocator = new (place) Allocator(given.platform(), given.map(), given.log());
  const std::span room(static_cast<uint8_t*>(place) + sizeof(Allocator), size - sizeof(Allocator));
  const Result<> opened = given.open(*allocator, room);
  if (!opened.ok()) return say(error, BATON_MM_BAD_SETUP, opened.error());
  *mm = static_cast<baton_mm*>(place);
  return BATON_MM_OK;
}

int baton_mm_start_cpu(baton_mm* mm, unsigned cpu, unsigned node, baton_mm_error* error) {
  return say(
      error, BATON_MM_BAD_REQUEST,
      own(mm).relay.pages().start_cpu(cpu, static_cast<mm::NodeId>(std::min(node, 0xffffU))));
}

int baton_mm_alloc(baton_mm* mm, unsigned cpu, unsigned order, unsigned node, unsigned flags,
                   uint64_t* physical) {
  if (!can_ask(own(mm), cpu, node, flags)) return BATON_MM_BAD_REQUEST;
  return give(
      own(mm).relay.pages().alloc_pages(cpu, gfp_of(flags), order, static_cast<mm::NodeId>(node)),
      physical);
}
int baton_mm_try_alloc(baton_mm* mm, unsigned cpu, unsigned order, unsigned node, unsigned flags,
                       uint64_t* physical) {
  if (!can_ask(own(mm), cpu, node, flags)) return BATON_MM_BAD_REQUEST;
  return give(own(mm).relay.pages().try_alloc_pages(cpu, gfp_of(flags), order,
                                                    static_cast<mm::NodeId>(node)),
              physical);
}

int baton_mm_free(baton_mm* mm, unsigned cpu, uint64_t physical, unsigned order,
                  baton_mm_error* error) {
  return free_by(mm, cpu, physical, error,
                 [&](auto& pages, mm::Pfn pfn) { return pages.free_pages(cpu, pfn, order); });
}
int baton_mm_try_free(baton_mm* mm, unsigned cpu, uint64_t physical, unsigned order,
                      baton_mm_error* error) {
  return free_by(mm, cpu, physical, error,
                 [&](auto& pages, mm::Pfn pfn) { return pages.try_free_pages(cpu, pfn, order); });
}

int baton_mm_alloc_at(baton_mm* mm, unsigned cpu, uint64_t start, uint64_t end,
                      baton_mm_error* error) {
  return with_range(
      mm, cpu, start, end, BATON_MM_BUSY, error,
      [&](auto& pages, mm::PfnRange frames) { return pages.alloc_contig_range(cpu, frames); });
}
int baton_mm_free_range(baton_mm* mm, unsigned cpu, uint64_t start, uint64_t end,
                        baton_mm_error* error) {
  return with_range(mm, cpu, start, end, BATON_MM_BAD_FREE, error,
                    [&](auto& pages, mm::PfnRange frames) {
                      return pages.free_contig_range(cpu, frames).result();
                    });
}

uint64_t* baton_mm_word(baton_mm* mm, uint64_t physical) {
  if (physical % BATON_MM_PAGE != 0) return nullptr;
  return own(mm).relay.pages().owners_word(mm::pfn_down(Phys{physical}));
}

int baton_mm_give_back(baton_mm* mm, const char* name, baton_mm_error* error) {
  if (is_allocators(mm::text_of(name))) {
    return say(error, BATON_MM_BAD_REQUEST, Error{"is the allocator's own", name});
  }
  const auto frames = own(mm).relay.give_back(name);
  return frames.ok() ? BATON_MM_OK : say(error, BATON_MM_BAD_REQUEST, frames.error());
}

void baton_mm_drain(baton_mm* mm, unsigned cpu) {
  if (can_ask(own(mm), cpu, 0, 0)) own(mm).relay.pages().drain(cpu);
}

int baton_mm_count(const baton_mm* mm, unsigned node, baton_mm_counts* counts) {
  const auto& pages = own(mm).relay.pages();
  if (node != BATON_MM_ALL_NODES && node >= pages.node_count()) return BATON_MM_BAD_REQUEST;
  const mm::ZoneCounts found = node == BATON_MM_ALL_NODES
                                   ? pages.counts()
                                   : pages.node_counts(static_cast<mm::NodeId>(node));
  *counts = {found.spanned, found.present,      found.managed,
             found.free,    found.on_cpu_lists, found.allocated()};
  return BATON_MM_OK;
}

size_t baton_mm_explain(const baton_mm* mm, uint64_t physical, char* text, size_t size) {
  const auto& relay = own(mm).relay;
  const std::span<char> out(text, size);
  if (physical >= mm::kMaxPhys) return mm::format(out, "no address of physical memory");
  const Phys address{physical};
  if (const mm::Reservation* r = relay.reservations().find(address)) {
    return mm::format(out, "reserved: {}", static_cast<const char*>(r->name));
  }
  const mm::FrameOwner owner = relay.pages().owner_of(mm::pfn_down(address));
  if (owner.use == mm::FrameUse::Allocated) {
    return mm::format(out, "{}: order {} at {:#x}, node {}", mm::words_of(owner.use), owner.order,
                      mm::phys(owner.block).v, owner.node);
  }
  return mm::format(out, "{}", mm::words_of(owner.use));
}

int baton_mm_audit(const baton_mm* mm, baton_mm_error* error) {
  return say(error, BATON_MM_INCONSISTENT, mm::audit(own(mm).relay.pages()));
}

int baton_mm_ledger(const baton_mm* mm, baton_mm_error* error) {
  const Allocator& allocator = own(mm);
  return say(error, BATON_MM_INCONSISTENT,
             mm::close_ledger(allocator.relay, allocator.relay.pages(),
                              {.firmware = allocator.firmware}, allocator.out()));
}

}  // extern "C"
