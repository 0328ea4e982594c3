#include "tools/replay/picture/page_data.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "mm/picture/pieces.h"
#include "tools/replay/picture/free_runs.h"
#include "tools/replay/picture/json_writer.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using mm::E820Entry;
using mm::E820Type;
using mm::Range;

// `start, end` of an array that goes on.
JsonWriter& open_range(JsonWriter& json, Range range) {
  return json.open('[').number(range.start.v).number(range.end.v);
}
void write_range(JsonWriter& json, Range range) { open_range(json, range).close(']'); }
void write_named(JsonWriter& json, Range range, std::string_view name) {
  open_range(json, range).string(name).close(']');
}

// --- Types ---------------------------------------------------------------------------------------

// Those that occur, each once; entries name them by their place.
std::vector<E820Type> types_of(std::span<const E820Entry> said, const mm::E820Table& now) {
  std::vector<E820Type> types;
  const auto add = [&](std::span<const E820Entry> entries) {
    for (const E820Entry& entry : entries) {
      if (std::find(types.begin(), types.end(), entry.type) == types.end()) {
        types.push_back(entry.type);
      }
    }
  };
  add(said);
  add(now.entries());
  std::sort(types.begin(), types.end(),
            [](E820Type a, E820Type b) { return mm::picture_rank(a) < mm::picture_rank(b); });
  return types;
}

void write_types(JsonWriter& json, std::span<const E820Type> types) {
  json.key("types").open('[');
  for (const E820Type type : types) {
    json.open('{').key("name").string(said("{}", type));
    json.key("rank").number(mm::picture_rank(type)).close('}');
  }
  json.close(']');
}

void write_entries(JsonWriter& json, std::string_view key, std::span<const E820Entry> entries,
                   const std::vector<E820Type>& types) {
  json.key(key).open('[');
  for (const E820Entry& entry : entries) {
    const auto at = std::find(types.begin(), types.end(), entry.type);
    open_range(json, entry.range).number(static_cast<uint64_t>(at - types.begin())).close(']');
  }
  json.close(']');
}

// --- Nodes ---------------------------------------------------------------------------------------

void write_zone(JsonWriter& json, const Replayed& replayed, const mm::NodeLayout& node,
                mm::ZoneType type, std::span<const uint64_t> free) {
  const mm::ZoneLayout& zone = node.zones[type];
  const mm::ZoneCounts counts = replayed.pages().zone_counts(node.id, type);
  json.open('{').key("name").string(mm::zone_name(type));
  write_range(json.key("span"), mm::phys(zone.spanned));
  json.key("present").number(counts.present * mm::kPageSize);
  json.key("managed").number(counts.managed * mm::kPageSize);
  json.key("ranges").open('[');
  for (const mm::ActiveRange& active : replayed.relay().layout().active) {
    if (active.node != node.id) continue;
    const Range part = mm::phys(mm::frames_of_zone(node, type, active));
    if (!part.empty()) write_range(json, part);
  }
  json.close(']').key("free").open('[');
  for (const uint64_t blocks : free) json.number(blocks);
  json.close(']').close('}');
}

void write_node(JsonWriter& json, const Replayed& replayed, const mm::NodeLayout& node,
                std::span<const mm::Piece> pieces, const FreeCounts& free) {
  json.open('{').key("id").number(node.id);
  write_range(json.key("span"), mm::phys(node.spanned));
  json.key("present").number(node.present * mm::kPageSize);
  json.key("ram").open('[');
  for (const mm::ActiveRange& active : replayed.relay().layout().active) {
    if (active.node == node.id) write_range(json, mm::phys(active.pfns));
  }
  json.close(']').key("pieces").open('[');
  for (const mm::Piece& piece : pieces) {
    open_range(json, piece.range).number(piece.fold ? 1 : 0).close(']');
  }
  json.close(']').key("zones").open('[');
  for (const mm::ZoneType type : mm::kAllZones) {
    if (!node.zones[type].spanned.empty()) {
      write_zone(json, replayed, node, type, free[node.id][type]);
    }
  }
  json.close(']').close('}');
}

// A strip for each node: the page has the width to itself, and zooms.
bool lay_out(mm::Pieces& pieces, const mm::RelayCore& relay) {
  uint32_t strips = 0;
  for (const mm::NodeLayout& node : relay.layout().nodes) strips += node.spanned.empty() ? 0 : 1;
  return pieces.lay_out(relay,
                        {.columns = 1200,
                         .bottom = strips,
                         .pitch = 1,
                         .most_pitch = 1,
                         .fold_width = [](const mm::Sheet&, uint64_t) -> uint32_t { return 48; }});
}

