// Any keys at the boot menu, on its page of tests and with options locked: there is always an entry that
// is chosen, its options are a text with the cursor in it, and the page's words are Baton's own.
//
// The input is what the menu may do (a byte), how long an entry's text is (two), that, and the keys.
#include "kernel/options.h"
#include "loader/menu/boot_menu.h"
#include "loader/menu/test_page.h"
#include "loader/trust/words.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;

loader::MenuKey key_of(uint8_t byte) {
  using Kind = loader::MenuKey::Kind;
  if (byte < 0x80) return {Kind::Character, static_cast<char>(byte)};
  constexpr auto kKinds = static_cast<uint8_t>(Kind::Other) + 1;
  const auto kind = static_cast<Kind>(byte % kKinds);
  return {kind, kind == Kind::Character ? '\r' : '\0'};
}

void check_page(loader::TestPage& page) {
  std::array<char, loader::TestPage::kMostWords> words{};
  const size_t length = page.words(words);
  check(length < words.size() && std::strlen(words.data()) == length);
  check(kernel::Options(words.data()).complain({}) == 0);
  std::string_view rest(words.data(), length);
  for (auto word = mm::take_option_word(rest); !word.text.empty();
       word = mm::take_option_word(rest)) {
    check(loader::is_harmless(word.name));
  }
  unsigned chosen = 0;
  for (size_t i = 0; i < loader::TestPage::kFields; ++i) chosen += page.row(i).chosen ? 1 : 0;
  check(chosen == 1);
}

void check_menu(const loader::BootMenu& menu) {
  const size_t length = std::strlen(menu.options());
  check(menu.chosen() < menu.entries().size() && length <= loader::BootMenu::kMaxOptions);
  check(menu.cursor() <= length && (!menu.editing() || menu.may_edit()));
}

}  // namespace

FUZZ_TARGET(menu) {
  fuzz::Input input(data, size);
  const uint8_t may = input.byte();
  const std::string text = input.text(input.number<uint16_t>());
  std::vector<loader::BootEntry> entries;
  for (const char* name : {"one.conf", "two+3.conf", "three.conf"}) {
    if (const auto entry = loader::parse_entry(name, text, {})) entries.push_back(*entry);
  }
  if (entries.empty()) entries.emplace_back();
  loader::BootMenu menu(entries, may >> 2 & 1 ? entries.size() - 1 : 0, (may & 1) != 0);
  if ((may & 2) != 0) menu.lock_options();
  const std::string before = menu.options();
  loader::TestPage page;
  check_menu(menu);
  check_page(page);
  while (!input.empty()) {
    const loader::MenuKey key = key_of(input.byte());
    const auto answer = menu.press(key);
    check(answer != loader::BootMenu::Answer::Tests || menu.may_test());
    check_menu(menu);
    if (page.press(key) == loader::TestPage::Answer::Changed) check_page(page);
  }
  if ((may & 2) != 0) check(!menu.edited());
}
