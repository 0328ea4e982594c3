// The name of an application's own kernel.
#include "loader/own_kernel.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace loader {
namespace {

std::string own(std::string_view path) {
  std::vector<char> out(path.size() + 4 + 2, '~');
  own_kernel_path(path, "0a1b", out);
  return out.data();
}

TEST(OwnKernel, TheIdStandsBeforeTheExtension) {
  EXPECT_EQ(own("\\EFI\\baton\\kernel.elf"), "\\EFI\\baton\\kernel-0a1b.elf");
  EXPECT_EQ(own("/EFI/my.own/kernel.6.1.elf"), "/EFI/my.own/kernel.6.1-0a1b.elf");
  EXPECT_EQ(own("k.elf"), "k-0a1b.elf");
}

TEST(OwnKernel, OrAtTheEndWhereThereIsNone) {
  EXPECT_EQ(own("\\EFI\\my.own\\kernel"), "\\EFI\\my.own\\kernel-0a1b");
  EXPECT_EQ(own("\\EFI\\.kernel"), "\\EFI\\.kernel-0a1b");
  EXPECT_EQ(own(""), "-0a1b");
}

TEST(OwnKernel, TheWideOneHas64ThereInstead) {
  std::vector<char> out(sizeof("\\EFI\\my.own\\kernel64.elf"), '~');
  wide_kernel_path("\\EFI\\my.own\\kernel.elf", out);
  EXPECT_STREQ(out.data(), "\\EFI\\my.own\\kernel64.elf");
  wide_kernel_path("kernel", out);
  EXPECT_STREQ(out.data(), "kernel64");
}

}  // namespace
}  // namespace loader
