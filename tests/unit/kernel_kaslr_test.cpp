// What is said of chance.
#include "kernel/kaslr.h"

#include <gtest/gtest.h>

#include "tests/support/drawn_machine.h"

namespace kernel {
namespace {

std::string said(uint32_t state, uint32_t sources) {
  loader::Handoff handoff{};
  handoff.kernel_physical = 0x5c600000;
  handoff.direct_map = 0xffff9a8040000000;
  handoff.kaslr = {.image = 0xffffffff9ee00000,
                   .image_offset = 0x1ec00000,
                   .state = state,
                   .sources = sources,
                   .image_bits = 8,
                   .place_bits = 10,
                   .direct_map_bits = 16,
                   .zero = {}};
  test::Log log;
  print_kaslr(handoff, log.printer());
  return log.text();
}

TEST(PrintKaslr, PlacesAndSources) {
  EXPECT_EQ(said(loader::kKaslrOn,
                 loader::kRandomFirmware | loader::kRandomNumber | loader::kRandomCounter),
            "KASLR enabled: image at 0xffffffff9ee00000 (8 bits), in memory at 0x5c600000 (10), "
            "direct map at 0xffff9a8040000000 (16), by EFI_RNG, RDRAND, the time\n");
}

TEST(PrintKaslr, ThePoorestSourceIsCalledSo) {
  const std::string line = said(loader::kKaslrOn, loader::kRandomCounter);
  EXPECT_NE(line.find("by the time alone, which can be guessed\n"), std::string::npos) << line;
}

TEST(PrintKaslr, WhyThereIsNone) {
  EXPECT_EQ(said(loader::kKaslrRefused, 0), "KASLR disabled: 'nokaslr' on cmdline\n");
  EXPECT_EQ(said(loader::kKaslrNone, 0), "");
}

}  // namespace
}  // namespace kernel
