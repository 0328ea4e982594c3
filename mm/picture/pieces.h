// A picture of memory before anything is drawn: which bytes lie where, and what each place holds.
//
// Each node's address space flows from left to right and on in the next strip, the same number of
// bytes in every column of all nodes; holes are folded into a mark. Columns and rows are the brush's:
// pixels of a framebuffer, characters of a terminal. Brushes say how large their sheet is, ask
// Pieces where things are, and draw.
// Pure: reads mm's structures.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "mm/page_alloc.h"
#include "mm/relay.h"

namespace mm {

// What a brush has room for.
struct Sheet {
  uint32_t columns = 0;                // of a strip
  uint32_t top = 0, bottom = 0;        // the rows between which all nodes stand
  uint32_t title = 0;                  // rows above each node's strips
  uint32_t pitch = 0, most_pitch = 0;  // rows from a strip to the next; more when there is room
  uint32_t (*fold_width)(const Sheet& sheet, uint64_t bytes) = nullptr;  // columns of a hole's mark
  uint32_t letter = 0;  // for fold_width: columns of a character
};

// A stretch of the flow, in columns: address space to scale, or the mark of a folded hole.
struct Piece {
  Range range;
  uint32_t start = 0, width = 0;  // columns from the beginning of the node's flow
  bool fold = false;
};
struct NodeFlow {
  NodeId id = kNoNode;
  size_t first_piece = 0, piece_count = 0;
  uint32_t length = 0;  // columns
  uint32_t top = 0;     // row of its title
  uint32_t strips = 0;
};

// Types of e820 by strictness, the weakest first: the last one in a column wins.
inline constexpr E820Type kPictureTypes[] = {
    E820Type::Ram,  E820Type::Unaccepted, E820Type::SoftReserved, E820Type::Pmem,    E820Type::Pram,
    E820Type::Acpi, E820Type::Nvs,        E820Type::Reserved,     E820Type::Unusable};
// Place in kPictureTypes, plus 1; what nobody knows counts as reserved. 0 is no entry.
[[nodiscard]] uint8_t picture_rank(E820Type type);

enum class Tested : uint8_t { No, Done, Now, Bad };

inline constexpr auto kNoZone = static_cast<ZoneType>(0xff);

// What one column holds, in frames.
struct PictureColumn {
  uint32_t ram = 0, free = 0, reserved = 0;
  uint32_t order_sum = 0;  // of the free frames' orders
  uint32_t most = 0;       // frames of the reservation that has most
  uint8_t name = 0;        // of that one: place in Pieces::names()
  uint8_t e820 = 0;        // picture_rank(), the strictest
  ZoneType zone = kNoZone;
  Tested test = Tested::No;
};

// What a memory test has got to. `done` is sorted by address or not; all may be empty.
struct TestMarks {
  std::span<const Range> done;
  Range now;
  std::span<const Phys> bad;
};

// What a brush's columns hold is counted into them by these, whatever a column is to it:
// `for_columns(range, visit)` calls visit(column, frames) for each in which the range has a part.
template <class ForColumns>
void count_ram(const RelayCore& relay, NodeId node, ForColumns for_columns) {
  const Layout& layout = relay.layout();
  for (const ActiveRange& active : active_within(layout.active, layout.nodes[node].spanned)) {
    if (active.node != node) continue;
    for_columns(phys(active.pfns), [](auto& column, auto frames) { column.ram += frames; });
  }
}
template <class ForColumns, class Add>  // add(column, frames, reservation)
void count_reserved(const RelayCore& relay, Range within, ForColumns for_columns, Add add) {
  for (const Reservation& r : reservations_within(relay.reservations().entries(), within)) {
    for_columns(r.range, [&](auto& column, auto frames) {
      column.reserved += frames;
      add(column, frames, r);
    });
  }
}

// Tens of KiB: no object for a stack.
class Pieces {
 public:
  struct Name {
    std::string_view name;
    uint64_t bytes = 0;
  };
  struct Place {
    const NodeFlow* flow = nullptr;
    uint32_t strip = 0, column = 0;
  };

  // The finest scale at which all nodes fit. False when there is no node.
  bool lay_out(const RelayCore& relay, const Sheet& sheet);

  [[nodiscard]] uint64_t scale() const { return scale_; }  // bytes of a column
  [[nodiscard]] uint32_t pitch() const { return sheet_.pitch; }
  [[nodiscard]] std::span<const NodeFlow> flows() const {
    return std::span(flows_).first(flow_count_);
  }
  [[nodiscard]] std::span<const Piece> pieces(const NodeFlow& flow) const {
    return std::span(pieces_).subspan(flow.first_piece, flow.piece_count);
  }
  [[nodiscard]] size_t nodes_left_out() const { return nodes_left_out_; }
  // Reservations by name, the largest first. What has no room comes behind the last.
  [[nodiscard]] std::span<const Name> names() const { return std::span(names_).first(name_count_); }

  // Where an address is; nothing where it is in no piece.
  [[nodiscard]] std::optional<Place> find(Phys address) const;
  // What the columns of a strip hold. Nothing may allocate or free meanwhile.
  void fill(const RelayCore& relay, const PageAllocatorCore& pages, const NodeFlow& flow,
            uint32_t strip, const TestMarks& marks, std::span<PictureColumn> columns) const;

  // Calls visit(strip) for each strip of the flow that has a part of the range, once.
  template <class Visit>
  void for_strips(const NodeFlow& flow, Range range, Visit visit) const {
    uint32_t done = ~uint32_t{0};  // the last one, which two pieces may share
    for (const Piece& piece : pieces(flow)) {
      const Range part = range.clip(piece.range);
      if (piece.fold || part.empty()) continue;
      const uint32_t last = column_of(piece, part.end - 1) / sheet_.columns;
      for (uint32_t strip = column_of(piece, part.start) / sheet_.columns; strip <= last; ++strip) {
        if (strip != done) visit(strip);
        done = strip;
      }
    }
  }

 private:
  static constexpr size_t kMostPieces = 1024;
  static constexpr size_t kMostNames = 64;

  void gather_names(const RelayCore& relay);
  bool flow_node(const RelayCore& relay, const NodeLayout& node, uint64_t fold_above);
  bool place_nodes(const RelayCore& relay);
  void spread_strips();
  void add_piece(Range range, bool fold);
  [[nodiscard]] uint8_t name_index(std::string_view name) const;
  [[nodiscard]] uint32_t column_of(const Piece& piece, Phys address) const {
    return static_cast<uint32_t>((address - piece.range.start) / scale_) + piece.start;
  }
  template <class Visit>
  void for_columns(const NodeFlow& flow, uint32_t strip, std::span<PictureColumn> columns,
                   Range range, Visit visit) const;

  Sheet sheet_;
  uint64_t scale_ = 0;
  std::array<Piece, kMostPieces> pieces_{};
  size_t piece_count_ = 0;
  std::array<NodeFlow, kMaxNodes> flows_{};
  size_t flow_count_ = 0;
  size_t nodes_left_out_ = 0;
  std::array<Name, kMostNames> names_{};
  size_t name_count_ = 0;
};

}  // namespace mm
