// What the kernel's own tests are called, and what they are about.
#include "kernel/selftest/selftest.h"
#include "kernel/selftest/selftest_kernel.h"
#include "kernel/selftest/selftest_mm.h"

namespace kernel {
namespace {

using enum loader::Severity;

constexpr const char* kOurs =
    "Baton's own fault, or broken memory: run `memtest`; if that passes, tell Baton's authors.";

constexpr KernelTest kKernelTests[] = {
    {{"kernel.handoff", "the handoff is whole and the image lies in its reservation", Critical,
      "loader/handoff/handoff.h", kOurs},
     test_handoff},
    {{"kernel.ledger", "every byte has one owner and the sums come out", Critical,
      "mm/ledger.h: address space = e820 types + gaps; usable = buddy + per-CPU lists + allocated "
      "+ "
      "reservations + trims",
      kOurs},
     test_ledger},
    {{"kernel.pages.wx", "no page is writable and executable", High, "The live page tables, walked",
      kOurs},
     test_write_xor_execute},
    {{"kernel.pages.image", "text and rodata are read-only through every mapping", High,
      "The live page tables, walked", kOurs},
     test_image_read_only},
    {{"kernel.pages.exact", "page tables map all RAM where it should be, and nothing besides", High,
      "loader/world.h: RAM, tables, runtime services, devices and the kernel's segments", kOurs},
     test_pages_exact},
    {{"kernel.pages.guard", "the page below each stack faults", High, "Found out by reading there",
      kOurs},
     test_guard_pages},
    {{"kernel.cpu.protection", "SMEP, SMAP and UMIP are on where the CPU has them", Medium,
      "Intel SDM vol. 3A section 2.5: CR4; CPUID leaf 7", kOurs},
     test_protections},
};

constexpr KernelTest kMmTests[] = {
    {{"mm.buddy.reserved", "no free block holds a byte that is reserved or no RAM", Critical,
      "mm/early_res.h: what is reserved is never handed out", kOurs},
     test_free_is_free},
    {{"mm.buddy.counts", "free_area, counters and managed pages agree", High, "mm/page_alloc.h",
      kOurs},
     test_counts},
    {{"mm.buddy.audit", "every structure of the allocator agrees with every other", Critical,
      "mm/audit.h", kOurs},
     test_audit},
    {{"mm.zones.largest", "each zone allocates to empty in the largest blocks and returns",
      Critical, "mm/page_alloc.h: alloc_pages, free_pages", kOurs},
     test_largest_blocks},
    {{"mm.zones.small", "small orders, interleaved, do not overlap and merge again", Critical,
      "mm/buddy.h: split and merge", kOurs},
     test_small_orders},
    // Before those that raise the marks and put them back.
    {{"mm.cpu.lists", "a CPU's lists keep what they may, and give all of it back", High,
      "mm/pcp.h; Linux 6.1: drain_pages()", kOurs},
     test_cpu_lists},
    {{"mm.zones.watermarks", "ordinary requests stop at the min mark, urgent ones do not", High,
      "Linux 6.1, mm/page_alloc.c: __setup_per_zone_wmarks() and __zone_watermark_ok()", kOurs},
     test_watermarks},
    {{"mm.zones.orders", "every order can be had, held side by side and given back", Critical,
      "mm/page_alloc.h: 2^order frames of RAM, aligned to their number, nobody else's", kOurs},
     test_orders},
    {{"mm.zones.types", "a type of which nothing is free takes a pageblock of another", High,
      "Linux 6.1, mm/page_alloc.c: fallbacks[] and steal_suitable_fallback()", kOurs},
     test_migratetypes},
    {{"mm.roads", "bootmem and memblock hand over the same memory, and buddy has it", Critical,
      "mm/handover.h: RAM that no reservation touches, frame for frame", kOurs},
     test_roads},
    {{"mm.nodes.local", "memory comes from the node that is asked for", Medium,
      "Linux: the preferred node's zones come first in its zonelist", kOurs},
     test_node_local},
    {{"mm.nodes.fallback", "a node without memory is served by the next one", Medium,
      "Linux: zonelists in order of distance", kOurs},
     test_node_fallback},
    {{"mm.free.refused", "double, unaligned, foreign and wrong-order frees are refused", High,
      "mm/page_alloc.h: free_pages", kOurs},
     test_wrong_frees},
};

}  // namespace

std::span<const KernelTest> kernel_tests() { return kKernelTests; }
std::span<const KernelTest> mm_tests() { return kMmTests; }

}  // namespace kernel