void write_nodes(JsonWriter& json, const Replayed& replayed, const FreeCounts& free) {
  const auto pieces = std::make_unique<mm::Pieces>();
  json.key("nodes").open('[');
  if (lay_out(*pieces, replayed.relay())) {
    for (const mm::NodeFlow& flow : pieces->flows()) {
      write_node(json, replayed, replayed.relay().layout().nodes[flow.id], pieces->pieces(flow),
                 free);
    }
  }
  json.close(']').key("left_out").number(pieces->nodes_left_out());
}

// Where the machine's own tables lie lower than a kernel would have them, for want of addresses
// (PretendMemory::kReach): below what. 0: they lie where they should.
uint64_t tables_below(const mm::RelayCore& relay) {
  for (const mm::NodeLayout& node : relay.layout().nodes) {
    for (const mm::ZoneType type : mm::kAllZones) {
      const mm::PfnRange span = node.zones[type].spanned;
      const bool high = type == mm::ZoneType::HighMem || type == mm::ZoneType::Movable;
      if (!high && !span.empty() && span.end > relay.max_low()) return mm::phys(relay.max_low()).v;
    }
  }
  return 0;
}

// --- The rest ------------------------------------------------------------------------------------

void write_findings(JsonWriter& json, std::span<const Finding> findings) {
  json.key("findings").open('[');
  for (const Finding& finding : findings) {
    json.open('{').key("name").string(finding.name).key("note").number(finding.note ? 1 : 0);
    json.key("text").string(finding.text).key("advice").string(finding.advice);
    json.key("where").open('[');
    for (const Range range : finding.where) write_range(json, range);
    json.close(']').close('}');
  }
  json.close(']');
}

void write_named_ranges(JsonWriter& json, const Replayed& replayed) {
  json.key("taken").open('[');
  for (const Taken& taken : replayed.taken()) write_named(json, taken.range, taken.why);
  json.close(']').key("reservations").open('[');
  for (const mm::Reservation& r : replayed.relay().reservations().entries()) {
    write_named(json, r.range, r.name);
  }
  json.close(']').key("srat").open('[');
  for (const mm::MemoryAffinity& entry : replayed.machine().srat) {
    open_range(json, entry.range).number(entry.node);
    json.string(std::string(entry.hotplug ? ", hotplug" : "") +
                (entry.nonvolatile ? ", non-volatile" : ""));
    json.close(']');
  }
  json.close(']');
}

void write_free(JsonWriter& json, std::span<const FreeRun> runs) {
  json.key("free").open('[');
  for (const FreeRun& run : runs) {
    json.open('[').number(mm::phys(run.start).v).number(run.order).number(run.count);
    json.string(mm::migratetype_name(run.migratetype)).close(']');
  }
  json.close(']');
}

}  // namespace

std::string page_data(const PageWords& words, const Replayed& replayed,
                      std::span<const Finding> findings) {
  const Machine& machine = replayed.machine();
  const std::vector<E820Entry> said = machine.said();
  const std::vector<E820Type> types = types_of(said, replayed.relay().e820());
  JsonWriter json;
  json.open('{').key("format").string("baton-page").key("version").number(1);
  json.key("title").string(words.title).key("answers").string(words.answers);
  json.key("remarks").open('[');
  for (const Remark& remark : machine.remarks) {
    json.open('{').key("line").number(remark.line).key("text").string(remark.text).close('}');
  }
  json.close(']');
  write_findings(json, findings);
  write_types(json, types);
  write_entries(json, "firmware", said, types);
  write_entries(json, "e820", replayed.relay().e820().entries(), types);
  write_named_ranges(json, replayed);
  write_nodes(json, replayed, free_counts_of(replayed.pages()));
  write_free(json, free_runs_of(replayed.pages()));
  json.key("migratetype").string(mm::migratetype_name(mm::Migratetype::Movable));
  json.key("tables_below").number(tables_below(replayed.relay()));
  json.key("ledger").string(replayed.ledger()).key("open").string(replayed.open());
  json.key("log").string(replayed.log()).close('}');
  return json.text();
}

}  // namespace replay
