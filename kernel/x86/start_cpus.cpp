// The other CPUs: INIT and start-up commands to all of them at once (Intel SDM vol. 3A, section
// 9.4), or the firmware's mailbox for one after the other (ACPI 6.5 section 5.2.12.19).
#include "kernel/x86/start_cpus.h"

#include <algorithm>
#include <cstring>

#include "cpu_local.h"
#include "kernel/arch.h"
#include "kernel/page_walk.h"
#include "kernel/x86/clock.h"
#include "kernel/x86/control.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/descriptors.h"
#include "kernel/x86/local_apic.h"
#include "kernel/x86/machine_check.h"
#include "kernel/x86/vector_runs.h"
#include "start_tables.h"

// Names that trampoline.S has too. NOLINTBEGIN(readability-identifier-naming)
extern "C" {
extern char trampoline_start[], trampoline_long[], trampoline_fields[], trampoline_end[];
constinit uintptr_t secondary_root = 0;
constinit kernel::Cpu* secondary_cpus = nullptr;
constinit uint32_t secondary_count = 0;
constinit uintptr_t secondary_stride = sizeof(kernel::Cpu);
[[noreturn]] void secondary_start(uint32_t number);
}
// NOLINTEND(readability-identifier-naming)

namespace kernel::x86 {
namespace {

static_assert(offsetof(Cpu, id) == 0 && offsetof(Cpu, number) == 4);

constexpr uint64_t kInitMicroseconds = 10'000, kStartUpMicroseconds = 200;
// How long nobody may have come before the rest are given up. A host that is busy lets its guests'
// CPUs wait, too.
constexpr uint64_t kPatience = 5'000'000;

constinit ControlState boot_control;

size_t offset(const char* label) { return static_cast<size_t>(label - trampoline_start); }

void wait(uint64_t microseconds) {
  const uint64_t start = arch::microseconds();
  while (arch::microseconds() - start < microseconds) arch::relax();
}

// Whoever comes first: the CPU, that it is here, or we, that we wait no more.
bool settle(Cpu& cpu, CpuState state) {
  CpuState starting = CpuState::Starting;
  return __atomic_compare_exchange(&cpu.state, &starting, &state, false, __ATOMIC_ACQ_REL,
                                   __ATOMIC_ACQUIRE);
}

size_t count_starting(std::span<const Cpu> cpus) {
  return static_cast<size_t>(std::count_if(cpus.begin(), cpus.end(), [](const Cpu& cpu) {
    return state_of(cpu) == CpuState::Starting;
  }));
}

void wait_for(std::span<const Cpu> cpus) {
  size_t left = count_starting(cpus);
  for (uint64_t since = arch::microseconds();
       left != 0 && arch::microseconds() - since < kPatience;) {
    const size_t now = count_starting(cpus);
    if (now != left) since = arch::microseconds();
    left = now;
    arch::relax();
  }
}

// Page tables below 4 GiB, where a CPU in real mode can load them: the kernel's half, and the
// trampoline's page at its own address, where alone code may run.
class StartTables {
 public:
  StartTables(const mm::DirectMap& map, const arch::Frames& frames) : map_(map), frames_(frames) {}
  ~StartTables() {
    for (size_t i = 0; i < count_; ++i) frames_.give(frames_.context, mm::pfn_down(tables_[i]));
  }
  StartTables(const StartTables&) = delete;
  StartTables& operator=(const StartTables&) = delete;

  mm::Result<mm::Phys> make(mm::Phys page) {
    constexpr uint64_t kPresentWritable = 3;
    const size_t levels = levels_in_use();
    while (count_ < levels) {
      const mm::PagesOr frame =
          frames_.take(frames_.context, kBelow4GiB | mm::kGfpFlagZero, mm::NodeId{0});
      if (!frame) return mm::Error{"no memory below 4 GiB for page tables", "AP TRAMPOLINE"};
      tables_[count_++] = mm::phys(frame.value());
    }
    copy_kernels_part(map_, mm::Phys{secondary_root}, tables_[0]);
    for (size_t i = 0; i + 1 < levels; ++i) {
      const uint64_t rights = i == 0 ? root_rights() : kPresentWritable;
      put_entry(map_, tables_[i], 0, tables_[i + 1].v | rights);
    }
    put_entry(map_, tables_[levels - 1], static_cast<size_t>(page.v / mm::kPageSize),
              page.v | kPresentWritable);
    return tables_[0];
  }

