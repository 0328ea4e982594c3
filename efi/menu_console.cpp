#include "efi/menu_console.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "efi/test_page.h"
#include "version.h"

namespace efi {
namespace {

using loader::BootEntry;
using loader::BootMenu;
using loader::MenuConfig;

using Line = std::array<char, 256>;

// Where things stand: title, a blank, the entries, a blank, options, keys, countdown.
constexpr size_t kFirstEntry = 3;
constexpr size_t kRowsBelow = 6;

class MenuOnConsole {
 public:
  MenuOnConsole(const Terminal& terminal, BootMenu& menu) : terminal_(terminal), menu_(menu) {}

  // Until an entry is to be started. `seconds` to wait for the first key; kForEver: no countdown.
  void run(uint32_t seconds) {
    terminal_.clear();
    draw();
    bool counting = seconds != MenuConfig::kForEver;
    for (uint32_t left = seconds;;) {
      draw_countdown(counting, left);
      if (counting && left == 0) break;
      const auto key = terminal_.wait(counting);
      if (!key.has_value()) {
        left -= counting ? 1 : 0;
        continue;
      }
      counting = false;
      const BootMenu::Answer answer = menu_.press(*key);
      if (answer == BootMenu::Answer::Start) break;
      if (answer == BootMenu::Answer::Tests && choose_tests()) break;
      if (answer == BootMenu::Answer::Changed) draw();
    }
    terminal_.leave();
  }

 private:
  // False: somebody thought better of it.
  bool choose_tests() {
    const TestWords words = run_test_page(terminal_);
    if (words.chosen) {
      menu_.choose_ourselves(words.text.data());
    } else {
      terminal_.clear();
      draw();
    }
    return words.chosen;
  }

  [[nodiscard]] size_t shown() const {
    const size_t room = terminal_.rows() > kFirstEntry + kRowsBelow
                            ? terminal_.rows() - kFirstEntry - kRowsBelow
                            : 1;
    return std::min(menu_.entries().size(), room);
  }

  void draw() {
    terminal_.row(1, Terminal::kTitle, "  Baton " BATON_VERSION);
    const size_t count = shown();
    if (menu_.chosen() < first_) first_ = menu_.chosen();
    if (menu_.chosen() >= first_ + count) first_ = menu_.chosen() + 1 - count;
    for (size_t i = 0; i < count; ++i) {
      const BootEntry& entry = menu_.entries()[first_ + i];
      const bool chosen = first_ + i == menu_.chosen();
      const bool twice = same_title_twice(entry);
      Line line{};
      (void)mm::format(line, "  {} {}{}{}{} ", chosen ? '>' : ' ', entry.title, twice ? " " : "",
                       twice ? entry.version : "",
                       entry.tries_left == 0u ? " (failed before)" : "");
      terminal_.row(kFirstEntry + i, chosen ? Terminal::kChosen : Terminal::kNormal, line.data());
    }
    const size_t below = kFirstEntry + count + 1;
    draw_options(below);
    const char* keys =
        menu_.editing() ? "  Enter start    Esc leave the options as they were"
        : menu_.may_edit()
            ? "  Enter start    Up, Down choose    e edit options    t tests for this start"
        : menu_.may_test() ? "  Enter start    Up, Down choose    t tests for this start"
                           : "  Enter start    Up, Down choose";
    terminal_.row(below + 2, Terminal::kFaint, keys);
    if (menu_.editing()) terminal_.cursor(cursor_column_, below, true);
  }

  void draw_options(size_t row) {
    constexpr std::string_view kLabel = "  options: ";
    const std::string_view options = menu_.options();
    const size_t room = terminal_.columns() - kLabel.size() - 2;
    const size_t from = menu_.cursor() > room ? menu_.cursor() - room : 0;
    Line line{};
    const std::string_view visible(options.data() + (menu_.editing() ? from : 0),
                                   std::min(options.size() - (menu_.editing() ? from : 0), room));
    (void)mm::format(line, "{}{}", options.empty() && !menu_.editing() ? "" : kLabel.data(),
                     visible);
    terminal_.row(row, menu_.editing() ? Terminal::kTitle : Terminal::kNormal, line.data());
    cursor_column_ = kLabel.size() + menu_.cursor() - from;
    if (!menu_.editing()) terminal_.cursor(0, row, false);
  }

  void draw_countdown(bool counting, uint32_t left) const {
    const size_t row = kFirstEntry + shown() + 4;
    Line line{};
    if (counting) (void)mm::format(line, "  Starts by itself in {} s; any key stops that", left);
    terminal_.row(row, Terminal::kNormal, line.data());
    if (menu_.editing()) terminal_.cursor(cursor_column_, kFirstEntry + shown() + 1, true);
  }

  // Entries of one title are told apart by their versions.
  [[nodiscard]] bool same_title_twice(const BootEntry& entry) const {
    const auto same = [&](const BootEntry& other) { return other.title == entry.title; };
    return std::count_if(menu_.entries().begin(), menu_.entries().end(), same) > 1;
  }

  const Terminal& terminal_;
  BootMenu& menu_;
  size_t first_ = 0;  // entry in the topmost row
  size_t cursor_column_ = 0;
};

}  // namespace

void run_menu(const Terminal& terminal, BootMenu& menu, uint32_t seconds) {
  MenuOnConsole(terminal, menu).run(seconds);
}

}  // namespace efi
