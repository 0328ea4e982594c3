#include "kernel/kept.h"

#include <algorithm>

namespace kernel {

mm::Result<> Kept::take(const loader::Handoff& handoff) {
  handoff_ = handoff;
  if (handoff.options_length >= options_.size()) {
    return mm::Error{"command line too long (length, room)", "options", handoff.options_length,
                     options_.size()};
  }
  if (handoff.options != 0) {
    const char* text = map().at<const char>(mm::Phys{handoff.options});
    options_length_ = handoff.options_length;
    std::copy_n(text, options_length_, options_.begin());
  }
  if (handoff.segments.count > segments_.size()) {
    return mm::Error{"too many (count, room)", "segments", handoff.segments.count,
                     segments_.size()};
  }
  const auto segments = elements<loader::HandoffSegment>(handoff.segments, map());
  std::copy(segments.begin(), segments.end(), segments_.begin());
  if (handoff.results.count > results_.size()) {
    return mm::Error{"too many (count, room)", "results", handoff.results.count, results_.size()};
  }
  const auto results = elements<loader::HandoffResult>(handoff.results, map());
  std::copy(results.begin(), results.end(), results_.begin());
  return {};
}

}  // namespace kernel
