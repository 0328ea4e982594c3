#include "mm/picture/text_picture.h"

#include "mm/picture/pieces.h"

namespace mm {
namespace {

// A column of the terminal's is a part of a zone.
struct Part {
  uint64_t ram = 0, reserved = 0;  // frames
};

Part look_at(const RelayCore& relay, NodeId node, PfnRange frames) {
  Part part;
  Pfn from = frames.start;  // reservations may share a frame
  const auto into_part = [&](Range range, auto add) {
    const PfnRange here = pfns_touched(range).clip({from, frames.end});
    if (here.empty()) return;
    add(part, here.size());
    from = here.end;
  };
  count_ram(relay, node, into_part);
  from = frames.start;
  count_reserved(relay, phys(frames), into_part, [](Part&, uint64_t, const Reservation&) {});
  return part;
}

char mark(const Part& part, uint64_t frames) {
  if (part.ram == 0) return '.';
  if (part.ram < frames) return '-';
  if (part.reserved == 0) return '#';
  return part.reserved < part.ram ? '+' : 'R';
}

// With a unit that leaves four digits at most.
struct Size {
  uint64_t number;
  const char* unit = "B";

  explicit Size(uint64_t bytes) : number(bytes) {
    for (const char* larger : {"KiB", "MiB", "GiB", "TiB"}) {
      if (number < 10240) break;
      number >>= 10;
      unit = larger;
    }
  }
};

}  // namespace

void print_text_picture(const RelayCore& relay, unsigned columns, const Printer& out) {
  for (const NodeLayout& node : relay.layout().nodes) {
    for (const ZoneType z : kAllZones) {
      const ZoneLayout& zone = node.zones[z];
      if (zone.present == 0) continue;
      const Range bytes = phys(zone.spanned);
      out.part("node {} {:7} 0x{:012x} ", node.id, z, bytes.start);
      const uint64_t frames = zone.spanned.size();
      for (unsigned c = 0; c < columns; ++c) {
        const PfnRange column{zone.spanned.start + frames * c / columns,
                              zone.spanned.start + frames * (c + 1) / columns};
        const char shown =
            column.empty() ? ' ' : mark(look_at(relay, node.id, column), column.size());
        out.text({&shown, 1});
      }
      const Size present(zone.present * kPageSize);
      out.line(" 0x{:012x} {} {}", bytes.end.v - 1, present.number, present.unit);
    }
  }
  out.line("# free  + some reserved  R reserved  - part hole  . no RAM");
  for (const Reservation& r : relay.reservations().entries()) {
    const Size size(r.range.size());
    out.line("{:14} {:012x} {} {}", r.name, mem(r.range), size.number, size.unit);
  }
}

}  // namespace mm
