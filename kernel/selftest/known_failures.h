// What certain firmware is known to get wrong: a short list, each entry looked into by a person.
//
// A known failure does not fail the run (KTAP: XFAIL). When such a test passes, the entry is out of
// date and the run does fail (XPASS), so that the list stays true.
#pragma once

#include <string_view>

#include "loader/handoff/handoff.h"

namespace kernel {

struct KnownFailure {
  std::string_view id;
  std::string_view firmware;  // what the firmware's vendor text begins with
  const char* reason;
};

// The entry for a test on the firmware that the handoff names; null when there is none.
[[nodiscard]] const KnownFailure* known_failure(std::string_view id,
                                                const loader::Handoff& handoff);

}  // namespace kernel
