#include "tools/replay/program/asked.h"

#include "tools/replay/must.h"
#include "tools/replay/what_if.h"

namespace replay {

ReplayOptions as_asked(const Arguments& arguments, Machine& machine) {
  ReplayOptions options{.road = arguments.road, .words = arguments.options};
  for (const std::string& dimm : arguments.dimms) must(add_dimm(dimm, machine));
  for (const std::string& text : arguments.reservations) {
    options.reserved.push_back(must(parse_reservation(text)));
  }
  return options;
}

std::string answers(const Replayed& replayed, const Arguments& arguments) {
  std::string text;
  if (arguments.crashkernel) text += crashkernel_text(replayed, *arguments.crashkernel);
  if (arguments.hugepages) text += hugepages_text(replayed, *arguments.hugepages);
  if (!arguments.bad.empty()) text += bad_pages_text(replayed, arguments.bad);
  return text;
}

}  // namespace replay
