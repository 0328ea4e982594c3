// A TPM's event log of any content: what is read lies in the bytes given, each event behind the one before,
// and of a log that ends with any of them the size is found.
#include "loader/handoff/tpm_log.h"

#include "tests/fuzz/target.h"

namespace {

using fuzz::Bytes;
using fuzz::check;

bool lies_in(std::span<const uint8_t> part, const Bytes& whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

FUZZ_TARGET(tpm_log) {
  const Bytes bytes(data, data + size);
  auto opened = loader::TpmLog::open(bytes);
  if (!opened.ok()) return;
  loader::TpmLog& log = opened.value();
  for (;;) {
    const size_t at = log.offset();
    loader::TpmEvent event;
    const auto more = log.next(event);
    if (!more.ok() || !more.value()) return;
    check(log.offset() > at && log.offset() <= bytes.size());
    check(lies_in(event.digest, bytes) && lies_in(event.data, bytes));
    const auto ended = loader::tpm_log_size(bytes, at);
    check(ended.ok() && ended.value() == log.offset());
    (void)loader::tpm_event_name(event.type);
    (void)loader::tpm_algorithm_name(event.algorithm);
  }
}
