// Initrds that are read when the system asks for them, which may be others by then.
#include <gtest/gtest.h>

#include <string>

#include "tests/firmware/pretend.h"

namespace pretend {
namespace {

const Files kBefore = {{R"(\one)", "12345"}, {R"(\two)", "abcd"}};

TEST(Initrds, AreWholeAndBeginAtMultiplesOfFour) {
  const Initrds loaded = load_initrds(kBefore, {{R"(\one)", "12345"}, {R"(\two)", "abcd"}});
  EXPECT_EQ(loaded.status, 0u) << loaded.said;
  EXPECT_EQ(loaded.bytes, std::string("12345\0\0\0abcd", 12));
}

// Nothing would be in its place but what the memory held before.
TEST(Initrds, OneThatShrankIsNamed) {
  const Initrds loaded = load_initrds(kBefore, {{R"(\one)", "12345"}, {R"(\two)", "abc"}});
  EXPECT_EQ(loaded.status, kDeviceError);
  EXPECT_EQ(loaded.said, "initrd: \\two: has another size than before (bytes 4, then 3)\n");
}

TEST(Initrds, OneThatGrewIsNamed) {
  const Initrds loaded = load_initrds(kBefore, {{R"(\one)", "123456"}, {R"(\two)", "ab"}});
  EXPECT_EQ(loaded.status, kDeviceError);
  EXPECT_EQ(loaded.said, "initrd: \\one: has another size than before (bytes 5, then 6)\n");
}

}  // namespace
}  // namespace pretend
