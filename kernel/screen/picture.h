// The machine's memory as a picture, to scale: what `map` shows.
//
// mm/picture/pieces.h says where what lies; this draws it on a framebuffer. A strip has three lanes:
// e820's types above, below them who has the memory (free blocks coloured by order, what is
// allocated, each reservation in a colour of its own), and the zones at the bottom. However small,
// whatever is there colours a pixel. Legend and numbers stand below.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/screen/font.h"
#include "kernel/screen/framebuffer.h"
#include "mm/page_alloc.h"
#include "mm/picture/pieces.h"
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
  void draw_header(const PictureOf& of) const;
  void draw_node(const PictureOf& of, const mm::NodeFlow& flow, const TestProgress& progress);
  void draw_strip(const PictureOf& of, const mm::NodeFlow& flow, uint32_t strip,
                  const TestProgress& progress);
  void draw_lanes(const mm::NodeFlow& flow, uint32_t strip);
  void draw_folds(const mm::NodeFlow& flow, uint32_t strip) const;
  void draw_fold(const mm::Piece& piece, uint32_t x, uint32_t right, uint32_t y) const;
  void draw_legend(const PictureOf& of) const;
  uint32_t draw_e820_legend(const PictureOf& of, Box box) const;
  void draw_names_legend(Box box) const;
  void draw_orders_legend(const PictureOf& of, Box box) const;
  void draw_progress(const TestProgress& progress) const;
  [[nodiscard]] Colour content(const mm::PictureColumn& column) const;
  [[nodiscard]] Box strip_box(const mm::NodeFlow& flow, uint32_t strip) const;
  [[nodiscard]] const Font& small() const { return *face_->regular; }
  [[nodiscard]] const Font& strong() const { return *face_->bold; }

  Framebuffer screen_;
  const Typeface* face_ = nullptr;
  uint32_t unit_ = 16;  // a line of text; everything else is in proportion
  uint32_t left_ = 0, right_ = 0, legend_top_ = 0;
  mm::Pieces pieces_;
  std::array<mm::PictureColumn, kMaxWidth> columns_{};
  std::array<Colour, kMaxWidth> row_{};
  mm::Range last_now_;  // where the test was when it was last drawn
};

}  // namespace kernel
