#include "mm/picture/pieces.h"

#include <iterator>
#include <utility>

namespace mm {

uint8_t picture_rank(E820Type type) {
  const auto* const at = std::find(std::begin(kPictureTypes), std::end(kPictureTypes), type);
  if (at == std::end(kPictureTypes)) return picture_rank(E820Type::Reserved);
  return static_cast<uint8_t>(at - std::begin(kPictureTypes) + 1);
}

// --- Where ---------------------------------------------------------------------------------------

uint8_t Pieces::name_index(std::string_view name) const {
  for (size_t i = 0; i < name_count_; ++i) {
    if (names_[i].name == name) return static_cast<uint8_t>(i);
  }
  return static_cast<uint8_t>(name_count_);
}

void Pieces::gather_names(const RelayCore& relay) {
  name_count_ = 0;
  for (const Reservation& r : relay.reservations().entries()) {
    const uint8_t index = name_index(r.name);
    if (index == names_.size()) continue;
    if (index == name_count_) names_[name_count_++] = {r.name, 0};
    names_[index].bytes += r.range.size();
  }
  for (size_t i = 1; i < name_count_; ++i) {
    for (size_t at = i; at > 0 && names_[at - 1].bytes < names_[at].bytes; --at) {
      std::swap(names_[at], names_[at - 1]);
    }
  }
}

void Pieces::add_piece(Range range, bool fold) {
  Piece& piece = pieces_[piece_count_++];
  NodeFlow& flow = flows_[flow_count_];
  piece.range = range;
  piece.fold = fold;
  piece.start = flow.length;
  piece.width = fold ? sheet_.fold_width(sheet_, range.size())
                     : static_cast<uint32_t>((range.size() + scale_ - 1) / scale_);
  flow.length += piece.width;
  ++flow.piece_count;
}

// RAM of the node, and what lies so close to it or is so small that folding it saves nothing.
bool Pieces::flow_node(const RelayCore& relay, const NodeLayout& node, uint64_t fold_above) {
  NodeFlow& flow = flows_[flow_count_];
  flow = {.id = node.id, .first_piece = piece_count_};
  const Range span = phys(node.spanned);
  Phys start = span.start.v < fold_above ? Phys{0} : span.start;
  Phys end = start;
  const auto take = [&](Range range) {
    if (range.end <= end) return true;
    if (piece_count_ + 3 > pieces_.size()) return false;
    if (range.start > end && range.start - end > fold_above) {
      if (end > start) add_piece({start, end}, false);
      if (end > start || flow.length != 0) add_piece({end, range.start}, true);
      start = range.start;
    }
    end = range.end;
    return true;
  };
  // RAM of other nodes within the span is a hole here.
  for (const E820Entry& entry : relay.e820().entries()) {
    const Range inside = entry.range.clip({start, span.end});
    if (inside.empty()) continue;
    if (entry.type != E820Type::Ram) {
      if (inside.size() <= fold_above && !take(inside)) return false;
      continue;
    }
    for (const ActiveRange& active : relay.layout().active) {
      if (active.node != node.id) continue;
      const Range ram = phys(active.pfns).clip(inside);
      if (!ram.empty() && !take(ram)) return false;
    }
  }
  if (end > start) add_piece({start, end}, false);
  return true;
}

// At the present scale; false when they do not fit.
bool Pieces::place_nodes(const RelayCore& relay) {
  piece_count_ = flow_count_ = nodes_left_out_ = 0;
  uint32_t top = sheet_.top;
  bool fits = true;
  bool coarsest = true;  // every node has one strip, which no scale makes less
  for (const NodeLayout& node : relay.layout().nodes) {
    if (node.spanned.empty()) continue;
    fits = fits && flow_node(relay, node, scale_ * (sheet_.columns / 12));
    NodeFlow& flow = flows_[flow_count_];
    flow.top = top;
    flow.strips = (flow.length + sheet_.columns - 1) / sheet_.columns;
    top += sheet_.title + flow.strips * sheet_.pitch;
    coarsest = coarsest && flow.strips <= 1;
    // With very many nodes the last ones are only counted.
    if (top > sheet_.bottom) {
      if (coarsest && flow_count_ > 0) {
        ++nodes_left_out_;
        piece_count_ = flow.first_piece;
        continue;
      }
      return false;
    }
    ++flow_count_;
  }
  return fits;
}

// What is left over makes the strips taller.
void Pieces::spread_strips() {
  uint32_t strips = 0;
  uint32_t used = sheet_.top;
  for (const NodeFlow& flow : flows()) {
    strips += flow.strips;
    used += sheet_.title + flow.strips * sheet_.pitch;
  }
  if (used >= sheet_.bottom || strips == 0) return;
  sheet_.pitch = std::min(sheet_.pitch + (sheet_.bottom - used) / strips, sheet_.most_pitch);
  uint32_t top = sheet_.top;
  for (size_t i = 0; i < flow_count_; ++i) {
    flows_[i].top = top;
    top += sheet_.title + flows_[i].strips * sheet_.pitch;
  }
}

bool Pieces::lay_out(const RelayCore& relay, const Sheet& sheet) {
  sheet_ = sheet;
  gather_names(relay);
  uint64_t ram = 0;
  for (const NodeLayout& node : relay.layout().nodes) ram += node.present << kPageShift;
  scale_ = align_up(std::max(ram / (uint64_t{sheet.columns} * 64), kPageSize), kPageSize);
  while (!place_nodes(relay) && scale_ <= ram) scale_ = align_up(scale_ + scale_ / 16, kPageSize);
  if (flow_count_ == 0) return false;
  spread_strips();
  return true;
}

std::optional<Pieces::Place> Pieces::find(Phys address) const {
  for (const NodeFlow& flow : flows()) {
    for (const Piece& piece : pieces(flow)) {
      if (piece.fold || !piece.range.contains(address)) continue;
      const uint32_t column = column_of(piece, address);
      return Place{&flow, column / sheet_.columns, column % sheet_.columns};
    }
  }
  return std::nullopt;
}

// --- What ----------------------------------------------------------------------------------------

template <class Visit>
void Pieces::for_columns(const NodeFlow& flow, uint32_t strip, std::span<PictureColumn> columns,
                         Range range, Visit visit) const {
  const uint32_t width = sheet_.columns;
  const uint32_t from = strip * width;
  for (const Piece& piece : pieces(flow)) {
    if (piece.fold || piece.start + piece.width <= from || piece.start >= from + width) continue;
    const Range part = range.clip(piece.range);
    if (part.empty()) continue;
    // In the piece's own columns, then in the strip's.
    const uint32_t first = std::max(column_of(piece, part.start), from);
    const uint32_t last = std::min(column_of(piece, part.end - 1), from + width - 1);
    for (uint32_t x = first; x <= last; ++x) {
      const Phys begin = piece.range.start + (x - piece.start) * scale_;
      const Range cell = Range{begin, begin + scale_}.clip(part);
      if (cell.empty()) continue;
      visit(columns[x - from], static_cast<uint32_t>(pfn_up(cell.end) - pfn_down(cell.start)));
    }
  }
}

void Pieces::fill(const RelayCore& relay, const PageAllocatorCore& pages, const NodeFlow& flow,
                  uint32_t strip, const TestMarks& marks, std::span<PictureColumn> columns) const {
  std::fill_n(columns.begin(), sheet_.columns, PictureColumn{});
  const auto each = [&](Range range, auto visit) {
    for_columns(flow, strip, columns, range, visit);
  };
  for (const E820Entry& entry : relay.e820().entries()) {
    const uint8_t type = picture_rank(entry.type);
    each(entry.range, [type](PictureColumn& c, uint32_t) { c.e820 = std::max(c.e820, type); });
  }
  count_ram(relay, flow.id, each);
  for (const ZoneType zone : kAllZones) {
    each(phys(relay.layout().nodes[flow.id].zones[zone].spanned),
         [zone](PictureColumn& c, uint32_t) { c.zone = zone; });
  }
  const Range all{Phys{0}, Phys{kMaxPhys}};
  count_reserved(relay, all, each, [&](PictureColumn& c, uint32_t frames, const Reservation& r) {
    if (frames < c.most) return;
    c.most = frames;
    c.name = name_index(r.name);
  });
  const auto add_free = [&](const FreeBlock& block) {
    if (block.node != flow.id) return true;
    each(phys(PfnRange{block.pfn, block.pfn + (uint64_t{1} << block.order)}),
         [&](PictureColumn& c, uint32_t frames) {
           c.free += frames;
           c.order_sum += frames * block.order;
         });
    return true;
  };
  pages.for_each_free_block(add_free);
  pages.for_each_cpu_block([&](const FreeBlock& block, unsigned) { return add_free(block); });

  const auto mark = [&](Range range, Tested as) {
    each(range, [as](PictureColumn& c, uint32_t) { c.test = std::max(c.test, as); });
  };
  for (const Range& range : marks.done) mark(range, Tested::Done);
  mark(marks.now, Tested::Now);
  for (const Phys bad : marks.bad) mark({bad, bad + 1}, Tested::Bad);
}

}  // namespace mm
