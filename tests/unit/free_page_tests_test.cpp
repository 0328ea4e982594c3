// The self-tests of free memory that faults, on a machine that has it so: that they pass, and what each of them
// finds. mm_selftests_test.cpp has machines where none of it is so.
#include <gtest/gtest.h>

#include <string>

#include "kernel/selftest/selftest.h"
#include "tests/support/booted.h"
#include "tests/support/pretend_cpus.h"
#include "tests/support/pretend_hardware.h"

namespace kernel {
namespace {

using mm::Pfn;
using test::BootedMachine;

constexpr const char* kSmall =
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    "BIOS-e820: [mem 0x0000000000100000-0x0000000001ffffff] usable\n";

Verdict run(std::string_view id, Booted& machine) {
  for (const KernelTest& test : free_page_tests()) {
    if (test.row.id == id) return test.run(machine);
  }
  throw std::runtime_error("no such test");
}

// Free pages cannot be touched; the direct map is as what is free says.
class FreePages : public testing::Test {
 protected:
  FreePages() : machine(kSmall, "", BootedMachine::With::AbsentFreePages) {
    EXPECT_TRUE(machine->relay.pages().start_cpu(1, 0).ok());
    cpus.start(2);
    map_what_is_there();
  }
  ~FreePages() override { test::hardware = {}; }

  [[nodiscard]] uint64_t address(Pfn frame) {
    return reinterpret_cast<uintptr_t>(machine->relay.map().at(phys(frame)));
  }
  void map_what_is_there() {
    for (const mm::ActiveRange& range : machine->relay.layout().active) {
      for (Pfn frame = range.pfns.start; frame < range.pfns.end; frame += 1) {
        if (test::hardware.faults.count(address(frame)) == 0) map(frame);
      }
    }
  }
  static void map(Pfn frame) {
    const uint64_t at = phys(frame).v;
    test::hardware.mappings.push_back({loader::kDirectMap4Level + at, at, mm::kPageSize, true});
  }
  [[nodiscard]] mm::PageAllocator<Policy>& pages() { return machine->relay.pages(); }

  BootedMachine machine;
  test::PretendCpus cpus;
};

TEST_F(FreePages, AreNotThereAndCannotBeUsed) {
  const Verdict walked = run("kernel.pages.free", *machine);
  EXPECT_TRUE(walked.passed()) << walked.facts();
  const Verdict tried = run("kernel.pages.freed", *machine);
  EXPECT_TRUE(tried.passed()) << tried.facts();
  EXPECT_STREQ(tried.facts(), "14 blocks on 2 CPUs");
  EXPECT_TRUE(run("kernel.pages.free", *machine).passed());
}

TEST_F(FreePages, OneThatIsMappedIsFound) {
  map(Pfn{0x1800});
  const Verdict verdict = run("kernel.pages.free", *machine);
  EXPECT_TRUE(verdict.failed());
  EXPECT_STREQ(verdict.facts(), "the free page 0x1800000 is mapped at 0xffff888001800000");
}

TEST_F(FreePages, OneOfSomebodysThatIsNotMappedIsFound) {
  const auto page = pages().alloc_pages(0, mm::kGfpKernel, 0, 0);
  ASSERT_TRUE(page.ok());
  const Verdict verdict = run("kernel.pages.free", *machine);
  EXPECT_TRUE(verdict.failed());
  EXPECT_NE(std::string(verdict.facts()).find("is not free, and not mapped"), std::string::npos)
      << verdict.facts();
  map(page.value());
  EXPECT_TRUE(run("kernel.pages.free", *machine).passed());
}

TEST_F(FreePages, OneThatIsHandedOutAndFaultsIsFound) {
  const auto page = pages().alloc_pages(0, mm::kGfpKernel, 0, 0);
  ASSERT_TRUE(page.ok());
  ASSERT_TRUE(pages().free_pages(0, page.value(), 0).ok());
  test::hardware.faults.insert(address(page.value()));
  // As if nothing gave it its address back.
  test::hardware.stays_absent = address(page.value());
  const Verdict verdict = run("kernel.pages.freed", *machine);
  EXPECT_TRUE(verdict.failed());
  EXPECT_NE(std::string(verdict.facts()).find("cannot be used"), std::string::npos)
      << verdict.facts();
}

}  // namespace
}  // namespace kernel
