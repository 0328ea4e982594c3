// What a run leaves when it does not come to its end, from the kernel to the next start's words.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

#include "kernel/console.h"
#include "kernel/run_record.h"
#include "loader/run_record.h"
#include "tests/support/booted.h"
#include "tests/support/pretend_hardware.h"

namespace {

using loader::RunMark;
using loader::RunPage;

struct Heard {
  std::string text;
  [[nodiscard]] mm::Printer printer() {
    return {[](void* to, std::string_view said) { static_cast<Heard*>(to)->text += said; }, this};
  }
};

RunMark a_mark() {
  RunMark mark;
  mark.year = 2026;
  mark.month = 11;
  mark.day = 27;
  mark.hour = 5;
  mark.minute = 9;
  mark.run = 77;
  std::strcpy(mark.phase, "the memory test");
  mark.crc = mark.sum();
  return mark;
}

std::unique_ptr<RunPage> a_page(loader::RunState state, const std::string& text) {
  auto page = std::make_unique<RunPage>();
  page->magic = RunPage::kMagic;
  page->state = state;
  page->run = 77;
  page->errors = 12;
  page->percent = 43;
  std::strcpy(page->test, "memtest.moving-bytes");
  page->length = static_cast<uint32_t>(text.copy(page->text, sizeof(page->text)));
  page->crc = page->sum();
  return page;
}

template <class T>
std::span<const uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
}

TEST(RunRecord, TheMarkIsToldAndADamagedOneIsNot) {
  const RunMark mark = a_mark();
  const auto read = loader::parse_mark(bytes_of(mark));
  ASSERT_TRUE(read.ok());
  Heard heard;
  loader::print_last_run({&read.value(), nullptr}, heard.printer());
  EXPECT_EQ(heard.text,
            "the last run did not come to its end in: the memory test, begun 2026-11-27 05:09\n");
  for (size_t i = 0; i < sizeof(mark); ++i) {
    if (i >= offsetof(RunMark, year) && i < offsetof(RunMark, crc)) continue;  // when it was
    RunMark bent = mark;
    reinterpret_cast<uint8_t*>(&bent)[i] ^= 1;
    EXPECT_FALSE(loader::parse_mark(bytes_of(bent)).ok()) << i;
  }
  EXPECT_FALSE(loader::parse_mark(bytes_of(mark).first(63)).ok());
}

TEST(RunRecord, ThePageSaysHowFarItWas) {
  const RunMark mark = a_mark();
  const auto page = a_page(loader::RunState::Going, "one\ntwo\x01\n");
  ASSERT_TRUE(loader::is_record(*page));
  Heard heard;
  loader::print_last_run_whole({&mark, page.get()}, heard.printer());
  EXPECT_EQ(heard.text,
            "the last run did not come to its end in: the memory test, begun 2026-11-27 05:09\n"
            "  it was at memtest.moving-bytes, 43 %, after 12 errors\n"
            "\nThe end of its log:\n\none\ntwo\n\n");
  const auto panicked = a_page(loader::RunState::Panicked, "x");
  heard.text.clear();
  loader::print_last_run({nullptr, panicked.get()}, heard.printer());
  EXPECT_EQ(heard.text.find("the last run ended with a panic\n"), 0U);
}

TEST(RunRecord, APageThatIsNotWholeIsNone) {
  const std::string text(100, 'a');
  const auto good = a_page(loader::RunState::Going, text);
  for (size_t i = 0; i < offsetof(RunPage, text) + text.size(); ++i) {
    auto bent = std::make_unique<RunPage>(*good);
    reinterpret_cast<uint8_t*>(bent.get())[i] ^= 1;
    EXPECT_FALSE(loader::is_record(*bent)) << i;
  }
  auto endless = std::make_unique<RunPage>(*good);
  endless->length = sizeof(endless->text) + 1;
  EXPECT_FALSE(loader::is_record(*endless));
}

// A machine that writes it: the mark while tests run, the page among its memory, nothing afterwards.
TEST(RunRecord, TheKernelKeepsItWhileTestsRun) {
  test::PretendHardware::Variables variables;
  test::hardware.variables = &variables;
  test::BootedMachine machine("BIOS-e820: [mem 0x0000000000100000-0x000000000fffffff] usable\n", "",
                              test::BootedMachine::With::KernelImage);
  machine.offer_runtime_services();
  Heard heard;
  kernel::find_run_page(*machine);
  kernel::begin_run(*machine, "the memory test", heard.printer());
  EXPECT_EQ(heard.text, "");
  const auto mark = loader::parse_mark(variables.at(loader::kRunVariable));
  ASSERT_TRUE(mark.ok());
  EXPECT_STREQ(mark.value().phase, "the memory test");
  EXPECT_EQ(mark.value().hour, 4);

  const mm::Reservation* record = nullptr;
  for (const mm::Reservation& r : machine->relay.reservations().entries()) {
    if (std::string_view(r.name) == "RUN RECORD") record = &r;
  }
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->range.start.v % RunPage::kEvery, 0U);
  const auto& page = *machine->relay.map().at<RunPage>(record->range.start);
  kernel::log().line("a line of the log");
  kernel::note_run("memtest.moving-bytes", 43, 12);
  ASSERT_TRUE(loader::is_record(page));
  EXPECT_EQ(page.run, mark.value().run);
  EXPECT_EQ(page.percent, 43U);
  EXPECT_EQ(page.errors, 12U);
  EXPECT_TRUE(std::string_view(page.text, page.length).ends_with("a line of the log\n"));
  kernel::keep_last_words();
  EXPECT_TRUE(loader::is_record(page));
  EXPECT_EQ(page.state, loader::RunState::Panicked);

  kernel::end_run(*machine, heard.printer());
  EXPECT_FALSE(loader::is_record(page));
  EXPECT_TRUE(variables.empty());
  EXPECT_EQ(heard.text, "");
  test::hardware.variables = nullptr;
  kernel::forget_run_page();
}

}  // namespace
