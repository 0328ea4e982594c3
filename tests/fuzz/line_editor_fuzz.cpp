// Any keys at the prompt: the line stays text of a length that fits, and the screen's row shows it with the
// cursor in its place, whatever was typed, recalled and completed.
//
// The input is how wide the screen is (a byte), and what is typed.
#include "kernel/monitor/line_editor.h"

#include "tests/fuzz/target.h"
#include "tests/support/terminal.h"

namespace {

using fuzz::check;
using kernel::LineEditor;

constexpr std::string_view kPrompt = "baton> ";

void offer_words(void* /*context*/, std::string_view /*before*/, LineEditor::Offer offer,
                 void* sink) {
  for (const char* word : {"meminfo", "memtest", "map", "explain", "free"}) offer(sink, word);
}

// The row is the prompt and a part of the line, all of it where it fits.
void check_shown(const LineEditor& editor, const test::Terminal& terminal, size_t width) {
  const std::string_view line = editor.line();
  check(line.size() <= LineEditor::kMaxLine && fuzz::is_printable(line));
  check(terminal.row.size() <= width && terminal.column <= terminal.row.size());
  std::string_view row = terminal.row;
  check(row.starts_with(kPrompt) && terminal.column >= kPrompt.size());
  row.remove_prefix(kPrompt.size());
  check(line.find(row) != std::string_view::npos);
  if (line.size() + kPrompt.size() < width) check(row == line);
}

}  // namespace

FUZZ_TARGET(line_editor) {
  fuzz::Input input(data, size);
  const size_t width = 20 + input.byte();
  LineEditor editor;
  test::Terminal terminal;
  editor.set_completion(offer_words, nullptr);
  editor.set_width(width);
  editor.begin(kPrompt, terminal.printer());
  std::vector<std::string> entered;
  while (!input.empty()) {
    const auto event = editor.take(static_cast<char>(input.byte()), terminal.printer());
    if (event == LineEditor::Event::None) {
      check_shown(editor, terminal, width);
      continue;
    }
    if (event == LineEditor::Event::Line && !editor.line().empty()) {
      check(editor.history(1) == editor.line());
    }
    editor.begin(kPrompt, terminal.printer());
    check(editor.line().empty());
    check_shown(editor, terminal, width);
  }
}