 private:
  const mm::DirectMap& map_;
  const arch::Frames& frames_;
  std::array<mm::Phys, 5> tables_{};
  size_t count_ = 0;
};

void fill_trampoline(uint8_t* page, mm::Phys at, mm::Phys root) {
  std::memcpy(page, trampoline_start, offset(trampoline_end));
  TrampolineFields fields;
  std::memcpy(&fields, page + offset(trampoline_fields), sizeof fields);
  fields.gdt += static_cast<uint32_t>(at.v);
  fields.far += static_cast<uint32_t>(at.v);
  fields.root = static_cast<uint32_t>(root.v);
  fields.cr4 = static_cast<uint32_t>(boot_control.cr4 & (kCr4Pse | kCr4Pae | kCr4La57));
  fields.efer = static_cast<uint32_t>(boot_control.efer & kStartEfer);
  fields.cr0 = static_cast<uint32_t>(boot_control.cr0);
  std::memcpy(page + offset(trampoline_fields), &fields, sizeof fields);
}

// What only one CPU can count.
void finish_measuring() {
  settle_clock();
  measure_timer();
}

void start_by_commands(std::span<Cpu> cpus, mm::Phys page) {
  const auto to_each = [&](Delivery delivery, uint8_t vector) {
    for (const Cpu& cpu : cpus) {
      if (state_of(cpu) == CpuState::Starting) (void)send_command(cpu.id, delivery, vector);
    }
  };
  to_each(Delivery::Init, 0);
  wait(kInitMicroseconds);
  finish_measuring();
  to_each(Delivery::StartUp, start_up_vector(page.v));
  wait(kStartUpMicroseconds);
  // Again, to who did not come: one that runs already takes no notice.
  to_each(Delivery::StartUp, start_up_vector(page.v));
}

// The firmware clears the command when a CPU has taken it.
struct Mailbox {
  uint16_t command, reserved;
  uint32_t apic_id;
  uint64_t vector;
};
constexpr uint16_t kWakeUp = 1;

void start_by_mailbox(std::span<Cpu> cpus, Mailbox& mailbox, mm::Phys page) {
  finish_measuring();
  for (Cpu& cpu : cpus) {
    if (state_of(cpu) != CpuState::Starting) continue;
    mailbox.apic_id = cpu.id;
    mailbox.vector = page.v + offset(trampoline_long);
    __atomic_store_n(&mailbox.command, kWakeUp, __ATOMIC_RELEASE);
    const uint64_t start = arch::microseconds();
    while (__atomic_load_n(&mailbox.command, __ATOMIC_ACQUIRE) != 0 &&
           arch::microseconds() - start < kPatience) {
      arch::relax();
    }
    uint16_t untaken = kWakeUp;
    __atomic_compare_exchange_n(&mailbox.command, &untaken, uint16_t{0}, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
    if (untaken == kWakeUp) (void)settle(cpu, CpuState::Silent);
  }
}

}  // namespace
}  // namespace kernel::x86

namespace kernel::arch {

bool reaches_cpu(uint32_t id) { return x86::has_local_apic() && x86::apic_reaches(id); }

mm::Result<> prepare_cpu(const Cpu& cpu, const Frames& frames) {
  return x86::make_area(cpu.number, cpu.node, frames);
}

mm::Result<> start_cpus(std::span<Cpu> cpus, const StartFacts& facts, const Frames& frames) {
  using namespace x86;  // NOLINT: one function, all about it
  if (facts.trampoline == mm::Phys{0}) {
    return mm::Error{"no page below 1 MiB was free for it", "AP TRAMPOLINE"};
  }
  if (facts.mailbox != mm::Phys{0} && !kMailboxStarts) {
    return mm::Error{"it wakes CPUs in long mode only", "multiprocessor wakeup mailbox"};
  }
  boot_control = read_control();
  secondary_root = static_cast<uintptr_t>(read_cr3());
  secondary_cpus = cpus.data();
  secondary_count = static_cast<uint32_t>(cpus.size());
  const mm::DirectMap& map = table_map();
  StartTables tables(map, frames);
  const mm::Phys root = BATON_TRY(tables.make(facts.trampoline));
  fill_trampoline(map.at<uint8_t>(facts.trampoline), facts.trampoline, root);
  if (facts.mailbox != mm::Phys{0}) {
    // Nobody else has the boot CPU's part of the window.
    const uint64_t in_page = facts.mailbox.v % mm::kPageSize;
    if (!PageTables::map_page(kAreaBase, mm::align_down(facts.mailbox, mm::kPageSize), 0, frames)) {
      return mm::Error{"no memory to map it", "multiprocessor wakeup mailbox"};
    }
    start_by_mailbox(cpus, *reinterpret_cast<Mailbox*>(static_cast<uintptr_t>(kAreaBase + in_page)),
                     facts.trampoline);
    PageTables::unmap_page(kAreaBase);
  } else {
    start_by_commands(cpus, facts.trampoline);
  }
  wait_for(cpus);
  for (Cpu& cpu : cpus) (void)settle(cpu, CpuState::Silent);
  return {};
}

void interrupt_cpu(const Cpu& cpu) {
  (void)x86::send_command(cpu.id, x86::Delivery::Fixed, x86::kCallVector);
}

}  // namespace kernel::arch

void secondary_start(uint32_t number) {
  using namespace kernel;  // NOLINT: one function, all about it
  x86::load_descriptors(number);
  x86::local_of(number).found = x86::read_control();
  x86::apply_control(x86::boot_control);
  x86::leave_cet();
  x86::enable_vectors();
  x86::enable_local_apic();
  (void)x86::open_banks();
  Cpu& cpu = secondary_cpus[number];
  if (!x86::settle(cpu, CpuState::Online)) arch::stop_cpu();
  secondary_main(cpu);
}
