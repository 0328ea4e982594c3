// Where everything lies, as lines of text.
#include "mm/picture/text_picture.h"

#include <gtest/gtest.h>

#include "tests/support/relayed.h"

namespace {

TEST(TextPicture, ALineForEachZoneThenWhatIsReserved) {
  test::RelayOptions options;
  options.reservations = {{{mm::Phys{0x2000000}, mm::Phys{0x3000000}}, "RAMDISK"}};
  const test::Relayed machine(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x0000000000ffffff] usable
BIOS-e820: [mem 0x0000000001000000-0x0000000002ffffff] usable
BIOS-e820: [mem 0x0000000004000000-0x0000000004ffffff] usable
)",
                              options);
  test::Log log;
  mm::print_text_picture(machine.relay, 4, log.printer());
  const std::string text = log.take();
  EXPECT_NE(text.find("node 0 DMA     0x000000001000 "), std::string::npos) << text;
  // 16 MiB each: free but for what the relay took, the initrd, a hole, and the end.
  EXPECT_NE(text.find("\nnode 0 DMA32   0x000001000000 #R.+ 0x000004ffffff 48 MiB\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n# free  + some reserved  R reserved  - part hole  . no RAM\n"),
            std::string::npos);
  EXPECT_NE(text.find("\nRAMDISK        [mem 0x000002000000-0x000002ffffff] 16 MiB\n"),
            std::string::npos)
      << text;
}

}  // namespace
