#include "efi/test_page.h"

#include "version.h"

namespace efi {
namespace {

using loader::TestPage;

// Where things stand: title, a blank, the fields, a blank, the words, a blank, keys.
constexpr size_t kFirstField = 3;

void draw(const Terminal& terminal, const TestPage& page) {
  terminal.row(1, Terminal::kTitle, "  Baton " BATON_VERSION ": tests for this start");
  std::array<char, 160> line;
  for (size_t field = 0; field < TestPage::kFields; ++field) {
    const TestPage::Row row = page.row(field);
    (void)mm::format(line, "  {} {:14} < {} > ", row.chosen ? '>' : ' ', row.name, row.value);
    terminal.row(kFirstField + field,
                 row.chosen   ? Terminal::kChosen
                 : row.counts ? Terminal::kNormal
                              : Terminal::kFaint,
                 line.data());
  }
  std::array<char, TestPage::kMostWords> words;
  (void)page.words(words);
  (void)mm::format(line, "  options: {}", words.data());
  terminal.row(kFirstField + TestPage::kFields + 1, Terminal::kNormal, line.data());
  terminal.row(kFirstField + TestPage::kFields + 3, Terminal::kFaint,
               "  Enter start    Up, Down choose    Left, Right change    Esc back to the menu");
}

}  // namespace

TestWords run_test_page(const Terminal& terminal) {
  TestPage page;
  terminal.clear();
  draw(terminal, page);
  for (;;) {
    const auto key = terminal.wait(false);
    if (!key.has_value()) continue;
    switch (page.press(*key)) {
      case TestPage::Answer::Start: {
        TestWords words{.chosen = true};
        (void)page.words(words.text);
        return words;
      }
      case TestPage::Answer::Leave:
        return {};
      case TestPage::Answer::Changed:
        draw(terminal, page);
        break;
      case TestPage::Answer::Nothing:
        break;
    }
  }
}

}  // namespace efi
