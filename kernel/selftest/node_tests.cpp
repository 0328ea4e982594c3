// Which node serves a request, and which frees nobody may make.
#include "kernel/selftest/zone_probe.h"
#include "kernel/smp/drain.h"

namespace kernel {
namespace {

using enum loader::Severity;
using mm::Node;
using mm::NodeId;
using mm::Pfn;

Verdict test_node_local(Booted& machine) {
  constexpr uint64_t kPlenty = 4096;  // pages above all watermarks of any node
  Pages& pages = machine.relay.pages();
  size_t nodes = 0;
  for (size_t id = 0; id < pages.node_count(); ++id) {
    const auto node = static_cast<NodeId>(id);
    if (pages.node_counts(node).free < kPlenty) continue;
    ++nodes;
    for (const unsigned order : {0U, 3U, 9U}) {
      const mm::PagesOr block = pages.alloc_pages(
          arch::this_cpu(), mm::kGfpHighUserMovable | mm::kGfpFlagNoWarn, order, node);
      if (!block) return Verdict::fail("node {} gave no block of order {}", node, order);
      const Node* home = pages.node_of(block.value());
      const NodeId from = home == nullptr ? mm::kNoNode : home->id;
      if (!pages.free_pages(arch::this_cpu(), block.value(), order)) {
        return Verdict::fail("free at frame {} was refused", block.value());
      }
      if (from != node) {
        return Verdict::fail("asked node {}, frame {} came from node {}", node, block.value(),
                             from);
      }
    }
  }
  drain_everywhere(pages);
  return nodes == 0 ? Verdict::skip("no node has memory to spare") : Verdict::pass();
}

Verdict test_node_fallback(Booted& machine) {
  Pages& pages = machine.relay.pages();
  size_t without = 0;
  for (const mm::NodeLayout& layout : pages.layout().nodes) {
    if (layout.present != 0) continue;
    ++without;
    NodeId expected = mm::kNoNode;
    for (uint16_t i = 0; i < layout.fallback_count && expected == mm::kNoNode; ++i) {
      if (pages.layout().nodes[layout.fallback[i]].present != 0) expected = layout.fallback[i];
    }
    const mm::PagesOr block =
        pages.alloc_pages(arch::this_cpu(), mm::kGfpKernel | mm::kGfpFlagMovable, 0, layout.id);
    if (!block) return Verdict::fail("node {}, which has no memory, gave no page", layout.id);
    const Node* home = pages.node_of(block.value());
    const NodeId from = home == nullptr ? mm::kNoNode : home->id;
    if (!pages.free_pages(arch::this_cpu(), block.value(), 0)) {
      return Verdict::fail("free at frame {} was refused", block.value());
    }
    if (from != expected) {
      return Verdict::fail("node {} was served by node {}, nearest is {}", layout.id, from,
                           expected);
    }
  }
  drain_everywhere(pages);
  return without == 0 ? Verdict::skip("every node has memory") : Verdict::pass();
}

Verdict test_wrong_frees(Booted& machine) {
  Pages& pages = machine.relay.pages();
  const FreeSet before = free_set(pages);
  const mm::PagesOr block =
      pages.alloc_pages(arch::this_cpu(), mm::kGfpHighUserMovable | mm::kGfpFlagNoWarn, 1, 0);
  if (!block) return Verdict::fail("no block of order 1");
  const Pfn pfn = block.value();
  const Pfn text{machine.kept.segments()[0].physical >> mm::kPageShift};
  struct Wrong {
    const char* what;
    Pfn pfn;
    unsigned order;
  };
  const Wrong wrongs[] = {
      {"another order", pfn, 0},
      {"the inside of a block", pfn + 1, 0},
      {"an unaligned frame", pfn + 1, 1},
      {"an order beyond the largest", pfn, mm::kOrders},
      {"the kernel's text", text, 0},
      {"a frame beyond all memory", mm::pfn_down(mm::Phys{mm::kMaxPhys}) - 1, 0},
  };
  for (const Wrong& wrong : wrongs) {
    if (pages.free_pages(arch::this_cpu(), wrong.pfn, wrong.order)) {
      return Verdict::fail("freeing {} was accepted", wrong.what);
    }
  }
  if (!pages.free_pages(arch::this_cpu(), pfn, 1))
    return Verdict::fail("the right free was refused");
  if (pages.free_pages(arch::this_cpu(), pfn, 1))
    return Verdict::fail("a double free was accepted");
  if (free_set(pages) != before) return Verdict::fail("free memory is not what it was");
  return Verdict::pass();
}

constexpr KernelTest kTests[] = {
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

std::span<const KernelTest> node_tests() { return kTests; }

}  // namespace kernel
