// The machine's memory as a picture, to scale: what `map` shows.
//
// Each node's address space flows from left to right and on in the next strip, the same number of
// bytes for every pixel of all nodes; holes are folded into a mark that says how large they are. A
// strip has three lanes: e820's types above, below them who has the memory (free blocks coloured by
// order, what is allocated, each reservation in a colour of its own), and the zones at the bottom.
// However small, whatever is there colours a pixel. Legend and numbers stand below.
// Pure: reads mm's structures, draws on a Framebuffer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/screen/font.h"
#include "kernel/screen/framebuffer.h"
#include "mm/page_alloc.h"
#include "mm/relay.h"

namespace kernel {

// What a memory test has to show. `tested` is sorted by address or not; all may be empty.
struct TestProgress {
  std::span<const mm::Range> tested;
  mm::Range now;
  std::span<const mm::Phys> bad;
  std::string_view line;  // for the bottom of the screen
};

struct PictureOf {
  const mm::RelayCore& relay;
  const mm::PageAllocatorCore& pages;
  std::string_view title;  // of the machine
};

class Picture {
 public:
  // Smaller screens show no picture.
  static constexpr uint32_t kMinWidth = 600, kMinHeight = 440;
  static constexpr uint32_t kMaxWidth = 8192;

  Picture() = default;
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;

  // Draws all of it. False, and nothing is drawn, when the screen is too small. Nothing may
  // allocate or free meanwhile.
  bool draw(const Framebuffer& screen, const PictureOf& of, const TestProgress& progress = {});
  // Draws again only the strips in which the test has gone on since.
  void refresh(const PictureOf& of, const TestProgress& progress);

  // Where an address is drawn (middle lane), for tests; an empty box when it is not.
  [[nodiscard]] Box place_of(mm::Phys address) const;

 private:
  // A stretch of the flow, in pixels: address space to scale, or the mark of a folded hole.
  struct Piece {
    mm::Range range;
    uint32_t start = 0, width = 0;  // pixels from the beginning of the node's flow
    bool fold = false;
  };
  struct NodeFlow {
    mm::NodeId id = mm::kNoNode;
    size_t first_piece = 0, piece_count = 0;
    uint32_t length = 0;  // pixels
    uint32_t top = 0;     // of its title
    uint32_t strips = 0;
  };
  // What one pixel's column holds, in frames.
  struct Column {
    uint32_t ram = 0, free = 0, reserved = 0;
    uint32_t order_sum = 0;  // of the free frames' orders
    uint32_t most = 0;       // frames of the reservation that has most
    uint8_t name = 0;        // of that one: index into names_
    uint8_t e820 = 0;        // index into the types' colours, strictest
    std::optional<mm::ZoneType> zone;
    uint8_t test = 0;  // 1 tested, 2 being tested, 3 bad
  };
  struct Name {
    std::string_view name;
    uint64_t bytes = 0;
  };
  static constexpr size_t kMaxPieces = 1024;
  static constexpr size_t kMaxNames = 64;

  void gather(const PictureOf& of);
  [[nodiscard]] bool lay_out(const PictureOf& of);
  bool flow_node(const PictureOf& of, const mm::NodeLayout& node, uint64_t fold_above);
  void add_piece(mm::Range range, bool fold);
  void draw_header(const PictureOf& of) const;
  void draw_node(const PictureOf& of, const NodeFlow& flow, const TestProgress& progress);
  void draw_strip(const PictureOf& of, const NodeFlow& flow, uint32_t strip,
                  const TestProgress& progress);
  void fill_columns(const PictureOf& of, const NodeFlow& flow, uint32_t strip,
                    const TestProgress& progress);
  void draw_fold(const Piece& piece, uint32_t x, uint32_t right, uint32_t y) const;
  void draw_legend(const PictureOf& of) const;
  uint32_t draw_e820_legend(const PictureOf& of, Box box) const;
  void draw_names_legend(Box box) const;
  void draw_orders_legend(const PictureOf& of, Box box) const;
  void draw_progress(const TestProgress& progress) const;
  [[nodiscard]] Colour content(const Column& column) const;
  [[nodiscard]] uint8_t name_index(std::string_view name) const;
  // Calls visit(column, frames) for each column of the strip in which the range has a part.
  template <class Visit>
  void for_columns(const NodeFlow& flow, uint32_t strip, mm::Range range, Visit visit);
  [[nodiscard]] Box strip_box(const NodeFlow& flow, uint32_t strip) const;
  [[nodiscard]] const Font& small() const { return *face_->regular; }
  [[nodiscard]] const Font& strong() const { return *face_->bold; }

  Framebuffer screen_;
  const Typeface* face_ = nullptr;
  uint32_t unit_ = 16;  // a line of text; everything else is in proportion
  uint32_t left_ = 0, right_ = 0, body_top_ = 0, body_bottom_ = 0, legend_top_ = 0;
  uint32_t pitch_ = 0;  // from a strip to the next
  uint64_t scale_ = 0;  // bytes of a pixel
  std::array<Piece, kMaxPieces> pieces_{};
  size_t piece_count_ = 0;
  std::array<NodeFlow, mm::kMaxNodes> flows_{};
  size_t flow_count_ = 0;
  size_t nodes_left_out_ = 0;
  std::array<Name, kMaxNames> names_{};
  size_t name_count_ = 0;
  std::array<Column, kMaxWidth> columns_{};
  std::array<Colour, kMaxWidth> row_{};
  mm::Range last_now_;  // where the test was when it was last drawn
};

}  // namespace kernel
