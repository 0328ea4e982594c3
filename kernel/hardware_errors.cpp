#include "kernel/hardware_errors.h"

#include "kernel/arch.h"
#include "kernel/bad_pages.h"
#include "kernel/booted.h"
#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/smp/cpus.h"
#include "kernel/smp/drain.h"

namespace kernel {
namespace {

constinit HardwareErrors found, left;
constinit SpinLock<LockRank::Findings> lock;  // for those, and for pages that wait
constinit Booted* machine = nullptr;
constinit ErrorTaker taker;
// Free pages with an error that could not be taken out at once.
constinit std::array<mm::Pfn, 32> waiting{};
constinit size_t waiting_count = 0;

mm::PfnRange frames_of(mm::Range where) {
  return {mm::pfn_down(where.start), mm::pfn_down(where.end - 1) + 1};
}

void tell(const HardwareError& error, const char* when, const mm::Printer& out) {
  out.part("mce: [Hardware Error]: {}{} {}, CPU {} bank {} status {:016x}", when,
           error.corrected ? "corrected" : "uncorrected", error.kind, error.cpu, error.bank,
           error.status);
  if (error.where.empty()) {
    out.line(", no address of memory");
  } else {
    out.line(" at {:#x}, {} bytes", error.where.start.v, error.where.size());
  }
}

void wait_for_out(mm::Pfn pfn) {
  const Policy::Masked masked;
  const Held held(lock);
  for (size_t i = 0; i < waiting_count; ++i) {
    if (waiting[i] == pfn) return;
  }
  if (waiting_count < waiting.size()) waiting[waiting_count++] = pfn;
}

// The page is nobody's: nobody gets it any more.
void take_out(mm::Pfn pfn) {
  auto& pages = machine->relay.pages();
  const unsigned cpu = arch::this_cpu();
  pages.drain(cpu);
  const mm::Result<> out = machine->relay.take_back(cpu, {pfn, pfn + 1}, "BAD PAGES");
  if (out.ok()) {
    note_bad_page(pfn, "machine check");
    return log().line("mce: frame {} was free and is taken out of use", pfn);
  }
  log().error("mce", out.error());
  log().line("mce: frame {} is free and stays for now", pfn);
  wait_for_out(pfn);
}

// Data in this page is lost.
void lose(mm::Pfn pfn, const HardwareError& error) {
  if (taker.owns != nullptr && taker.owns(pfn)) return;
  if (machine == nullptr) panic("uncorrected error at {:#x}", error.where.start.v);
  switch (machine->relay.pages().owner_of(pfn).use) {
    case mm::FrameUse::NoNode:
    case mm::FrameUse::Hole:
      return log().line("mce: frame {} is no RAM of ours", pfn);
    case mm::FrameUse::Free:
    case mm::FrameUse::OnCpuList:
      // While a test runs, it takes out what it knows to be bad.
      return taker.take != nullptr ? void() : take_out(pfn);
    case mm::FrameUse::Reserved:
      for (const mm::Reservation& r : machine->relay.reservations().entries()) {
        if (!r.range.contains(mm::phys(pfn))) continue;
        if (std::string_view(r.name) == "BAD PAGES") return;
        panic(
            "uncorrected error in memory that is in use: CPU {} bank {} status {:016x} at {:#x}, "
            "reserved: {}",
            error.cpu, error.bank, error.status, error.where.start.v, r.name);
      }
      return log().line("mce: frame {} is not in use", pfn);
    case mm::FrameUse::Allocated:
      panic(
          "uncorrected error in memory that is in use: CPU {} bank {} status {:016x} at {:#x}, "
          "allocated",
          error.cpu, error.bank, error.status, error.where.start.v);
  }
}

void try_waiting() {
  std::array<mm::Pfn, waiting.size()> pages;
  size_t count = 0;
  {
    const Policy::Masked masked;
    const Held held(lock);
    pages = waiting;
    count = waiting_count;
    waiting_count = 0;
  }
  if (count != 0) drain_everywhere(machine->relay.pages());
  for (size_t i = 0; i < count; ++i) take_out(pages[i]);
}

}  // namespace

void HardwareErrors::add(const HardwareError& error) {
  (error.corrected ? corrected_ : uncorrected_) += error.count;
  for (size_t i = 0; i < count_; ++i) {
    Row& row = rows_[i];
    if (row.bank != error.bank || row.corrected != error.corrected || row.where != error.where) {
      continue;
    }
    row.count += error.count;
    return;
  }
  if (count_ == kRoom) {
    not_listed_ += error.count;
  } else {
    rows_[count_++] = {error.bank, error.corrected, error.where, error.count};
  }
}

void HardwareErrors::print(std::string_view who, const mm::Printer& out) const {
  for (size_t i = 0; i < count_; ++i) {
    const Row& row = rows_[i];
    out.part("{}: bank {}, ", who, row.bank);
    if (row.where.empty()) {
      out.part("no address: ");
    } else {
      out.part("{:#x}: ", row.where.start.v);
    }
    out.line("{} {}", row.count, row.corrected ? "corrected" : "uncorrected");
  }
  if (not_listed_ != 0) out.line("{}: {} more elsewhere", who, not_listed_);
}

void watch_hardware_errors(Booted& booted, const mm::Printer& out) {
  machine = &booted;
  const unsigned banks = arch::open_error_banks();
  if (banks == 0) {
    out.line("mce: the CPU has no machine-check banks: nothing tells of memory errors");
  } else {
    out.line("mce: CPU supports {} MCE banks", banks);
  }
}

void left_hardware_error(const HardwareError& error) {
  {
    const Policy::Masked masked;
    const Held held(lock);
    left.add(error);
  }
  tell(error, "left from before: ", log());
}

void hardware_error(const HardwareError& error) {
  {
    const Policy::Masked masked;
    const Held held(lock);
    found.add(error);
  }
  if (taker.take != nullptr) {
    taker.take(error);
  } else {
    tell(error, "", log());
  }
  if (error.corrected || error.where.empty()) return;
  const mm::PfnRange frames = frames_of(error.where);
  for (mm::Pfn pfn = frames.start; pfn < frames.end; pfn += 1) lose(pfn, error);
}

void collect_hardware_errors() {
  for (const Cpu& cpu : cpus().all()) {
    if (!cpus().is_online(cpu.number)) continue;
    const auto look = [](void*) { arch::collect_errors(); };
    if (!call_on(cpu.number, look, nullptr)) {
      log().line("mce: CPU {} does not take calls any more", cpu.number);
    }
  }
  if (taker.take == nullptr) try_waiting();
}

const HardwareErrors& hardware_errors() { return found; }
const HardwareErrors& left_hardware_errors() { return left; }

void forget_hardware_errors() {
  found = {};
  left = {};
  machine = nullptr;
}

void set_error_taker(const ErrorTaker& to) {
  const Policy::Masked masked;
  taker = to;
}

}  // namespace kernel
