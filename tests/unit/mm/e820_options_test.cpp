#include "mm/e820_options.h"

#include <gtest/gtest.h>

#include <string>

#include "mm/size_text.h"
#include "tests/support/drawn_machine.h"

namespace {

constexpr const char* kDrawing = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x00000000fffc0000-0x00000000ffffffff] reserved
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
)";

struct Machine {
  test::DrawnMachine drawn{kDrawing};
  mm::E820Changes changes;
  test::Log log;

  std::string mem(std::string_view value) {
    const auto done = mm::apply_mem(value, drawn.e820, changes, log.printer());
    return finish(done);
  }
  std::string memmap(std::string_view value) {
    const auto done = mm::apply_memmap(value, drawn.e820, changes, log.printer());
    return finish(done);
  }
  std::string finish(const mm::Result<>& done) {
    if (!done.ok()) return log.take() + test::describe(done.error());
    mm::print_user_map(drawn.e820, changes, log.printer());
    return log.take();
  }
};

TEST(MemOption, RemovesWhatIsAbove) {
  Machine m;
  EXPECT_EQ(m.mem("1G"), R"(e820: remove [mem 0x40000000-0xfffffffffffffffe] usable
user-defined physical RAM map:
user: [mem 0x0000000000000000-0x000000000009ffff] usable
user: [mem 0x0000000000100000-0x000000003fffffff] usable
user: [mem 0x00000000fffc0000-0x00000000ffffffff] reserved
)");
  EXPECT_EQ(m.changes.taken_by_mem, 3 * mm::kGiB);
}

TEST(MemOption, WrongOnesDoNothing) {
  for (const char* wrong : {"", "0", "G", "1.5G", "1GB", "nopentium", "-1", "0x", "20E"}) {
    Machine m;
    EXPECT_NE(m.mem(wrong).find("error: mem=: "), std::string::npos) << wrong;
    EXPECT_FALSE(m.changes.any);
    EXPECT_EQ(m.drawn.e820.total(mm::E820Type::Ram), 4 * mm::kGiB - 0x60000);
  }
}

TEST(MemmapOption, AddsOfEveryKind) {
  Machine m;
  EXPECT_EQ(m.memmap("1M@0x90000000,64K#0x90200000,4K$0x1000,1G!4G"),
            R"(user-defined physical RAM map:
user: [mem 0x0000000000000000-0x0000000000000fff] usable
user: [mem 0x0000000000001000-0x0000000000001fff] reserved
user: [mem 0x0000000000002000-0x000000000009ffff] usable
user: [mem 0x0000000000100000-0x000000007fffffff] usable
user: [mem 0x0000000090000000-0x00000000900fffff] usable
user: [mem 0x0000000090200000-0x000000009020ffff] ACPI data
user: [mem 0x00000000fffc0000-0x00000000ffffffff] reserved
user: [mem 0x0000000100000000-0x000000013fffffff] persistent (type 12)
user: [mem 0x0000000140000000-0x000000017fffffff] usable
)");
  EXPECT_EQ(m.changes.added_by_memmap, mm::kMiB);
  EXPECT_EQ(m.changes.taken_by_memmap, mm::kGiB + 0x1000);
}

TEST(MemmapOption, ExactmapForgetsTheFirmware) {
  Machine m;
  EXPECT_EQ(m.memmap("exactmap,640K@0,511M@1M"), R"(user-defined physical RAM map:
user: [mem 0x0000000000000000-0x000000000009ffff] usable
user: [mem 0x0000000000100000-0x000000001fffffff] usable
)");
}

TEST(MemmapOption, ASizeAloneIsALimit) {
  Machine m;
  m.memmap("2G");
  EXPECT_EQ(m.drawn.e820.last_pfn(), mm::Pfn{0x80000});
}

