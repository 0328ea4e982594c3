#include "kernel/screen/picture.h"

#include <algorithm>

#include "kernel/screen/picture_parts.h"

namespace kernel {

using namespace picture_parts;  // NOLINT: theirs and ours are one

namespace {

uint32_t fold_width(const mm::Sheet& sheet, uint64_t bytes) {
  return static_cast<uint32_t>(amount(bytes).length + 4) * sheet.letter;
}

mm::TestMarks marks_of(const TestProgress& progress) {
  return {progress.tested, progress.now, progress.bad};
}

}  // namespace

Box Picture::strip_box(const mm::NodeFlow& flow, uint32_t strip) const {
  const uint32_t top = flow.top + unit_ + unit_ / 4 + strip * pieces_.pitch();
  return {left_, top, right_, top + pieces_.pitch() - unit_ / 4};
}

Box Picture::place_of(mm::Phys address) const {
  const auto place = pieces_.find(address);
  if (!place) return {};
  const Box strip = strip_box(*place->flow, place->strip);
  const uint32_t lane = strip.height() / 5;
  const uint32_t x = left_ + place->column;
  return {x, strip.top + lane, x + 1, strip.bottom - lane};
}

// --- Strips --------------------------------------------------------------------------------------

Colour Picture::content(const mm::PictureColumn& column) const {
  if (column.test == mm::Tested::Bad) return kBad;
  if (column.test == mm::Tested::Now) return kTesting;
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
  return column.test == mm::Tested::Done ? mix(colour, kTested, 210) : colour;
}

void Picture::draw_fold(const mm::Piece& piece, uint32_t x, uint32_t right, uint32_t y) const {
  const Box box{x + 2, y, right - 2, y + pieces_.pitch() - unit_ / 4};
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

void Picture::draw_strip(const PictureOf& of, const mm::NodeFlow& flow, uint32_t strip,
                         const TestProgress& progress) {
  pieces_.fill(of.relay, of.pages, flow, strip, marks_of(progress), columns_);
  draw_lanes(flow, strip);
  draw_folds(flow, strip);
}

void Picture::draw_lanes(const mm::NodeFlow& flow, uint32_t strip) {
  const Box box = strip_box(flow, strip);
  const uint32_t width = right_ - left_;
  const uint32_t shown = std::min(width, flow.length - strip * width);
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
    const mm::ZoneType zone = columns_[x].zone;
    const bool none = zone == mm::kNoZone || columns_[x].ram == 0;
    row_[x] = none ? kBack : mix(kBack, of_zone(zone), 170);
  }
  screen_.line(box.left, box.bottom - lane + line, row_.data(), shown, lane - line);
}

void Picture::draw_folds(const mm::NodeFlow& flow, uint32_t strip) const {
  const Box box = strip_box(flow, strip);
  const uint32_t width = right_ - left_;
  const uint32_t from = strip * width;
  // Address of the strip's first pixel; a strip that begins within a fold is named by what follows.
  bool labelled = false;
  for (const mm::Piece& piece : pieces_.pieces(flow)) {
    if (piece.start + piece.width <= from || piece.start >= from + width) continue;
    if (!piece.fold && !labelled) {
      labelled = true;
      const uint64_t into = from > piece.start ? (from - piece.start) * pieces_.scale() : 0;
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

void Picture::draw_node(const PictureOf& of, const mm::NodeFlow& flow,
                        const TestProgress& progress) {
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
  const uint32_t legend = unit_ * (screen.height() >= unit_ * 40 ? 11 : 9);
  legend_top_ = screen.height() - legend - unit_ / 2;
  const mm::Sheet sheet{.columns = right_ - left_,
                        .top = unit_ * 9 / 4,
                        .bottom = legend_top_ - unit_ * 3 / 2,
                        .title = unit_ + unit_ / 2,
                        .pitch = unit_ + unit_ / 2,
                        .most_pitch = unit_ * 4,
                        .fold_width = fold_width,
                        .letter = face_->regular->width};
  if (!pieces_.lay_out(of.relay, sheet)) return false;
  screen_.fill(screen_.box(), kBack);
  draw_header(of);
  for (const mm::NodeFlow& flow : pieces_.flows()) draw_node(of, flow, progress);
  if (pieces_.nodes_left_out() != 0) {
    screen_.text(
        left_, legend_top_ - unit_ - unit_ / 4, small(),
        text("and {} more nodes, for which there is no room", pieces_.nodes_left_out()).view(),
        kDim, kBack, right_);
  }
  draw_legend(of);
  draw_progress(progress);
  last_now_ = progress.now;
  return true;
}

void Picture::refresh(const PictureOf& of, const TestProgress& progress) {
  const mm::Range changed{std::min(last_now_.start, progress.now.start),
                          std::max(last_now_.end, progress.now.end)};
  for (const mm::NodeFlow& flow : pieces_.flows()) {
    pieces_.for_strips(flow, changed,
                       [&](uint32_t strip) { draw_strip(of, flow, strip, progress); });
  }
  draw_progress(progress);
  last_now_ = progress.now;
}

}  // namespace kernel
