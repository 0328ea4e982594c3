// Each call of the firmware fails once, whichever it is: the application is ready to jump all the same, or
// it gives back all that it has, and says why.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/firmware/pretend.h"

namespace pretend {
namespace {

// The one that was built.
std::string kernel() {
  const char* const build = std::getenv("BUILD");
  std::ifstream file(std::string(build != nullptr ? build : "build") + "/esp/EFI/baton/kernel.elf",
                     std::ios::binary);
  EXPECT_TRUE(file.is_open());
  return {std::istreambuf_iterator<char>(file), {}};
}

// What is on an ESP that was only just installed. Without KASLR a start is like another.
Plan plain() {
  Plan plan;
  plan.files[R"(\EFI\baton\kernel.elf)"] = kernel();
  plan.files[R"(\EFI\baton\baton.conf)"] =
      "kernel \\EFI\\baton\\kernel.elf\noptions nokaslr poweroff\n";
  return plan;
}

// All that a start may have to do: a menu, an initrd, a folder of our own with a map of another machine.
Plan rich() {
  Plan plan = plain();
  plan.files[R"(\EFI\baton\baton.conf)"] =
      "kernel \\EFI\\baton\\kernel.elf\ninitrd \\initrd.img\nmodule one \\initrd.img\n"
      "options nokaslr poweroff\ntimeout 1\n";
  plan.files[R"(\initrd.img)"] = std::string(10'000, 'i');
  plan.files[R"(\loader\loader.conf)"] = "default one\ntimeout 1\n";
  for (const char* const name : {"one", "two"}) {
    plan.files[std::string("\\loader\\entries\\") + name + ".conf"] =
        std::string("title ") + name + "\nefi \\EFI\\BOOT\\BOOTX64.EFI\n";
  }
  plan.files[R"(\EFI\BOOT\BOOTX64.EFI)"] = "\nbaton,1,Baton,baton,0.1.0,";
  plan.files[R"(\baton\readme.txt)"] = "this folder is Baton's";
  return plan;
}

// Services whose failure takes nothing away that somebody would miss, or that are asked again: there may
// be nothing to say.
const std::set<std::string> kSilent = {"OutputString",
                                       "SetAttribute",
                                       "ClearScreen",
                                       "SetCursorPosition",
                                       "EnableCursor",
                                       "QueryMode",
                                       "Close",
                                       "CloseEvent",
                                       "FreePages",
                                       "FreePool",
                                       "SetTimer",
                                       "CheckEvent",
                                       "CreateEvent",
                                       "WaitForEvent",
                                       "Stall",
                                       "ReadKeyStroke",
                                       "SetWatchdogTimer",
                                       "GetTime",
                                       "GetMemoryMap",
                                       "GetVariable",
                                       "ExitBootServices",
                                       "Read of a later piece",
                                       "HandleProtocol of what is not there"};

void expect_nothing_kept(const Outcome& outcome) {
  EXPECT_EQ(outcome.pages, 0u);
  EXPECT_EQ(outcome.pools, 0u);
  EXPECT_EQ(outcome.files, 0u);
  EXPECT_EQ(outcome.events, 0u);
  for (const std::string& fault : outcome.faults) ADD_FAILURE() << fault;
}

void expect_an_end(const Outcome& outcome, const Outcome& good) {
  switch (outcome.end) {
    case End::Jumped:
      EXPECT_TRUE(outcome.handoff_good);
      EXPECT_TRUE(kSilent.contains(outcome.failed) || outcome.said != good.said)
          << "nobody is told of it";
      break;
    case End::Returned:
      EXPECT_NE(outcome.status, 0u);
      EXPECT_NE(outcome.said.find("baton: "), std::string::npos);
      EXPECT_NE(outcome.said.find("baton: going back to the firmware"), std::string::npos);
      break;
    case End::Reset:
      EXPECT_NE(outcome.last.find("ExitBootServices"), std::string::npos) << outcome.last;
      break;
  }
}

void fail_each(Plan plan) {
  const Outcome good = start(plan);
  ASSERT_EQ(good.end, End::Jumped) << good.said << good.last;
  ASSERT_TRUE(good.handoff_good);
  expect_nothing_kept(good);
  ASSERT_GT(good.calls, 10u);
  for (const uint64_t status : {kOutOfResources, kDeviceError}) {
    plan.status = status;
    for (plan.fails = 1; plan.fails <= good.calls; ++plan.fails) {
      const Outcome outcome = start(plan);
      SCOPED_TRACE("call " + std::to_string(plan.fails) + ", " + outcome.failed + ": " +
                   outcome.said + outcome.last);
      expect_nothing_kept(outcome);
      expect_an_end(outcome, good);
    }
  }
}

TEST(FailingCalls, EachAllocationOfAPlainStart) {
  Plan plan = plain();
  plan.only_allocations = true;
  fail_each(plan);
}

// Who is told of it is not looked at: the kernel's place is another at each start.
TEST(FailingCalls, EachAllocationOfAStartWithKaslr) {
  Plan plan = plain();
  plan.files[R"(\EFI\baton\baton.conf)"] = "kernel \\EFI\\baton\\kernel.elf\noptions poweroff\n";
  plan.only_allocations = true;
  fail_each(plan);
}

TEST(FailingCalls, EachCallOfAPlainStart) { fail_each(plain()); }

TEST(FailingCalls, EachAllocationOfARichStart) {
  Plan plan = rich();
  plan.only_allocations = true;
  fail_each(plan);
}

TEST(FailingCalls, EachCallOfARichStart) { fail_each(rich()); }

// A module is read and handed over; with Secure Boot on nothing covers it, and the kernel that was built
// with the application starts without.
TEST(SecureBoot, AModuleThatNobodySignedIsRefused) {
  Plan plan = plain();
  plan.secure_boot = true;
  const Outcome without = start(plan);
  EXPECT_EQ(without.end, End::Jumped) << without.said;
  plan.files[R"(\EFI\baton\baton.conf)"] += "module symbols \\kernel.sym\n";
  plan.files[R"(\kernel.sym)"] = "symbols";
  const Outcome refused = start(plan);
  EXPECT_EQ(refused.end, End::Returned);
  EXPECT_NE(refused.said.find("\\kernel.sym: is in no manifest: refused, as Secure Boot is on"),
            std::string::npos)
      << refused.said;
  expect_nothing_kept(refused);
  plan.secure_boot = false;
  EXPECT_EQ(start(plan).end, End::Jumped);
}

}  // namespace
}  // namespace pretend
