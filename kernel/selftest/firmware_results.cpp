#include "kernel/selftest/firmware_results.h"

#include "loader/handoff/firmware_test_rows.h"

namespace kernel {
namespace {

using loader::Facts;
using loader::HandoffResult;
using loader::Outcome;
using loader::SelfTest;
using loader::Verdict;

constexpr SelfTest kUnknown{"efi.unknown", "this kernel knows every test that its loader ran",
                            loader::Severity::Medium,
                            "loader/handoff/firmware_test_rows.h, which both are built with",
                            "Loader and kernel are of different builds: install both of one."};

bool is_known(const HandoffResult& result) {
  return loader::find_firmware_test(result.number) != nullptr;
}

const char* word(uint32_t outcome) {
  switch (static_cast<Outcome>(outcome)) {
    case Outcome::Pass:
      return "passed";
    case Outcome::Fail:
      return "failed";
    case Outcome::Skip:
      return "was skipped";
  }
  return "ended as nothing that is known";
}

void name(Facts& facts, const HandoffResult& result) {
  const bool silent = result.facts[0] == '\0';
  facts.say("number 0x{:08x} {}{}{}", result.number, word(result.outcome), silent ? "" : ": ",
            result.facts);
}

Verdict name_unknown(std::span<const HandoffResult> results) {
  size_t unknown = 0;
  for (const HandoffResult& result : results) unknown += is_known(result) ? 0 : 1;
  Facts facts;
  facts.say("{} of {} results are of tests that this kernel does not know", unknown,
            results.size());
  for (const HandoffResult& result : results) {
    if (!is_known(result)) name(facts, result);
  }
  return {Outcome::Fail, facts};
}

}  // namespace

size_t firmware_test_count(std::span<const HandoffResult> results) {
  size_t count = loader::kFirmwareTestRows.size();
  for (const HandoffResult& result : results) {
    if (!is_known(result)) return count + 1;
  }
  return count;
}

const SelfTest& firmware_test(size_t index) {
  return index < loader::kFirmwareTestRows.size() ? loader::kFirmwareTestRows[index] : kUnknown;
}

Verdict firmware_verdict(size_t index, std::span<const HandoffResult> results) {
  if (index == loader::kFirmwareTestRows.size()) return name_unknown(results);
  const uint32_t number = loader::self_test_number(firmware_test(index).id);
  for (const HandoffResult& result : results) {
    if (result.number != number) continue;
    Facts facts;
    if (result.outcome > static_cast<uint32_t>(Outcome::Skip)) {
      name(facts, result);
      return {Outcome::Fail, facts};
    }
    if (result.facts[0] != '\0') facts.say("{}", result.facts);
    return {static_cast<Outcome>(result.outcome), facts};
  }
  return Verdict::skip("it runs under the firmware, and this boot's options did not ask for it");
}

}  // namespace kernel
