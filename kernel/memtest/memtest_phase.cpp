#include "kernel/memtest/memtest_phase.h"

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/memtest/live_picture.h"
#include "kernel/selftest/table_tests.h"
#include "kernel/smp/drain.h"
#include "loader/acpi/smbios.h"

namespace kernel {
namespace {

constinit MemtestState state;
constinit MemtestOptions asked;
constinit MemtestPlan planned;

// RAM through the direct map.
class DirectCells {
 public:
  explicit DirectCells(const mm::DirectMap& map) : map_(map) {}

  [[nodiscard]] uint64_t read(uint64_t address) const { return *at(address); }
  void write(uint64_t address, uint64_t value) const { *at(address) = value; }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) const {
    arch::copy_words(virt(to), virt(from), bytes / 8);
  }
  void written_back(mm::Range range) const {
    arch::write_back_caches(virt(range.start.v), range.size());
    move_live_picture(range, state.progress.standing());
  }
  static void wait(unsigned seconds) {
    const uint64_t start = arch::microseconds();
    while (arch::microseconds() - start < uint64_t{seconds} * 1'000'000) arch::doze();
  }

 private:
  [[nodiscard]] volatile uint64_t* at(uint64_t address) const {
    return map_.at<volatile uint64_t>(mm::Phys{address});
  }
  [[nodiscard]] uint64_t virt(uint64_t address) const {
    return reinterpret_cast<uint64_t>(map_.at(mm::Phys{address}));
  }

  mm::DirectMap map_;
};

// SMBIOS: the module whose range (type 20) has the address.
std::string_view module_of(const void* context, mm::Phys address) {
  const auto& facts = *static_cast<const TableFacts*>(context);
  constexpr size_t kEntry[] = {31, 24};
  const size_t size = kEntry[facts.smbios_version == 3 ? 1 : 0];
  if (!facts.can_read(facts.smbios, size)) return {};
  const auto entry =
      loader::smbios_entry({facts.map.at<const uint8_t>(mm::Phys{facts.smbios}), size});
  if (!entry || !facts.can_read(entry->table, entry->size)) return {};
  const auto table = facts.map.span<const uint8_t>(mm::Phys{entry->table}, entry->size);
  loader::SmbiosStructures ranges(table);
  while (const auto range = ranges.next()) {
    const auto answers = loader::device_range(*range);
    if (!answers || !answers->range.contains(address)) continue;
    loader::SmbiosStructures devices(table);
    while (const auto device = devices.next()) {
      if (device->handle != answers->device) continue;
      if (const auto module = loader::memory_device(*device)) return module->locator;
    }
  }
  return {};
}

mm::Result<> take_out(void* context, mm::PfnRange frames) {
  return static_cast<Relay*>(context)->take_back(arch::this_cpu(), frames, "BAD PAGES");
}

MemoryTest<DirectCells> memory_test(Booted& machine) {
  MemoryTest<DirectCells> test(machine.relay.pages(), arch::this_cpu(),
                               DirectCells(machine.relay.map()), {take_out, &machine.relay}, asked,
                               state, log());
  test.set_module_of(module_of, &table_facts(machine));
  test.set_rates(planned.rates);
  return test;
}

}  // namespace

void start_memtest(Booted& machine, const MemtestOptions& options) {
  asked = options;
  drain_everywhere(machine.relay.pages());
  begin_live_picture(machine, state);
  state.progress = {};
  planned = memory_test(machine).plan(arch::microseconds);
  state.tested = planned.bytes;
  state.progress = MemtestProgress(log(), arch::microseconds, planned.microseconds);
  const uint64_t seconds = (planned.microseconds + 999'999) / 1'000'000;
  log().line("memtest: {} MiB, {} pass{}, will take about {}:{:02}", planned.bytes / mm::kMiB,
             asked.passes, asked.passes == 1 ? "" : "es", seconds / 60, seconds % 60);
}

Verdict run_memtest(size_t index, Booted& machine) {
  name_live_picture(kMemoryPatterns[index].row.id);
  return memory_test(machine).run(kMemoryPatterns[index]);
}

void finish_memtest(const Booted& machine) {
  end_live_picture();
  print_outcome(state, asked.passes, log());
  if (state.bad.empty()) return;
  const mm::Result<> closed = close_ledger(machine, log());
  if (!closed.ok()) log().error("ledger", closed.error());
}

}  // namespace kernel
