#include "tools/replay/say.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "mm/picture/text_picture.h"
#include "mm/show.h"
#include "tools/replay/compare.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

constexpr size_t kWidth = 100;

// Words in lines of kWidth, the first behind `first`, the others below its end.
std::string wrapped(std::string_view first, std::string_view words) {
  std::string text(first);
  const std::string indent(first.size(), ' ');
  size_t column = first.size();
  for (bool begun = false; !words.empty(); begun = true) {
    const size_t length = std::min(words.find(' '), words.size());
    if (begun && column + 1 + length > kWidth) {
      text += "\n" + indent;
      column = indent.size();
    } else if (begun) {
      text += ' ';
      ++column;
    }
    text += words.substr(0, length);
    column += length;
    words.remove_prefix(std::min(length + 1, words.size()));
  }
  return text + "\n";
}

void print_buddyinfo(const Replayed& replayed, const mm::Printer& out) {
  const mm::PageAllocatorCore& pages = replayed.pages();
  using Counts = std::array<uint64_t, mm::kOrders>;
  std::vector<mm::PerZone<Counts>> nodes(replayed.relay().layout().nodes.size());
  pages.for_each_free_block([&](const mm::FreeBlock& block) {
    ++nodes[block.node][block.zone][block.order];
    return true;
  });
  for (const mm::NodeLayout& node : pages.layout().nodes) {
    for (const mm::ZoneType z : mm::kAllZones) {
      if (node.zones[z].present == 0) continue;
      out.part("Node {}, zone {:>8} ", node.id, z);
      for (const uint64_t blocks : nodes[node.id][z]) out.part("{:6} ", blocks);
      out.line("");
    }
  }
}

}  // namespace

std::string findings_text(std::span<const Finding> findings) {
  const auto notes = static_cast<size_t>(
      std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.note; }));
  const size_t faults = findings.size() - notes;
  std::string text = faults == 0 ? "Nothing is wrong with this machine's memory map.\n"
                                 : said("Findings: {}\n", faults);
  size_t number = 0;
  for (const Finding& finding : findings) {
    if (finding.note && number++ == faults) text += said("Notes: {}\n", notes);
    if (!finding.note) ++number;
    const std::string head = finding.note ? "  - " : said("  {}. ", number);
    text += wrapped(head, finding.text);
    text += wrapped(std::string(head.size(), ' '),
                    std::string("(") + finding.name + ") " + finding.advice);
  }
  return text + "\n";
}

void print_log(const Replayed& replayed, unsigned columns, const mm::Printer& out) {
  out.text(replayed.log());
  mm::show_memory_line(replayed.pages(), std::nullopt, out);
  print_buddyinfo(replayed, out);
  out.text(replayed.ledger());
  mm::print_text_picture(replayed.relay(), columns, out);
  out.text(differences(replayed.machine().linux_made, replayed.relay()));
}

std::string explain_text(const Replayed& replayed, mm::Phys address) {
  std::string text = said("{}:\n", address);
  for (const Owner& owner : owners_of(replayed, address)) {
    text += said("  {:<12} ", owner.station) + owner.what;
    if (!owner.range.empty()) text += said(" {}", mm::mem(owner.range));
    text += "\n";
  }
  return text;
}

}  // namespace replay
