#include "kernel/bsa/gic.h"

#include "bsa_registers.h"
#include "kernel/arch.h"
#include "kernel/bsa/cpu_local.h"
#include "kernel/page_walk.h"
#include "loader/acpi/madt.h"

namespace kernel::bsa {
namespace {

// The distributor's registers; of a GICv3 those of a redistributor's second frame are the same, for
// a CPU's own interrupts.
constexpr uintptr_t kControl = 0x000, kType = 0x004, kGroup = 0x080, kSetEnable = 0x100,
                    kClearEnable = 0x180, kPriority = 0x400, kTargets = 0x800, kSoftware = 0xf00;
constexpr uint32_t kWritePending = 1u << 31;
// Affinity routing, and both groups that are not secure; with one security state they are the first
// bits, too.
constexpr uint32_t kRoutedControl = 1u << 4 | 3;
// A GICv2 CPU's interface.
constexpr uintptr_t kCpuControl = 0x00, kCpuPriorityMask = 0x04, kCpuAcknowledge = 0x0c,
                    kCpuEnd = 0x10;
// A redistributor's first frame.
constexpr uintptr_t kRedistributorType = 0x008, kWaker = 0x014, kSecondFrame = 0x1'0000;
constexpr uint32_t kSleep = 1u << 1, kAsleep = 1u << 2;
constexpr uint32_t kAllPriorities = 0xf0, kMiddlePriority = 0xa0;

struct Gic {
  unsigned version = 0;  // 0: not open
  uintptr_t distributor = 0;
  uintptr_t interface = 0;  // of a GICv2: where each CPU sees its own
  loader::Gic parts;
  mm::DirectMap map;
};
constinit Gic gic;

// Registers, at virtual addresses.
uint32_t read(uintptr_t at) { return *reinterpret_cast<const volatile uint32_t*>(at); }
void write(uintptr_t at, uint32_t value) { *reinterpret_cast<volatile uint32_t*>(at) = value; }

// Where registers are mapped; 0: they are not.
uintptr_t mapped(uint64_t physical) {
  if (physical == 0) return 0;
  const auto virt = reinterpret_cast<uintptr_t>(gic.map.at<uint8_t>(mm::Phys{physical}));
  const auto mapping = arch::find_mapping(virt);
  return mapping && mapping->writable ? virt : 0;
}

void wait_while(uintptr_t at, uint32_t bit, uint32_t value) {
  for (unsigned i = 0; i < 1'000'000 && (read(at) & bit) == value; ++i) arch::relax();
}

unsigned version_of(const loader::Gic& parts) {
  if (parts.version != 0) return parts.version;
  return has_gic_registers() || parts.interface.empty() ? 3 : 2;
}

// What devices send: nobody here asked for it.
void mask_devices() {
  const uint32_t words = (read(gic.distributor + kType) & 0x1f) + 1;
  for (uint32_t i = 1; i < words; ++i) write(gic.distributor + kClearEnable + 4 * i, ~0u);
}

void enable_own(uintptr_t frame, uint32_t own) {
  write(frame + kClearEnable, ~0u);
  for (uint32_t i = 0; i < 8; ++i) write(frame + kPriority + 4 * i, kMiddlePriority * 0x0101'0101u);
  write(frame + kSetEnable, 1u << kCallInterrupt | 1u << kStopInterrupt | 1u << own);
}

// This CPU's: the one that has its affinity.
uintptr_t find_redistributor() {
  constexpr uint64_t kLast = 1u << 4, kVirtual = 1u << 1;
  const uint32_t id = own_id();
  const uint64_t stride = gic.parts.stride;
  for (const mm::Range& range : gic.parts.redistributors) {
    for (uint64_t offset = 0; offset + loader::kRedistributorSize <= range.size();) {
      const uintptr_t at = mapped(range.start.v + offset);
      if (at == 0) break;
      const uint64_t type = *reinterpret_cast<const volatile uint64_t*>(at + kRedistributorType);
      if (type >> 32 == id) return at;
      if ((type & kLast) != 0) break;
      // With virtual LPIs there are two more frames.
      const uint64_t own = loader::kRedistributorSize * ((type & kVirtual) != 0 ? 2 : 1);
      offset += stride != 0 ? stride : own;
    }
  }
  return 0;
}

bool enable_v2(uint32_t own) {
  write(gic.interface + kCpuControl, 0);
  enable_own(gic.distributor, own);
  // Each CPU reads itself as the target of what is its own.
  local().gic_target = read(gic.distributor + kTargets) & 0xff;
  write(gic.interface + kCpuPriorityMask, kAllPriorities);
  write(gic.interface + kCpuControl, 1);
  return true;
}

bool enable_v3(uint32_t own) {
  const uintptr_t redistributor = find_redistributor();
  if (redistributor == 0) return false;
  write(redistributor + kWaker, read(redistributor + kWaker) & ~kSleep);
  wait_while(redistributor + kWaker, kAsleep, kAsleep);
  write(redistributor + kSecondFrame + kGroup, ~0u);
  enable_own(redistributor + kSecondFrame, own);
  open_gic_registers(kAllPriorities);
  return true;
}

}  // namespace

mm::Result<> open_gic(const loader::Gic& parts, const mm::DirectMap& map) {
  gic.parts = parts;
  gic.map = map;
  if (parts.distributor.empty()) return mm::Error{"the firmware names none", "GIC"};
  gic.distributor = mapped(parts.distributor.start.v);
  if (gic.distributor == 0) {
    return mm::Error{"its registers are not mapped (address {:#x})", "GIC",
                     parts.distributor.start.v};
  }
  const unsigned version = version_of(parts);
  if (version == 2) {
    gic.interface = mapped(parts.interface.start.v);
    if (gic.interface == 0) {
      return mm::Error{"the CPU's interface is not mapped (address {:#x})", "GIC",
                       parts.interface.start.v};
    }
  } else if (find_redistributor() == 0) {
    return mm::Error{"the CPU has no redistributor that is mapped (id {:#x})", "GIC", own_id()};
  }
  write(gic.distributor + kControl, 0);
  if (version >= 3) wait_while(gic.distributor + kControl, kWritePending, kWritePending);
  mask_devices();
  write(gic.distributor + kControl, version == 2 ? 1 : kRoutedControl);
  if (version >= 3) wait_while(gic.distributor + kControl, kWritePending, kWritePending);
  gic.version = version;
  return {};
}

bool has_gic() { return gic.version != 0; }

const char* gic_name() { return gic.version == 2 ? "GICv2" : "GICv3"; }

bool enable_gic(uint32_t own) { return gic.version == 2 ? enable_v2(own) : enable_v3(own); }

void send_interrupt(const Cpu& cpu, uint32_t interrupt) {
  if (!has_gic()) return;
  asm volatile("dsb sy" : : : "memory");  // what was written before is seen before
  if (gic.version == 2) {
    write(gic.distributor + kSoftware, local_of(cpu.number).gic_target << 16 | interrupt);
    return;
  }
  // The affinity fields above the lowest, of which it has 16 as a list of bits.
  const uint64_t mpidr = loader::whole_mpidr(cpu.id);
  const uint64_t field0 = mpidr & 0xff, field1 = mpidr >> 8 & 0xff, field2 = mpidr >> 16 & 0xff,
                 field3 = mpidr >> 32;
  const uint64_t list = uint64_t{1} << (field0 & 15);
  send_by_register(field3 << 48 | (field0 >> 4) << 44 | field2 << 32 | uint64_t{interrupt} << 24 |
                   field1 << 16 | list);
}

uint32_t acknowledge_interrupt() {
  if (gic.version == 2) return read(gic.interface + kCpuAcknowledge);
  if (gic.version == 0) return kFirstSpecialInterrupt;
  return acknowledge_by_register();
}

uint32_t interrupt_of(uint32_t taken) {
  // A GICv2 says behind an SGI's number who sent it.
  return gic.version == 2 ? taken & 0x3ff : taken & 0xff'ffff;
}

void end_interrupt(uint32_t taken) {
  if (gic.version == 2) {
    write(gic.interface + kCpuEnd, taken);
  } else {
    end_by_register(taken);
  }
}

}  // namespace kernel::bsa
