#include "mm/relay_ledger.h"

#include <gtest/gtest.h>

#include <string>

#include "mm/page_alloc.h"
#include "tests/support/relayed.h"

namespace {

constexpr const char* kDrawing = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007e8ecfff] usable
BIOS-e820: [mem 0x000000007e8ed000-0x000000007fffffff] reserved
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
)";

TEST(RelayLedger, ClosesOnEitherRoadAndWithMemoryInUse) {
  for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
    test::RelayOptions options;
    options.road = road;
    test::Relayed machine(kDrawing, options);
    const uint64_t usable = machine.machine.e820.total(mm::E820Type::Ram);
    const auto close = [&] {
      test::Log log;
      const auto closed =
          mm::close_ledger(machine.relay, machine.relay.pages(), usable, {}, {}, log.printer());
      return closed.ok() ? log.take() : log.take() + test::describe(closed.error());
    };
    EXPECT_NE(close().find("Ledger: closed"), std::string::npos) << close();
    ASSERT_TRUE(machine.relay.pages().alloc_pages(0, mm::kGfpKernel, 3, 0).ok());
    EXPECT_NE(close().find("Ledger: closed"), std::string::npos) << close();
  }
}

}  // namespace
