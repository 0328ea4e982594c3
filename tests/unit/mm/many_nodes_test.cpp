// As many nodes as there can be, and as much memory.
#include <gtest/gtest.h>

#include <string>

#include "mm/audit.h"
#include "mm/relay_ledger.h"
#include "tests/support/relayed.h"

namespace {

using mm::NodeId;
using mm::Pfn;

// Nodes of `bytes` each, one after the other, with all their memory.
std::string nodes_of(uint64_t bytes) {
  test::Log log;
  const mm::Printer out = log.printer();
  const auto memory = [](uint64_t start, uint64_t end) {
    return mem(mm::Range{mm::Phys{start}, mm::Phys{end}});
  };
  out.line("BIOS-e820: {} usable", memory(0, 0xa0000));
  out.line("BIOS-e820: {} usable", memory(mm::kMiB, mm::kMaxNodes * bytes));
  for (uint64_t id = 0; id < mm::kMaxNodes; ++id) {
    out.line("ACPI: SRAT: Node {} PXM {} {:08x}", id, id, memory(id * bytes, (id + 1) * bytes));
  }
  return log.take();
}

TEST(ManyNodes, EachHasItsMemoryAndItsOrder) {
  NEEDS_64_BITS("their mem_maps and lists are more than a 32-bit machine's lowmem");
  const std::string drawing = nodes_of(64 * mm::kMiB);
  test::RelayOptions options;
  options.road = mm::Road::Memblock;
  test::Relayed machine(drawing, options);
  EXPECT_EQ(machine.buddy(), test::Relayed(drawing).buddy());
  test::must(mm::audit(machine.relay.pages()));

  for (NodeId node = 0; node < mm::kMaxNodes; ++node) {
    std::string order = "Fallback order for Node " + std::to_string(node) + ": ";
    for (size_t i = 0; i < mm::kMaxNodes; ++i) {
      order += std::to_string((node + i) % mm::kMaxNodes) + " ";
    }
    ASSERT_NE(machine.log.text().find("\n" + order + "\n"), std::string::npos) << order;

    auto& pages = machine.relay.pages();
    const mm::PagesOr got = pages.alloc_pages(0, mm::kGfpKernel | mm::kGfpFlagThisNode, 3, node);
    ASSERT_TRUE(got.ok()) << node;
    ASSERT_EQ(pages.owner_of(got.value()).node, node);
    ASSERT_TRUE(pages.free_pages(0, got.value(), 3).ok()) << node;
  }
}

TEST(ManyNodes, FourPebibytes) {
  NEEDS_64_BITS("their mem_maps have 16 TiB of addresses");
  test::DrawnMachine drawn(nodes_of(4 * mm::kTiB));
  const test::PretendMemory memory(mm::Phys{mm::kMaxPhys});
  for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
    mm::Relay<mm::OneCpu> relay(mm::x86_64_platform(5), memory.map(), mm::Printer());
    test::must(
        relay.take_over(drawn.e820.entries(), {}, mm::Phys{mm::kMaxPhys}, memory.end_of_low()));
    const auto firmware = test::firmware_ram(drawn.firmware, relay.e820());
    test::must(relay.finish({.numa = drawn.numa(), .road = road}));
    test::Log log;
    EXPECT_TRUE(mm::close_ledger(relay, relay.pages(), {.firmware = firmware}, log.printer()).ok())
        << log.text();
    // All but what its own Pages take, a 256th, and some.
    EXPECT_GT(relay.pages().counts().free, mm::kMaxPhys / mm::kPageSize / 1000 * 995);
    const mm::PagesOr highest = relay.pages().alloc_pages(0, mm::kGfpKernel, 18, mm::kMaxNodes - 1);
    ASSERT_TRUE(highest.ok());
    EXPECT_GE(mm::phys(highest.value()), mm::Phys{mm::kMaxPhys - 4 * mm::kTiB});
  }
}

}  // namespace
