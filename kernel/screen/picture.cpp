#include "kernel/screen/picture.h"

#include <algorithm>

#include "kernel/screen/picture_parts.h"

namespace kernel {

using namespace picture_parts;  // NOLINT: theirs and ours are one

namespace {

using mm::E820Type;
using mm::Phys;
using mm::Range;

uint32_t frames_to_pixels_up(uint64_t bytes, uint64_t scale) {
  return static_cast<uint32_t>((bytes + scale - 1) / scale);
}

}  // namespace

// --- Layout --------------------------------------------------------------------------------------

uint8_t Picture::name_index(std::string_view name) const {
  for (size_t i = 0; i < name_count_; ++i) {
    if (names_[i].name == name) return static_cast<uint8_t>(i);
  }
  return static_cast<uint8_t>(name_count_);
}

// Reservations by name, the largest first.
void Picture::gather(const PictureOf& of) {
  name_count_ = 0;
  for (const mm::Reservation& r : of.relay.reservations().entries()) {
    const uint8_t index = name_index(r.name);
    if (index == names_.size()) continue;  // drawn in the colour that follows
    if (index == name_count_) names_[name_count_++] = {r.name, 0};
    names_[index].bytes += r.range.size();
  }
  for (size_t i = 1; i < name_count_; ++i) {
    for (size_t at = i; at > 0 && names_[at - 1].bytes < names_[at].bytes; --at) {
      std::swap(names_[at], names_[at - 1]);
    }
  }
}

void Picture::add_piece(Range range, bool fold) {
  Piece& piece = pieces_[piece_count_++];
  NodeFlow& flow = flows_[flow_count_];
  piece.range = range;
  piece.fold = fold;
  piece.start = flow.length;
  piece.width = fold ? static_cast<uint32_t>(amount(range.size()).length + 4) * small().width
                     : frames_to_pixels_up(range.size(), scale_);
  flow.length += piece.width;
  ++flow.piece_count;
}

// RAM of the node, and what lies so close to it or is so small that folding it saves nothing.
bool Picture::flow_node(const PictureOf& of, const mm::NodeLayout& node, uint64_t fold_above) {
  NodeFlow& flow = flows_[flow_count_];
  flow = {.id = node.id, .first_piece = piece_count_};
  const Range span = mm::phys(node.spanned);
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
  for (const mm::E820Entry& entry : of.relay.e820().entries()) {
    const Range inside = entry.range.clip({start, span.end});
    if (inside.empty()) continue;
    if (entry.type != E820Type::Ram) {
      if (inside.size() <= fold_above && !take(inside)) return false;
      continue;
    }
    for (const mm::ActiveRange& active : of.relay.layout().active) {
      if (active.node != node.id) continue;
      const Range ram = mm::phys(active.pfns).clip(inside);
      if (!ram.empty() && !take(ram)) return false;
    }
  }
  if (end > start) add_piece({start, end}, false);
  return true;
}

// The finest scale at which all nodes fit.
bool Picture::lay_out(const PictureOf& of) {
  const uint32_t width = right_ - left_;
  uint64_t ram = 0;
  for (const mm::NodeLayout& node : of.relay.layout().nodes) ram += node.present << mm::kPageShift;
  scale_ = mm::align_up(std::max(ram / (uint64_t{width} * 64), mm::kPageSize), mm::kPageSize);
  for (;; scale_ = mm::align_up(scale_ + scale_ / 16, mm::kPageSize)) {
    piece_count_ = flow_count_ = nodes_left_out_ = 0;
    uint32_t top = body_top_;
    bool fits = true;
    for (const mm::NodeLayout& node : of.relay.layout().nodes) {
      if (node.spanned.empty()) continue;
      fits = fits && flow_node(of, node, scale_ * (width / 12));
      NodeFlow& flow = flows_[flow_count_];
      flow.top = top;
      flow.strips = (flow.length + width - 1) / width;
      top += unit_ + unit_ / 2 + flow.strips * pitch_;
      // With very many nodes the last ones are only counted.
      if (top > body_bottom_) {
        if (flow.strips <= 1 && flow_count_ > 0) {
          ++nodes_left_out_;
          piece_count_ = flow.first_piece;
          continue;
        }
        fits = false;
        break;
      }
      ++flow_count_;
    }
    if (fits || scale_ > ram) break;
  }
  return flow_count_ > 0;
}

Box Picture::strip_box(const NodeFlow& flow, uint32_t strip) const {
  const uint32_t top = flow.top + unit_ + unit_ / 4 + strip * pitch_;
  return {left_, top, right_, top + pitch_ - unit_ / 4};
}

template <class Visit>
void Picture::for_columns(const NodeFlow& flow, uint32_t strip, Range range, Visit visit) {
  const uint32_t width = right_ - left_;
  const uint32_t from = strip * width;
  for (size_t i = 0; i < flow.piece_count; ++i) {
    const Piece& piece = pieces_[flow.first_piece + i];
    if (piece.fold || piece.start + piece.width <= from || piece.start >= from + width) continue;
    const Range part = range.clip(piece.range);
    if (part.empty()) continue;
    // In the piece's own pixels, then in the strip's.
    uint64_t first = (part.start - piece.range.start) / scale_ + piece.start;
    uint64_t last = (part.end - piece.range.start - 1) / scale_ + piece.start;
    first = std::max<uint64_t>(first, from);
    last = std::min<uint64_t>(last, from + width - 1);
    for (uint64_t x = first; x <= last; ++x) {
      const Phys begin = piece.range.start + (x - piece.start) * scale_;
      const Range cell = Range{begin, begin + scale_}.clip(part);
      if (cell.empty()) continue;
      visit(columns_[x - from],
            static_cast<uint32_t>(mm::pfn_up(cell.end) - mm::pfn_down(cell.start)));
    }
  }
}

Box Picture::place_of(Phys address) const {
  const uint32_t width = right_ - left_;
  for (size_t f = 0; f < flow_count_; ++f) {
    const NodeFlow& flow = flows_[f];
    for (size_t i = 0; i < flow.piece_count; ++i) {
      const Piece& piece = pieces_[flow.first_piece + i];
      if (piece.fold || !piece.range.contains(address)) continue;
      const auto x = static_cast<uint32_t>((address - piece.range.start) / scale_) + piece.start;
      const Box strip = strip_box(flows_[f], x / width);
      const uint32_t lane = strip.height() / 5;
      return {left_ + x % width, strip.top + lane, left_ + x % width + 1, strip.bottom - lane};
    }
  }
  return {};
}

// --- Strips --------------------------------------------------------------------------------------

void Picture::fill_columns(const PictureOf& of, const NodeFlow& flow, uint32_t strip,
                           const TestProgress& progress) {
  std::fill(columns_.begin(), columns_.begin() + (right_ - left_), Column{});
  for (const mm::E820Entry& entry : of.relay.e820().entries()) {
    const uint8_t type = type_index(entry.type);
    for_columns(flow, strip, entry.range,
                [type](Column& c, uint32_t) { c.e820 = std::max(c.e820, type); });
  }
  const mm::NodeLayout& node = of.relay.layout().nodes[flow.id];
  for (const mm::ActiveRange& active : of.relay.layout().active) {
    if (active.node != flow.id) continue;
    for_columns(flow, strip, mm::phys(active.pfns),
                [](Column& c, uint32_t frames) { c.ram += frames; });
  }
  for (const mm::ZoneType zone : mm::kAllZones) {
    for_columns(flow, strip, mm::phys(node.zones[zone].spanned),
                [zone](Column& c, uint32_t) { c.zone = zone; });
  }
  for (const mm::Reservation& r : of.relay.reservations().entries()) {
    const uint8_t name = name_index(r.name);
    for_columns(flow, strip, r.range, [name](Column& c, uint32_t frames) {
      c.reserved += frames;
      if (frames >= c.most) {
        c.most = frames;
        c.name = name;
      }
    });
  }
  const auto add_free = [&](const mm::FreeBlock& block) {
    if (block.node != flow.id) return true;
    const Range range = mm::phys(mm::PfnRange{block.pfn, block.pfn + (uint64_t{1} << block.order)});
    for_columns(flow, strip, range, [&](Column& c, uint32_t frames) {
      c.free += frames;
      c.order_sum += frames * block.order;
    });
    return true;
  };
  of.pages.for_each_free_block(add_free);
  of.pages.for_each_cpu_block(
      [&](const mm::FreeBlock& block, unsigned) { return add_free(block); });

  for (const Range& range : progress.tested) {
    for_columns(flow, strip, range,
                [](Column& c, uint32_t) { c.test = std::max<uint8_t>(c.test, 1); });
  }
  for_columns(flow, strip, progress.now,
              [](Column& c, uint32_t) { c.test = std::max<uint8_t>(c.test, 2); });
  for (const Phys bad : progress.bad) {
    for_columns(flow, strip, {bad, bad + 1}, [](Column& c, uint32_t) { c.test = 3; });
  }
}

Colour Picture::content(const Column& column) const {
  if (column.test == 3) return kBad;
  if (column.test == 2) return kTesting;
  if (column.ram == 0 && column.reserved == 0) return column.e820 == 0 ? kBack : kEmpty;
  const uint32_t ram = std::max(column.ram, 1u);
  Colour colour = kUsed;
  if (column.free != 0) {
    const Colour free = of_order(column.order_sum * 16 / column.free);
    // What is in use among what is free must not vanish.
    const uint32_t used =
        ram > column.free + column.reserved ? ram - column.free - column.reserved : 0;
    colour = used == 0 ? free : mix(free, kUsed, std::clamp(used * 255 / ram, 70u, 255u));
  }
  if (column.reserved != 0) {
    const uint32_t part = std::min(column.reserved * 255 / ram, 255u);
    colour = mix(colour, of_name(column.name),
                 column.free == 0 && part > 200 ? 255u : std::max(part, 130u));
  }
  return column.test == 1 ? mix(colour, kTested, 210) : colour;
}

void Picture::draw_fold(const Piece& piece, uint32_t x, uint32_t right, uint32_t y) const {
  const Box box{x + 2, y, right - 2, y + pitch_ - unit_ / 4};
  const Text label = amount(piece.range.size());
  const uint32_t middle = y + (box.height() - unit_) / 2;
  screen_.fill(box, kBack);
  const uint32_t length = static_cast<uint32_t>(label.length) * small().width;
  const uint32_t at = x + ((right - x) - length) / 2;
  screen_.text(at, middle, small(), label.view(), kDim, kBack, right);
  // Dots on both sides: something was left out.
  for (uint32_t dot = x + 5; dot + 4 < right; dot += unit_ / 2) {
    if (dot + 3 > at - 3 && dot < at + length + 3) continue;
    screen_.fill({dot, y + box.height() / 2 - 1, dot + 2, y + box.height() / 2 + 1}, kDim);
  }
}

void Picture::draw_strip(const PictureOf& of, const NodeFlow& flow, uint32_t strip,
                         const TestProgress& progress) {
  fill_columns(of, flow, strip, progress);
  const Box box = strip_box(flow, strip);
  const uint32_t width = right_ - left_;
  const uint32_t from = strip * width;
  const uint32_t shown = std::min(width, flow.length - from);
  const uint32_t lane = box.height() / 5;
  const uint32_t line = std::max(unit_ / 16, 1u);

  for (uint32_t x = 0; x < shown; ++x) {
    const uint8_t type = columns_[x].e820;
    row_[x] = type == 0 ? kBack : kTypes[type - 1].colour;
  }
  screen_.line(box.left, box.top, row_.data(), shown, lane - line);
  for (uint32_t x = 0; x < shown; ++x) row_[x] = content(columns_[x]);
  screen_.line(box.left, box.top + lane, row_.data(), shown, box.height() - 2 * lane);
  for (uint32_t x = 0; x < shown; ++x) {
    const auto zone = columns_[x].zone;
    row_[x] = !zone || columns_[x].ram == 0 ? kBack : mix(kBack, of_zone(*zone), 170);
  }
  screen_.line(box.left, box.bottom - lane + line, row_.data(), shown, lane - line);

  // Address of the strip's first pixel; a strip that begins within a fold is named by what follows.
  bool labelled = false;
  for (size_t i = 0; i < flow.piece_count; ++i) {
    const Piece& piece = pieces_[flow.first_piece + i];
    if (piece.start + piece.width <= from || piece.start >= from + width) continue;
    if (!piece.fold && !labelled) {
      labelled = true;
      const uint64_t into = from > piece.start ? (from - piece.start) * scale_ : 0;
      const Text label = text("{:10x}", (piece.range.start + into).v);
      screen_.text(left_ - 11 * small().width, box.top + (box.height() - unit_) / 2, small(),
                   label.view(), kDim, kBack);
    }
    if (piece.fold) {
      // A fold that does not fit in the strip goes on in the next; the text stands in the larger
      // part.
      const uint32_t begin = std::max(piece.start, from) - from;
      const uint32_t end = std::min(piece.start + piece.width, from + width) - from;
      screen_.fill({left_ + begin, box.top, left_ + end, box.bottom}, kBack);
      if (end - begin >= piece.width / 2 + small().width)
        draw_fold(piece, left_ + begin, left_ + end, box.top);
    }
  }
}

void Picture::draw_node(const PictureOf& of, const NodeFlow& flow, const TestProgress& progress) {
  const mm::ZoneCounts counts = of.pages.node_counts(flow.id);
  const uint64_t present = counts.present << mm::kPageShift;
  const uint64_t free = (counts.free + counts.on_cpu_lists) << mm::kPageShift;
  uint32_t x = left_ - 11 * small().width;
  x = screen_.text(x, flow.top, strong(), text("node {}", flow.id).view(), kBright, kBack);
  x = screen_.text(left_, flow.top, strong(), amount(present).view(), kText, kBack);
  x = screen_.text(x, flow.top, small(), "   free ", kDim, kBack);
  x = screen_.text(x, flow.top, small(), amount(free).view(), kText, kBack);
  const uint64_t permille =
      present == 0 ? 0 : free / mm::kPageSize * 1000 / (present / mm::kPageSize);
  x = screen_.text(x, flow.top, small(), text(" ({}.{} %)", permille / 10, permille % 10).view(),
                   kDim, kBack);
  // Zones, from the right edge inwards, in address order.
  uint32_t length = 0;
  const auto for_zones = [&](auto visit) {
    for (const mm::ZoneType type : mm::kAllZones) {
      const uint64_t frames = of.pages.zone_counts(flow.id, type).present;
      if (frames != 0) visit(type, mm::zone_name(type), amount(frames << mm::kPageShift));
    }
  };
  for_zones([&](mm::ZoneType, const char* name, const Text& size) {
    length +=
        static_cast<uint32_t>(std::string_view(name).size() + size.length + 5) * small().width;
  });
  if (length < right_ - x) {
    x = right_ - length;
    for_zones([&](mm::ZoneType zone, const char* name, const Text& size) {
      const uint32_t third = unit_ / 3;
      screen_.fill(
          {x + small().width, flow.top + third, x + 2 * small().width, flow.top + unit_ - third},
          of_zone(zone));
      x = screen_.text(x + 3 * small().width, flow.top, small(), name, kText, kBack);
      x = screen_.text(x + small().width, flow.top, small(), size.view(), kDim, kBack);
      x += small().width;
    });
  }
  for (uint32_t strip = 0; strip < flow.strips; ++strip) draw_strip(of, flow, strip, progress);
}

void Picture::draw_progress(const TestProgress& progress) const {
  if (progress.line.empty()) return;
  const uint32_t y = legend_top_ - unit_ - unit_ / 4;
  screen_.fill({unit_, y, right_, y + unit_}, kBack);
  screen_.text(unit_, y, strong(), progress.line, progress.bad.empty() ? kTested : kBad, kBack,
               right_);
}

bool Picture::draw(const Framebuffer& screen, const PictureOf& of, const TestProgress& progress) {
  if (screen.width() < kMinWidth || screen.height() < kMinHeight || screen.width() > kMaxWidth) {
    return false;
  }
  screen_ = screen;
  face_ = &typeface_for(screen.width(), screen.height());
  unit_ = face_->regular->height;
  left_ = unit_ + 11 * face_->regular->width;
  right_ = screen.width() - unit_;
  body_top_ = unit_ * 9 / 4;
  const uint32_t legend = unit_ * (screen.height() >= unit_ * 40 ? 11 : 9);
  legend_top_ = screen.height() - legend - unit_ / 2;
  body_bottom_ = legend_top_ - unit_ * 3 / 2;
  pitch_ = unit_ + unit_ / 2;
  gather(of);
  if (!lay_out(of)) return false;
  // What is left over makes the strips taller.
  uint32_t strips = 0;
  uint32_t used = body_top_;
  for (size_t i = 0; i < flow_count_; ++i) {
    strips += flows_[i].strips;
    used += unit_ + unit_ / 2 + flows_[i].strips * pitch_;
  }
  if (used < body_bottom_ && strips != 0) {
    pitch_ = std::min(pitch_ + (body_bottom_ - used) / strips, unit_ * 4);
    uint32_t top = body_top_;
    for (size_t i = 0; i < flow_count_; ++i) {
      flows_[i].top = top;
      top += unit_ + unit_ / 2 + flows_[i].strips * pitch_;
    }
  }
  screen_.fill(screen_.box(), kBack);
  draw_header(of);
  for (size_t i = 0; i < flow_count_; ++i) draw_node(of, flows_[i], progress);
  if (nodes_left_out_ != 0) {
    screen_.text(left_, legend_top_ - unit_ - unit_ / 4, small(),
                 text("and {} more nodes, for which there is no room", nodes_left_out_).view(),
                 kDim, kBack, right_);
  }
  draw_legend(of);
  draw_progress(progress);
  last_now_ = progress.now;
  return true;
}

void Picture::refresh(const PictureOf& of, const TestProgress& progress) {
  const Range changed{std::min(last_now_.start, progress.now.start),
                      std::max(last_now_.end, progress.now.end)};
  const uint32_t width = right_ - left_;
  for (size_t f = 0; f < flow_count_; ++f) {
    const NodeFlow& flow = flows_[f];
    uint32_t done = ~uint32_t{0};  // the strip drawn last, which two pieces may share
    for (size_t i = 0; i < flow.piece_count; ++i) {
      const Piece& piece = pieces_[flow.first_piece + i];
      const Range part = changed.clip(piece.range);
      if (piece.fold || part.empty()) continue;
      const auto first =
          static_cast<uint32_t>((part.start - piece.range.start) / scale_ + piece.start) / width;
      const auto last =
          static_cast<uint32_t>((part.end - piece.range.start - 1) / scale_ + piece.start) / width;
      for (uint32_t strip = first; strip <= last; ++strip) {
        if (strip == done) continue;
        draw_strip(of, flow, strip, progress);
        done = strip;
      }
    }
  }
  draw_progress(progress);
  last_now_ = progress.now;
}

}  // namespace kernel
