// The picture's frame: its title above, its legend below.
#include <algorithm>
#include <array>

#include "kernel/screen/picture.h"
#include "kernel/screen/picture_parts.h"

namespace kernel {

using namespace picture_parts;  // NOLINT: theirs and ours are one

void Picture::draw_header(const PictureOf& of) const {
  const uint32_t margin = unit_;
  uint32_t x = screen_.text(margin, unit_ / 2, strong(), "Baton", {116, 186, 255}, kBack);
  x = screen_.text(x + 2 * small().width, unit_ / 2, small(), of.title, kText, kBack, right_);
  const Text scale = text("one pixel is ");
  const Text bytes = amount(pieces_.scale());
  const auto length = static_cast<uint32_t>(scale.length + bytes.length) * small().width;
  if (x + length + 2 * small().width < right_) {
    x = screen_.text(right_ - length, unit_ / 2, small(), scale.view(), kDim, kBack);
    screen_.text(x, unit_ / 2, small(), bytes.view(), kText, kBack);
  }
  screen_.fill({margin, unit_ * 7 / 4, right_, unit_ * 7 / 4 + std::max(unit_ / 16, 1u)}, kPanel);
}

namespace {

struct LegendLine {
  const Framebuffer& screen;
  const Typeface& face;
  uint32_t unit;
  // A swatch, a name and a number that ends at `right`.
  void draw(uint32_t left, uint32_t right, uint32_t y, Colour swatch, std::string_view name,
            std::string_view number) const {
    const uint32_t w = face.regular->width;
    screen.fill({left, y + unit / 4, left + unit * 3 / 4, y + unit}, swatch);
    const auto length = static_cast<uint32_t>(number.size()) * w;
    screen.text(left + unit + unit / 4, y, *face.regular, name, kText, kPanel, right - length - w);
    screen.text(right - length, y, *face.regular, number, kDim, kPanel, right);
  }
};

}  // namespace

uint32_t Picture::draw_e820_legend(const PictureOf& of, Box box) const {
  const LegendLine line{screen_, *face_, unit_};
  uint32_t y = box.top;
  screen_.text(box.left, y, strong(), "e820 (upper edge {:#x})", kBright, kPanel);
  y += unit_ + unit_ / 4;
  for (const TypeLook& look : kTypes) {
    uint64_t bytes = 0;
    for (const mm::E820Entry& entry : of.relay.e820().entries()) {
      if (mm::picture_rank(entry.type) == mm::picture_rank(look.type)) bytes += entry.range.size();
    }
    if (bytes == 0 || y + unit_ > box.bottom) continue;
    line.draw(box.left, box.right, y, look.colour, look.name, amount(bytes).view());
    y += unit_;
  }
  return y;
}

void Picture::draw_names_legend(Box box) const {
  const LegendLine line{screen_, *face_, unit_};
  screen_.text(box.left, box.top, strong(), "in use, by name", kBright, kPanel);
  const uint32_t gap = small().width * 2;
  const uint32_t rows = (box.height() - unit_ - unit_ / 4) / unit_;
  const uint32_t columns = box.width() > 52 * small().width ? 2 : 1;
  const uint32_t each = (box.width() - gap * (columns - 1)) / columns;
  const size_t room = size_t{rows} * columns;
  const std::span<const mm::Pieces::Name> names = pieces_.names();
  const size_t shown = names.size() <= room ? names.size() : room - 1;
  for (size_t i = 0; i < shown + (shown < names.size()); ++i) {
    const auto column = static_cast<uint32_t>(i / rows);
    const auto row = static_cast<uint32_t>(i % rows);
    const uint32_t left = box.left + column * (each + gap);
    const uint32_t y = box.top + unit_ + unit_ / 4 + row * unit_;
    if (i == shown) {
      uint64_t bytes = 0;
      for (size_t rest = shown; rest < names.size(); ++rest) bytes += names[rest].bytes;
      line.draw(left, left + each, y, kPanel, text("{} more", names.size() - shown).view(),
                amount(bytes).view());
    } else {
      line.draw(left, left + each, y, of_name(i), names[i].name, amount(names[i].bytes).view());
    }
  }
}

// Bars: how much is free in blocks of each order; heights by powers of two.
void Picture::draw_orders_legend(const PictureOf& of, Box box) const {
  std::array<uint64_t, mm::kOrders> frames{};
  of.pages.for_each_free_block([&](const mm::FreeBlock& block) {
    frames[block.order] += uint64_t{1} << block.order;
    return true;
  });
  const mm::ZoneCounts counts = of.pages.counts();
  uint32_t x = screen_.text(box.left, box.top, strong(), "free ", kBright, kPanel);
  x = screen_.text(x, box.top, small(),
                   amount((counts.free + counts.on_cpu_lists) << mm::kPageShift).view(), kText,
                   kPanel);
  screen_.text(x, box.top, small(), " in blocks of order", kDim, kPanel, box.right);
  const uint32_t step = box.width() / mm::kOrders;
  const uint32_t base = box.bottom - 2 * unit_ - unit_ / 4;
  const uint32_t top = box.top + unit_ + unit_ / 2;
  unsigned tallest = 1;
  for (const uint64_t count : frames) {
    unsigned bits = 0;
    for (uint64_t rest = count; rest != 0; rest >>= 1) ++bits;
    tallest = std::max(tallest, bits);
  }
  for (uint32_t order = 0; order < mm::kOrders; ++order) {
    const uint32_t left = box.left + order * step;
    unsigned bits = 0;
    for (uint64_t rest = frames[order]; rest != 0; rest >>= 1) ++bits;
    const uint32_t height = (base - top) * bits / tallest;
    screen_.fill({left, base - 1, left + step - step / 4, base}, kDim);
    screen_.fill({left, base - height, left + step - step / 4, base}, of_order(order * 16));
    if (step >= 2 * small().width || order % 3 == 0) {
      const Text number = text("{}", order);
      const uint32_t wide = static_cast<uint32_t>(number.length) * small().width;
      const uint32_t slack = step - step / 4 > wide ? (step - step / 4 - wide) / 2 : 0;
      screen_.text(left + slack, base + unit_ / 8, small(), number.view(), kDim, kPanel, box.right);
    }
  }
  const LegendLine line{screen_, *face_, unit_};
  line.draw(box.left, box.right, box.bottom - unit_, kUsed, "allocated",
            amount(counts.allocated() << mm::kPageShift).view());
}

void Picture::draw_legend(const PictureOf& of) const {
  const uint32_t margin = unit_;
  screen_.fill({margin, legend_top_, right_, screen_.height() - unit_ / 2}, kPanel);
  const Box inner{margin + unit_ / 2, legend_top_ + unit_ / 2, right_ - unit_ / 2,
                  screen_.height() - unit_};
  const uint32_t gap = unit_ * 3 / 2;
  const uint32_t first = inner.left + inner.width() * 27 / 100;
  const uint32_t second = inner.left + inner.width() * 64 / 100;
  draw_e820_legend(of, {inner.left, inner.top, first - gap, inner.bottom});
  draw_names_legend({first, inner.top, second - gap, inner.bottom});
  draw_orders_legend(of, {second, inner.top, inner.right, inner.bottom});
}

}  // namespace kernel
