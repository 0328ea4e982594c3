// What the firmware is given and gives of a variable, nothing at all included.
#include "kernel/variable_arguments.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "loader/handoff/report_variable.h"

namespace {

using kernel::VariableArguments;
using kernel::VariableName;

constexpr VariableName kVariable{u"BatonRun", loader::kReportVendor, "the run's mark"};

struct VariableArgumentsTest : testing::Test {
  VariableArguments arguments{};
};

// A variable is deleted by content that is not there: no bytes, at no address (found by UBSan).
TEST_F(VariableArgumentsTest, NothingMayHaveNoAddress) {
  arguments.size = 7;
  ASSERT_EQ(std::span<const uint8_t>{}.data(), nullptr);
  EXPECT_TRUE(arguments.set_data(kVariable, {}).ok());
  EXPECT_EQ(arguments.size, 0U);
  const auto taken = arguments.take_data(kVariable, {});
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken.value(), 0U);
}

TEST_F(VariableArgumentsTest, WhatIsSetIsTaken) {
  const std::vector<uint8_t> content{1, 2, 3};
  EXPECT_TRUE(arguments.set_data(kVariable, content).ok());
  std::vector<uint8_t> out(4, 9);
  const auto taken = arguments.take_data(kVariable, out);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken.value(), 3U);
  EXPECT_EQ(out, (std::vector<uint8_t>{1, 2, 3, 9}));
  EXPECT_TRUE(arguments.set_data(kVariable, std::vector<uint8_t>(kernel::arch::kMaxVariable)).ok());
}

TEST_F(VariableArgumentsTest, WhatDoesNotFitIsRefused) {
  const auto set =
      arguments.set_data(kVariable, std::vector<uint8_t>(kernel::arch::kMaxVariable + 1));
  ASSERT_FALSE(set.ok());
  EXPECT_STREQ(set.error().subject, "the run's mark");
  EXPECT_EQ(set.error().a, kernel::arch::kMaxVariable + 1);
  arguments.size = 5;
  std::vector<uint8_t> out(4);
  const auto taken = arguments.take_data(kVariable, out);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().a, 5U);
  EXPECT_EQ(taken.error().b, 4U);
  // Nor is read behind what there is, whatever the firmware says.
  arguments.size = kernel::arch::kMaxVariable + 1;
  out.resize(2 * kernel::arch::kMaxVariable);
  EXPECT_FALSE(arguments.take_data(kVariable, out).ok());
}

TEST_F(VariableArgumentsTest, NamesEndWithZero) {
  EXPECT_TRUE(arguments.set_name(kVariable).ok());
  EXPECT_EQ(std::u16string(arguments.name), u"BatonRun");
  const std::u16string longest(VariableName::kMaxLength, u'x');
  EXPECT_TRUE(arguments.set_name({longest.c_str(), {}, "long"}).ok());
  EXPECT_EQ(std::u16string(arguments.name), longest);
  const std::u16string longer = longest + u'x';
  EXPECT_FALSE(arguments.set_name({longer.c_str(), {}, "longer"}).ok());
}

}  // namespace
