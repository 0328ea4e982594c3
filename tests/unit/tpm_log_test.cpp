// The TPM's event log: as a firmware writes it, and damaged.
#include "loader/handoff/tpm_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace loader {
namespace {

using Bytes = std::vector<uint8_t>;

void put(Bytes& to, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) to.push_back(static_cast<uint8_t>(value >> 8 * i));
}

// A header event that names SHA-1 and SHA-256.
Bytes header(uint32_t algorithms = 2) {
  Bytes log;
  put(log, 0, 4);
  put(log, 3, 4);  // EV_NO_ACTION
  log.resize(28);
  put(log, 24 + 4 + 8 + 1, 4);
  for (const char c : std::string("Spec ID Event03")) log.push_back(static_cast<uint8_t>(c));
  log.push_back(0);
  put(log, 0, 8);  // platform class, versions
  put(log, algorithms, 4);
  put(log, 0x04, 2);
  put(log, 20, 2);
  put(log, 0x0b, 2);
  put(log, 32, 2);
  log.push_back(0);  // vendor's bytes
  return log;
}

// An event with both digests: 20 and 32 bytes of `mark`.
void add(Bytes& log, uint32_t pcr, uint32_t type, uint8_t mark, const std::string& text) {
  put(log, pcr, 4);
  put(log, type, 4);
  put(log, 2, 4);
  put(log, 0x04, 2);
  log.insert(log.end(), 20, static_cast<uint8_t>(mark + 1));
  put(log, 0x0b, 2);
  log.insert(log.end(), 32, mark);
  put(log, text.size(), 4);
  for (const char c : text) log.push_back(static_cast<uint8_t>(c));
}

Bytes two_events() {
  Bytes log = header();
  add(log, 9, 13, 0x55, "baton: kernel");
  add(log, 12, 0x80000007, 0x66, "");
  return log;
}

// "9 EV_IPL sha256 55 32: baton: kernel"; or what is wrong.
std::string read(const Bytes& bytes) {
  auto log = TpmLog::open(bytes);
  if (!log.ok()) return std::string(static_cast<const char*>(log.error().what));
  std::string said;
  for (TpmEvent event;;) {
    const auto more = log.value().next(event);
    if (!more.ok()) return said + static_cast<const char*>(more.error().what);
    if (!more.value()) return said;
    const char* const name = tpm_event_name(event.type);
    said += std::to_string(event.pcr) + " " + (name == nullptr ? "?" : name) + " " +
            tpm_algorithm_name(event.algorithm) + " " + std::to_string(event.digest[0]) + " x " +
            std::to_string(event.digest.size()) + ": " +
            std::string(event.data.begin(), event.data.end()) + "\n";
  }
}

const std::string kBoth =
    "9 EV_IPL sha256 85 x 32: baton: kernel\n12 EV_EFI_ACTION sha256 102 x 32: \n";

TEST(TpmLog, EventsComeInOrder) { EXPECT_EQ(read(two_events()), kBoth); }

TEST(TpmLog, ZerosBehindTheLastEventAreItsEnd) {
  Bytes log = two_events();
  for (const size_t zeros : {1, 11, 12, 13, 500}) {
    Bytes padded = log;
    padded.resize(log.size() + zeros);
    EXPECT_EQ(read(padded), kBoth) << zeros;
  }
}

TEST(TpmLog, ItsSizeIsKnownByWhereTheLastEventBegins) {
  Bytes log = header();
  const size_t first = log.size();
  add(log, 9, 13, 0x55, "one");
  const size_t second = log.size();
  add(log, 9, 13, 0x55, "two");
  const size_t end = log.size();
  log.resize(end + 100, 0xff);  // whatever lies behind
  EXPECT_EQ(tpm_log_size(log, first).value(), second);
  EXPECT_EQ(tpm_log_size(log, second).value(), end);
  for (const size_t nowhere : {size_t{0}, first - 1, first + 1, second - 4}) {
    EXPECT_FALSE(tpm_log_size(log, nowhere).ok()) << nowhere;
  }
}

TEST(TpmLog, WithoutSha256TheFirstDigestIsShown) {
  Bytes log = header();
  log[32 + 28 + 4] = 0x0c;  // SHA-384, though of 32 bytes
  put(log, 1, 4);
  put(log, 4, 4);
  put(log, 1, 4);
  put(log, 0x04, 2);
  log.insert(log.end(), 20, 7);
  put(log, 0, 4);
  EXPECT_EQ(read(log), "1 EV_SEPARATOR sha1 7 x 20: \n");
}

TEST(TpmLog, WhatIsNoLogIsRefused) {
  EXPECT_EQ(read({}), "the header event does not fit (offset {:#x}, bytes {:#x})");
  EXPECT_EQ(read(Bytes(200)),
            "there is no header event of the crypto-agile form (offset {:#x}, bytes {:#x})");
  EXPECT_EQ(read(header(0)), "the header event names so many algorithms: {} (most {})");
  EXPECT_EQ(read(header(17)), "the header event names so many algorithms: {} (most {})");
  EXPECT_EQ(read(header(4)), "its algorithms do not fit (offset {:#x}, bytes {:#x})");
}

TEST(TpmLog, AnUnknownAlgorithmIsTold) {
  Bytes log = header();
  const size_t at = log.size() + 12;
  add(log, 9, 13, 0x55, "one");
  log[at] = 0x99;
  EXPECT_EQ(read(log), "an event has a digest of an unknown algorithm (offset {:#x}, bytes {:#x})");
}

// Cut anywhere: never more than what is there, and no event that was not.
TEST(TpmLog, CutAnywhereItIsRefusedOrShorter) {
  const Bytes log = two_events();
  for (size_t size = 0; size < log.size(); ++size) {
    const Bytes cut(log.begin(), log.begin() + static_cast<ptrdiff_t>(size));
    const std::string said = read(cut);
    EXPECT_NE(said, kBoth) << size;
  }
}

}  // namespace
}  // namespace loader
