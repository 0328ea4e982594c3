// What the self-tests of tables and registers have to say about the maps of real machines: few
// things, and each of them is one.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kernel/selftest/table_tests.h"
#include "mm/x86_64/e820_trim.h"
#include "tests/support/machine_file.h"

namespace {

// Machine and test -> what it says.
using Findings = std::map<std::string, std::string>;

Findings findings_of(const std::string& name, test::MachineFile& file) {
  test::Log log;
  kernel::TableFacts facts;
  facts.readable = [](const void*, mm::Range) { return false; };  // only the map is known
  facts.trims = test::must(mm::trim_bios_range(file.e820, mm::max_arch_pfn(4), log.printer()));
  facts.e820 = &file.e820;
  Findings findings;
  std::vector<kernel::TableTest> all;
  for (const auto files : {kernel::acpi_tests(), kernel::machine_tests()}) {
    for (const auto tests : files) all.insert(all.end(), tests().begin(), tests().end());
  }
  for (const kernel::TableTest& test : all) {
    if (std::string_view(test.row.id) == "acpi.rsdp" ||
        std::string_view(test.row.id) == "acpi.madt.form") {
      continue;  // nothing is known of these machines' tables
    }
    const loader::Verdict verdict = run_table_test(test, facts);
    if (verdict.failed()) findings[name + " " + test.row.id] = verdict.facts();
  }
  return findings;
}

TEST(MachineFindings, AreTheseAndNoOthers) {
  constexpr const char* kFolder = "tests/machines";
  if (!std::filesystem::is_directory(kFolder)) {
    GTEST_SKIP() << kFolder << " is not in the working directory";
  }
  Findings found;
  size_t machines = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".machine") continue;
    ++machines;
    test::MachineFile file(entry.path().string());
    found.merge(findings_of(entry.path().stem().string(), file));
  }
  EXPECT_GE(machines, 50U);
  EXPECT_EQ(found, (Findings{
                       {"azure-hyperv machine.holes",
                        "nobody describes [0x1c0000000-0x1c0200000), 2048 KiB beside RAM"},
                       {"azw-ser8 machine.holes",
                        "nobody describes [0x55e300000-0x55f340000), 16640 KiB beside RAM"},
                       {"jetway-ami machine.holes",
                        "nobody describes [0x100000000-0x100001000), 4 KiB beside RAM"},
                       {"supermicro-x8sie machine.holes",
                        "nobody describes [0xbf790000-0xbf79e000), 56 KiB beside RAM"},
                   }));
}

}  // namespace
