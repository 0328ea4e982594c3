// What machine-check banks hold, of any bits: an error is judged by what it says, never milder for a bit that
// makes it worse; memory that it names is memory; and none is lost when they are counted.
//
// The input is the CPU's rules (nine bytes), and records of 26: bank and CPU, status, address, further facts.
#include "kernel/x86/machine_check_codes.h"

#include <bit>

#include "kernel/hardware_errors.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;
namespace x86 = kernel::x86;

void check_severity(const x86::BankRecord& record, const x86::BankRules& rules) {
  const x86::Severity severity = x86::severity_of(record, rules);
  check(record.has(x86::kBankUncorrected) || severity <= x86::Severity::Latent);
  check(!x86::raises_check(record, rules) || record.has(x86::kBankUncorrected));
  check(severity < x86::Severity::Action || x86::raises_check(record, rules) || !rules.recovery ||
        !record.has(x86::kBankSignalled));
  x86::BankRecord worse = record;
  worse.status |= x86::kBankContextCorrupt;
  check(x86::severity_of(worse, rules) >= severity);
  worse = record;
  worse.status |= x86::kBankOverflow;
  check(x86::severity_of(worse, rules) >= severity);
  worse = record;
  worse.status |= x86::kBankUncorrected | x86::kBankEnabled;
  check(x86::severity_of(worse, rules) >= severity &&
        x86::raises_check(worse, rules) >= x86::raises_check(record, rules));
}

mm::Range check_memory(const x86::BankRecord& record, const x86::BankRules& rules) {
  const std::optional<mm::Range> memory = x86::memory_of(record, rules);
  if (!memory) return {};
  const uint64_t bytes = memory->size();
  check(record.has(x86::kBankHasAddress));
  check(std::has_single_bit(bytes) && bytes <= 2 * mm::kMiB);
  check(memory->start.v % bytes == 0 && memory->end.v <= mm::kMaxPhys);
  check(((record.address - memory->start.v) & ((uint64_t{1} << 56) - 1)) < bytes);
  return *memory;
}

// The sum of the numbers in front of that word, one a line.
uint64_t told_before(const std::string& lines, const std::string& word) {
  uint64_t sum = 0;
  for (size_t at = lines.find(word); at != std::string::npos; at = lines.find(word, at + 1)) {
    sum += std::stoull(lines.substr(lines.rfind(' ', at - 1) + 1));
  }
  return sum;
}

}  // namespace

FUZZ_TARGET(machine_check) {
  fuzz::Input input(data, size);
  const uint8_t cpu = input.byte();
  const x86::BankRules rules =
      x86::bank_rules(input.number<uint64_t>(), (cpu & 1) != 0, (cpu & 2) != 0);
  check(rules.banks < 256 && !(rules.amd && (rules.recovery || rules.counts)));
  kernel::HardwareErrors errors;
  uint64_t corrected = 0, uncorrected = 0;
  while (!input.empty()) {
    const x86::BankRecord record{input.byte(), input.number<uint64_t>(), input.number<uint64_t>(),
                                 input.number<uint64_t>()};
    check_severity(record, rules);
    const bool is_corrected = x86::severity_of(record, rules) == x86::Severity::Corrected;
    const uint64_t count = x86::count_of(record, rules);
    check(count >= 1 && (is_corrected || count == 1));
    const char* const kind = x86::code_name(record.status);
    check(std::strlen(kind) != 0 && fuzz::is_printable(kind));
    errors.add({0, record.bank, is_corrected, count, record.status, record.address, record.misc,
                kind, check_memory(record, rules)});
    (is_corrected ? corrected : uncorrected) += count;
  }
  check(errors.corrected() == corrected && errors.uncorrected() == uncorrected);
  check(errors.empty() == (corrected + uncorrected == 0));
  const std::string told =
      fuzz::printed_by([&](const mm::Printer& out) { errors.print("x", out); });
  check(fuzz::are_printable_lines(told));
  // Words are looked for with a blank in front: "uncorrected" has the other in it.
  const uint64_t more = told_before(told, " more elsewhere");
  const uint64_t first = told_before(told, " corrected"),
                 second = told_before(told, " uncorrected");
  check(first <= corrected && second <= uncorrected &&
        first + second + more == corrected + uncorrected);
}
