#include "kernel/x86/machine_check.h"

#include <string_view>

#include "cpu_local.h"
#include "kernel/arch.h"
#include "kernel/hardware_errors.h"
#include "kernel/policy.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/local_apic.h"

extern "C" {
uint32_t attempt_run(void (*run)(void* context), void* context, uintptr_t* stack);
extern char attempt_failed[];
}

namespace kernel::x86 {
namespace {

constexpr uint64_t kCr4Mce = 1u << 6;
constexpr uint64_t kInterruptFlag = 1u << 9;

constinit BankRules rules;
constinit bool keeps_first = false;  // the firmware's: its control is not to be written
constinit bool aperture_errs = false;

// CPUs may share a bank: one at a time looks, so that an error is found once. A machine check may
// come while its own CPU looks.
class BankLock {
 public:
  BankLock() : own_(arch::this_cpu() + 1), nested_(load() == own_) {
    if (nested_) return;
    for (uint32_t nobody = 0; !__atomic_compare_exchange_n(&holder, &nobody, own_, false,
                                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
         nobody = 0) {
      arch::relax();
    }
  }
  ~BankLock() {
    if (!nested_) __atomic_store_n(&holder, 0, __ATOMIC_RELEASE);
  }
  BankLock(const BankLock&) = delete;
  BankLock& operator=(const BankLock&) = delete;

 private:
  static uint32_t load() { return __atomic_load_n(&holder, __ATOMIC_RELAXED); }
  static inline uint32_t holder = 0;
  uint32_t own_;
  bool nested_;
};

BankRecord read_bank(unsigned bank) {
  BankRecord r{bank, rdmsr(bank_msr(bank, BankRegister::Status))};
  if (!r.has(kBankValid)) return r;
  if (r.has(kBankHasAddress)) r.address = rdmsr(bank_msr(bank, BankRegister::Address));
  if (r.has(kBankHasMisc)) r.misc = rdmsr(bank_msr(bank, BankRegister::Misc));
  return r;
}

void clear_bank(unsigned bank) { wrmsr(bank_msr(bank, BankRegister::Status), 0); }

HardwareError error_of(const BankRecord& r) {
  HardwareError error;
  error.cpu = arch::this_cpu();
  error.bank = r.bank;
  error.corrected = severity_of(r, rules) == Severity::Corrected;
  error.count = count_of(r, rules);
  error.status = r.status;
  error.address = r.address;
  error.misc = r.misc;
  error.kind = code_name(r.status);
  error.where = memory_of(r, rules).value_or(mm::Range{});
  return error;
}

// Notes it for later. False: there is no room, and it stays in its bank until somebody looks.
bool note(const BankRecord& r) {
  NotedChecks& noted = local().checks;
  const uint32_t taken = __atomic_load_n(&noted.taken, __ATOMIC_ACQUIRE);
  if (noted.added - taken == NotedChecks::kRoom) return false;
  noted.records[noted.added % NotedChecks::kRoom] = r;
  __atomic_store_n(&noted.added, noted.added + 1, __ATOMIC_RELEASE);
  return true;
}

// The worst of what the banks have, all of which is noted.
struct Worst {
  Severity severity = Severity::Corrected;
  BankRecord record;
  bool any = false;
};
Worst note_banks() {
  Worst worst;
  const BankLock held;
  for (unsigned bank = 0; bank < rules.banks; ++bank) {
    const BankRecord r = read_bank(bank);
    if (!r.has(kBankValid)) continue;
    const Severity severity = severity_of(r, rules);
    if (!worst.any || severity > worst.severity) worst = {severity, r, true};
    // What nobody survives stays, for whoever looks after the reset.
    if (severity != Severity::Fatal && note(r)) clear_bank(bank);
  }
  return worst;
}

// Where the CPU is in the middle of what it may leave, holding nothing, it goes on behind that.
bool leave_attempt(Registers& r) {
  uintptr_t& stack = local().checks.attempt;
  const bool holds = (local().held & ~arch::LocalHead::kNoneDue) != 0;
  if (stack == 0 || holds || (flags_of(r) & kInterruptFlag) == 0) return false;
  go_on(r, reinterpret_cast<uintptr_t>(attempt_failed), stack);
  stack = 0;
  return true;
}

// Calls visit(record) for what the banks have now, and clears them; but for what a machine check is
// on its way for, unless all is asked for.
template <class Visit>
void empty_banks(bool all, Visit visit) {
  for (unsigned bank = 0; bank < rules.banks; ++bank) {
    BankRecord r;
    {
      const BankLock held;
      r = read_bank(bank);
      if (!r.has(kBankValid) || (!all && raises_check(r, rules))) continue;
      clear_bank(bank);
    }
    visit(r);
  }
}

}  // namespace

FatalCheck take_machine_check(Registers& registers) {
  const uint64_t status = rdmsr(kMsrMcgStatus);
  const Worst worst = note_banks();
  const auto fatal = [&](const char* why) { return FatalCheck{why, status, worst.record}; };
  if (worst.severity == Severity::Fatal) {
    if (worst.record.has(kBankContextCorrupt)) return fatal("the CPU's state is corrupt (PCC)");
    return fatal("what else was lost is not known");
  }
  // It happened to the instruction at which the CPU stood, or to another CPU. Of CPUs that share a
  // bank, one of the others may have taken what this one stumbled upon.
  const bool stumbled =
      (status & kAtInstruction) != 0 && (worst.severity == Severity::Action || !worst.any);
  if ((status & kRestartable) == 0 && !leave_attempt(registers)) {
    return fatal("the CPU cannot go on where it was (no RIPV)");
  }
  if ((status & kRestartable) != 0 && stumbled && !leave_attempt(registers)) {
    return fatal("what this code was about to use is lost");
  }
  if (has_local_apic()) interrupt_self(kMachineCheckVector);
  wrmsr(kMsrMcgStatus, 0);
  return {};
}

void print_check(const FatalCheck& check, const mm::Printer& out) {
  const BankRecord& r = check.record;
  out.line("mce: [Hardware Error]: CPU {}: Machine Check: {:x} Bank {}: {:016x}", arch::this_cpu(),
           check.global_status, r.bank, r.status);
  if (!r.has(kBankValid)) return out.line("mce: [Hardware Error]: no bank says why");
  out.part("mce: [Hardware Error]: {}", code_name(r.status));
  if (r.has(kBankHasAddress)) out.part(" ADDR {:x}", r.address);
  if (r.has(kBankHasMisc)) out.part(" MISC {:x}", r.misc);
  out.text("\n");
}

void finish_machine_checks() {
  const Policy::Masked masked;
  NotedChecks& noted = local().checks;
  while (noted.taken != __atomic_load_n(&noted.added, __ATOMIC_ACQUIRE)) {
    const BankRecord r = noted.records[noted.taken % NotedChecks::kRoom];
    __atomic_store_n(&noted.taken, noted.taken + 1, __ATOMIC_RELEASE);
    hardware_error(error_of(r));
  }
}

unsigned open_banks() {
  constexpr uint32_t kMce = 1u << 7, kMca = 1u << 14;
  constexpr uint64_t kAll = ~uint64_t{0};
  if ((~cpuid(1).edx & (kMce | kMca)) != 0) return 0;
  const CpuFacts cpu = cpu_facts();
  const std::string_view vendor(cpu.vendor.data());
  const bool amd = vendor == "AuthenticAMD" || vendor == "HygonGenuine";
  if (arch::this_cpu() == 0) {
    const bool survives = cpuid(0x80000000).eax >= 0x80000007 && (cpuid(0x80000007).ebx & 2) != 0;
    rules = bank_rules(rdmsr(kMsrMcgCap), amd, survives);
    // K8's northbridge takes walks of the graphics aperture's tables for errors (AMD's BIOS and
    // kernel developer's guide, MC4_CTL).
    aperture_errs = amd && cpu.family == 15;
    // Before Nehalem bank 0's control is the front side bus's (Intel SDM, section 16.3.2.1).
    keeps_first = vendor == "GenuineIntel" && cpu.family == 6 && cpu.model < 0x1a;
  }
  if (rules.control) wrmsr(kMsrMcgCtl, kAll);
  for (unsigned bank = keeps_first ? 1 : 0; bank < rules.banks; ++bank) {
    constexpr uint64_t kApertureWalks = 1u << 10;
    wrmsr(bank_msr(bank, BankRegister::Ctl),
          aperture_errs && bank == 4 ? kAll & ~kApertureWalks : kAll);
  }
  empty_banks(true, [](const BankRecord& r) { left_hardware_error(error_of(r)); });
  wrmsr(kMsrMcgStatus, 0);
  write_cr4(read_cr4() | kCr4Mce);
  return rules.banks;
}

}  // namespace kernel::x86

namespace kernel::arch {

unsigned open_error_banks() { return x86::open_banks(); }

void collect_errors() {
  x86::finish_machine_checks();
  x86::empty_banks(false, [](const x86::BankRecord& r) { hardware_error(x86::error_of(r)); });
}

bool attempt(void (*run)(void* context), void* context) {
  return attempt_run(run, context, &x86::local().checks.attempt) != 0;
}

}  // namespace kernel::arch
