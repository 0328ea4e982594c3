// A handoff of any content: a kernel takes what check() lets pass, in which no bit has
// changed, and what does not fit is refused, not cut.
#include "loader/handoff/handoff.h"

#include <array>

#include "tests/fuzz/target.h"

using fuzz::check;

namespace {

// As large as a later loader's may be.
struct alignas(8) Room {
  std::array<uint8_t, 4096> bytes{};
  [[nodiscard]] loader::Handoff& handoff() {
    return *reinterpret_cast<loader::Handoff*>(bytes.data());
  }
};

}  // namespace

FUZZ_TARGET(handoff) {
  fuzz::Input input(data, size);
  const uint8_t how = input.byte();
  Room room;
  loader::Handoff& handoff = room.handoff();
  handoff = input.number<loader::Handoff>();
  if ((how & 1) != 0) {
    handoff.magic = loader::kHandoffMagic;
    handoff.version = loader::kHandoffVersion;
    handoff.size = sizeof handoff + (how >> 1) * 8U;
    loader::seal(handoff);
  }
  if (loader::check(handoff).ok()) {
    check(handoff.magic == loader::kHandoffMagic && handoff.version == loader::kHandoffVersion);
    check(handoff.size >= sizeof handoff && handoff.size <= room.bytes.size());
    // One bit that is another is enough.
    uint8_t& byte = room.bytes[input.number<uint16_t>() % handoff.size];
    byte = static_cast<uint8_t>(byte ^ 1U << input.byte() % 8);
    check(!loader::check(handoff).ok());
  }
  const size_t options = input.number<uint16_t>(), segments = input.byte(), results = input.byte(),
               changes = input.number<uint16_t>();
  check(loader::check_room(options, segments, results, changes).ok() ==
        (options <= loader::kMaxHandoffOptions && segments <= loader::kMaxHandoffSegments &&
         results <= loader::kMaxHandoffResults && changes <= loader::kMaxHandoffMapChanges));
}