TEST(MemmapOption, PercentChangesTypes) {
  Machine m;
  EXPECT_EQ(m.memmap("1G%0x100000000-1+2"),
            R"(e820: update [mem 0x100000000-0x13fffffff] usable ==> reserved
user-defined physical RAM map:
user: [mem 0x0000000000000000-0x000000000009ffff] usable
user: [mem 0x0000000000100000-0x000000007fffffff] usable
user: [mem 0x00000000fffc0000-0x000000013fffffff] reserved
user: [mem 0x0000000140000000-0x000000017fffffff] usable
)");
  EXPECT_EQ(m.memmap("1G%5G-1"), R"(e820: remove [mem 0x140000000-0x17fffffff] usable
user-defined physical RAM map:
user: [mem 0x0000000000000000-0x000000000009ffff] usable
user: [mem 0x0000000000100000-0x000000007fffffff] usable
user: [mem 0x00000000fffc0000-0x000000013fffffff] reserved
)");
  EXPECT_EQ(m.memmap("256K%0xfffc0000"), R"(e820: remove [mem 0xfffc0000-0xffffffff] 
user-defined physical RAM map:
user: [mem 0x0000000000000000-0x000000000009ffff] usable
user: [mem 0x0000000000100000-0x000000007fffffff] usable
user: [mem 0x0000000100000000-0x000000013fffffff] reserved
)");
  EXPECT_EQ(m.memmap("4K%0xfffc0000+20"), R"(user-defined physical RAM map:
user: [mem 0x0000000000000000-0x000000000009ffff] usable
user: [mem 0x0000000000100000-0x000000007fffffff] usable
user: [mem 0x00000000fffc0000-0x00000000fffc0fff] type 20
user: [mem 0x0000000100000000-0x000000013fffffff] reserved
)");
}

TEST(MemmapOption, WrongOnesSayWhatIsWrong) {
  const auto error = [](const char* value) { return Machine().memmap(value); };
  EXPECT_EQ(error("1G=4G"),
            "error: memmap=: none of @, #, $, ! and % follows the size (characters left 3)\n");
  EXPECT_EQ(error("1G@"), "error: memmap=: a number is missing (characters left 0)\n");
  EXPECT_EQ(error("1G@4Gx"),
            "error: memmap=: what follows is not understood (characters left 1)\n");
  EXPECT_EQ(error("0@4G"), "error: memmap=: range is empty (start 0x100000000)\n");
  EXPECT_NE(error("4096T@4096T").find("range ends above the 52-bit"), std::string::npos);
  EXPECT_NE(error("1G@0xffffffffffffffff").find("range ends above the 52-bit"), std::string::npos);
  EXPECT_NE(error("exactmapp").find("what follows"), std::string::npos);
  EXPECT_NE(error("1G%4G-1+5x").find("what follows"), std::string::npos);
  EXPECT_NE(error("1G%4G-0x100000000").find("does not fit 32 bits"), std::string::npos);
  EXPECT_NE(error("1G@4G,,").find("a number is missing (characters left "), std::string::npos);
}

TEST(SizeText, ReadsWhatLinuxReads) {
  const auto size = [](std::string_view text) {
    const auto value = mm::take_size(text, "test");
    return value.ok() ? std::to_string(value.value()) + "|" + std::string(text) : "error";
  };
  EXPECT_EQ(size("0"), "0|");
  EXPECT_EQ(size("010"), "8|");
  EXPECT_EQ(size("0x10k"), "16384|");
  EXPECT_EQ(size("0XfF"), "255|");
  EXPECT_EQ(size("08"), "0|8");  // octal ends where its digits end
  EXPECT_EQ(size("0x"), "0|x");
  EXPECT_EQ(size("3m@5"), "3145728|@5");
  EXPECT_EQ(size("1T"), "1099511627776|");
  EXPECT_EQ(size("2P"), "2251799813685248|");
  EXPECT_EQ(size("1E"), "1152921504606846976|");
  EXPECT_EQ(size("18446744073709551615"), "18446744073709551615|");
  EXPECT_EQ(size("18446744073709551616"), "error");
  EXPECT_EQ(size("16E"), "error");
  EXPECT_EQ(size(""), "error");
  EXPECT_EQ(size("k"), "error");
}

}  // namespace
