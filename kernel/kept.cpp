#include "kernel/kept.h"

#include <algorithm>

namespace kernel {

mm::Result<> Kept::take(const loader::Handoff& handoff) {
  BATON_TRY(loader::check_room(handoff.options_length, handoff.segments.count,
                               handoff.results.count, handoff.map_changes.count));
  handoff_ = handoff;
  handoff_.size = sizeof(handoff_);
  seal(handoff_);
  if (handoff.options != 0) {
    const char* text = map().at<const char>(mm::Phys{handoff.options});
    options_length_ = handoff.options_length;
    std::copy_n(text, options_length_, options_.begin());
  }
  const auto segments = elements(handoff.segments, map());
  std::copy(segments.begin(), segments.end(), segments_.begin());
  const auto results = elements(handoff.results, map());
  std::copy(results.begin(), results.end(), results_.begin());
  const auto map_changes = elements(handoff.map_changes, map());
  std::copy(map_changes.begin(), map_changes.end(), map_changes_.begin());
  return {};
}

}  // namespace kernel
