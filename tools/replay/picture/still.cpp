#include "tools/replay/picture/still.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "mm/picture/pieces.h"
#include "tools/replay/finding_rows.h"
#include "tools/replay/picture/json_writer.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using mm::PictureColumn;
using mm::Piece;

constexpr uint32_t kColumns = 1000;  // of a strip, a pixel each
constexpr uint32_t kLeft = 128;      // of the strips; before them stand addresses
constexpr uint32_t kWidth = kLeft + kColumns + 20;
constexpr uint32_t kTop = 44;
constexpr uint32_t kTitle = 30;
constexpr uint32_t kPitch = 46;
constexpr uint32_t kMostRows = 900;
constexpr uint32_t kFold = 88;
constexpr uint32_t kLine = 20;
constexpr size_t kNamesApart = 8;  // that have a colour of their own
// The lanes of a strip.
constexpr uint32_t kTypes = 7;
constexpr uint32_t kHolds = 24;
constexpr uint32_t kZones = 5;

// Colours are the page's (tools/replay/page/page.css).
constexpr std::string_view kStyle = R"(
svg { --back: #fff; --text: #1c2024; --dim: #59616a; --from: 84%; --to: 30%; --alarm: #b3261e;
  --t1: #cdd9cf; --t2: #a9b7d8; --t3: #8fb6c9; --t4: #b79ad6; --t5: #a386c4; --t6: #e0b33c;
  --t7: #d98a2b; --t8: #8d949b; --t9: #b3261e; }
@media (prefers-color-scheme: dark) { svg { --back: #14181c; --text: #e6eaee; --dim: #9aa4ae;
  --from: 22%; --to: 62%; --alarm: #ff8a80; --t1: #36443a; --t8: #7c848c; --t9: #ff6b60; } }
rect { shape-rendering: crispEdges; }
text { font: 11px ui-monospace, monospace; fill: var(--dim); }
text.head { font: 600 14px system-ui, sans-serif; fill: var(--text); }
.back { fill: var(--back); }
.free { fill: hsl(150 38% calc(var(--from) + (var(--to) - var(--from)) * var(--order) / 18)); }
.t1 { fill: var(--t1); } .t2 { fill: var(--t2); } .t3 { fill: var(--t3); } .t4 { fill: var(--t4); }
.t5 { fill: var(--t5); } .t6 { fill: var(--t6); } .t7 { fill: var(--t7); } .t8 { fill: var(--t8); }
.t9 { fill: var(--t9); }
.n0 { fill: #2f6db5; } .n1 { fill: #c2561a; } .n2 { fill: #7a4fb0; } .n3 { fill: #9c7a00; }
.n4 { fill: #b03a78; } .n5 { fill: #1f7f86; } .n6 { fill: #6b6f2a; } .n7 { fill: #8a4b3c; }
.n8 { fill: #6f767d; }
.z0 { fill: #d9a520; } .z1 { fill: #4f95e0; } .z2 { fill: #4fb878; } .z3 { fill: #b070c4; }
.z4 { fill: #c9629a; }
.mark { fill: var(--alarm); }
)";

// For a text of SVG's; what XML 1.0 has no character for becomes U+FFFD.
std::string escaped(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<size_t>(length, 1));
    const auto first = static_cast<unsigned char>(text.front());
    const bool no_character = character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf";
    if (character == "<") {
      safe += "&lt;";
    } else if (character == "&") {
      safe += "&amp;";
    } else if (length == 0 || first < 0x20 || no_character) {
      safe += "\xef\xbf\xbd";
    } else {
      safe += character;
    }
    text.remove_prefix(character.size());
  }
  return safe;
}

class Still {
 public:
  Still(const Replayed& replayed, std::span<const Finding> findings)
      : replayed_(replayed), findings_(findings) {}

  std::string draw(std::string_view title);

 private:
  template <class... Args>
  void write(mm::Format<std::type_identity_t<Args>...> format, Args... args) {
    body_ += said<Args...>(format, args...);
  }
  void text(uint32_t x, uint32_t y, std::string_view words, std::string_view kind = "");
  void box(std::string_view kind, uint32_t x, uint32_t y, uint32_t width, uint32_t height);

  void draw_node(const mm::NodeFlow& flow);
  void draw_strip(const mm::NodeFlow& flow, uint32_t strip, uint32_t y);
  template <class Kind>
  void draw_lane(uint32_t y, uint32_t height, Kind kind_of);
  void draw_folds(const mm::NodeFlow& flow, uint32_t strip, uint32_t y);
  [[nodiscard]] std::string holds(const PictureColumn& column) const;
  void draw_marks();
  void draw_legend();
  void draw_findings();

  const Replayed& replayed_;
  std::span<const Finding> findings_;
  std::unique_ptr<mm::Pieces> pieces_ = std::make_unique<mm::Pieces>();
  std::vector<PictureColumn> columns_ = std::vector<PictureColumn>(kColumns);
  std::string body_;
  uint32_t bottom_ = kTop;
};

void Still::text(uint32_t x, uint32_t y, std::string_view words, std::string_view kind) {
  write("<text x=\"{}\" y=\"{}\" class=\"{}\">", x, y, kind);
  body_ += escaped(words);
  body_ += "</text>\n";
}

void Still::box(std::string_view kind, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
  write("<rect {} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n", kind, x, y, width, height);
}

// --- Strips --------------------------------------------------------------------------------------

// What there is most of in the column; free blocks by the mean of their orders.
std::string Still::holds(const PictureColumn& column) const {
  if (column.reserved > column.free || (column.reserved != 0 && column.free == 0)) {
    return said("class=\"n{}\"", std::min<size_t>(column.name, kNamesApart));
  }
  if (column.free == 0) return {};
  return said("class=\"free\" style=\"--order: {}\"", column.order_sum / column.free);
}

// Boxes over columns of one kind; `kind_of(column)` is empty where there is none.
template <class Kind>
void Still::draw_lane(uint32_t y, uint32_t height, Kind kind_of) {
  std::string kind;
  uint32_t from = 0;
  for (uint32_t x = 0; x <= kColumns; ++x) {
    const std::string here = x == kColumns ? std::string() : kind_of(columns_[x]);
    if (here == kind) continue;
    if (!kind.empty()) box(kind, kLeft + from, y, x - from, height);
    kind = here;
    from = x;
  }
}

void Still::draw_folds(const mm::NodeFlow& flow, uint32_t strip, uint32_t y) {
  const uint32_t from = strip * kColumns;
  bool named = false;
  for (const Piece& piece : pieces_->pieces(flow)) {
    if (piece.start + piece.width <= from || piece.start >= from + kColumns) continue;
    const uint32_t begin = std::max(piece.start, from) - from;
    if (!piece.fold) {
      const uint64_t into = from > piece.start ? (from - piece.start) * pieces_->scale() : 0;
      if (!named) text(4, y + kTypes + 16, said("{:#014x}", (piece.range.start + into).v));
      named = true;
    } else if (begin + piece.width / 2 < kColumns) {
      text(kLeft + begin + 4, y + kTypes + 12, "\xe2\x80\xa6");
      text(kLeft + begin + 4, y + kTypes + 24, size_words(piece.range.size()));
    }
  }
}

void Still::draw_strip(const mm::NodeFlow& flow, uint32_t strip, uint32_t y) {
  pieces_->fill(replayed_.relay(), replayed_.pages(), flow, strip, {}, columns_);
  draw_lane(y, kTypes, [](const PictureColumn& column) {
    return column.e820 == 0 ? std::string() : said("class=\"t{}\"", column.e820);
  });
  draw_lane(y + kTypes + 1, kHolds, [&](const PictureColumn& column) { return holds(column); });
  draw_lane(y + kTypes + kHolds + 2, kZones, [](const PictureColumn& column) {
    const bool none = column.zone == mm::kNoZone || column.ram == 0;
    return none ? std::string() : said("class=\"z{}\"", static_cast<unsigned>(column.zone));
  });
  draw_folds(flow, strip, y);
}

void Still::draw_node(const mm::NodeFlow& flow) {
  const mm::ZoneCounts counts = replayed_.pages().node_counts(flow.id);
  text(kLeft, flow.top + 18,
       said("Node {}: ", flow.id) + size_words(counts.present * mm::kPageSize) + " of RAM, " +
           size_words((counts.free + counts.on_cpu_lists) * mm::kPageSize) + " free",
       "head");
  for (uint32_t strip = 0; strip < flow.strips; ++strip) {
    draw_strip(flow, strip, flow.top + kTitle + strip * pieces_->pitch());
  }
  bottom_ = flow.top + kTitle + flow.strips * pieces_->pitch();
}

void Still::draw_marks() {
  for (size_t i = 0; i < findings_.size(); ++i) {
    for (const mm::Range range : findings_[i].where) {
      const auto place = pieces_->find(range.start);
      if (!place) continue;
      const uint32_t x = kLeft + place->column;
      const uint32_t y = place->flow->top + kTitle + place->strip * pieces_->pitch();
      write("<path class=\"mark\" d=\"M{} {}l-4 -6h8z\"/>", x, y);
      text(x + 5, y - 1, std::to_string(i + 1), "mark");
    }
  }
}

// --- What stands below ---------------------------------------------------------------------------

void Still::draw_legend() {
  uint32_t x = kLeft;
  bottom_ += kLine;
  const auto entry = [&](std::string_view kind, std::string_view words) {
    const auto width = static_cast<uint32_t>(words.size() * 7 + 32);
    if (x + width > kWidth) {
      x = kLeft;
      bottom_ += kLine;
    }
    box(kind, x, bottom_ - 10, 11, 11);
    text(x + 16, bottom_, words);
    x += width;
  };
  std::vector<uint8_t> ranks;
  for (const mm::E820Entry& e : replayed_.relay().e820().entries()) {
    const uint8_t rank = mm::picture_rank(e.type);
    if (std::find(ranks.begin(), ranks.end(), rank) != ranks.end()) continue;
    ranks.push_back(rank);
    entry(said("class=\"t{}\"", rank), said("{}", mm::kPictureTypes[rank - 1]));
  }
  for (const unsigned order : {0u, 6u, 12u, 18u}) {
    entry(said("class=\"free\" style=\"--order: {}\"", order), said("free, order {}", order));
  }
  const auto names = pieces_->names();
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string what = std::string(names[i].name) + " " + size_words(names[i].bytes);
    entry(said("class=\"n{}\"", std::min(i, kNamesApart)), what);
  }
}

void Still::draw_findings() {
  if (pieces_->nodes_left_out() != 0) {
    bottom_ += kLine;
    text(kLeft, bottom_, said("{} more nodes have no room here", pieces_->nodes_left_out()));
  }
  if (findings_.empty()) return;
  bottom_ += kLine + 10;
  text(kLeft, bottom_, "Findings", "head");
  constexpr size_t kLetters = kColumns / 7;
  for (size_t i = 0; i < findings_.size(); ++i) {
    std::string_view words = findings_[i].text;
    std::string first = std::to_string(i + 1) + ". ";
    // Lines are broken at blanks; SVG does not do so by itself.
    while (!words.empty()) {
      size_t length = std::min(words.size(), kLetters);
      if (length < words.size()) {
        const size_t blank = words.rfind(' ', length);
        if (blank != std::string_view::npos && blank != 0) length = blank;
      }
      bottom_ += kLine - 4;
      text(kLeft, bottom_, first + std::string(words.substr(0, length)));
      first.assign(3, ' ');
      words.remove_prefix(std::min(length + 1, words.size()));
    }
  }
}

std::string Still::draw(std::string_view title) {
  text(kLeft, 24, title, "head");
  if (pieces_->lay_out(replayed_.relay(),
                       {.columns = kColumns,
                        .top = kTop,
                        .bottom = kMostRows,
                        .title = kTitle,
                        .pitch = kPitch,
                        .most_pitch = kPitch,
                        .fold_width = [](const mm::Sheet&, uint64_t) { return kFold; }})) {
    for (const mm::NodeFlow& flow : pieces_->flows()) draw_node(flow);
  }
  draw_marks();
  draw_legend();
  draw_findings();
  const uint32_t height = bottom_ + 2 * kLine;
  return said(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" "
             "aria-labelledby=\"title\">\n<title id=\"title\">",
             kWidth, height) +
         escaped(title) + ": where its memory is</title>\n<style>" + std::string(kStyle) +
         "</style>\n" +
         said("<rect class=\"back\" width=\"{}\" height=\"{}\"/>\n", kWidth, height) + body_ +
         "</svg>\n";
}

}  // namespace

std::string still_of(std::string_view title, const Replayed& replayed,
                     std::span<const Finding> findings) {
  return Still(replayed, findings).draw(title);
}

}  // namespace replay
