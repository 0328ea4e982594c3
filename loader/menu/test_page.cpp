#include "loader/menu/test_page.h"

#include "mm/print.h"

namespace loader {
namespace {

// What a person reads, and the word that it becomes.
struct Choice {
  const char* shown;
  const char* word;
};
constexpr Choice kSelftestChoices[] = {
    {"none", ""}, {"all", "selftest"}, {"all, every block", "selftest=full"}};
constexpr Choice kMemoryChoices[] = {{"no", ""},
                                     {"quick", "memtest=quick"},
                                     {"full", "memtest=full"},
                                     {"all night, until a key is pressed", "memtest=overnight"}};
constexpr size_t kAllNight = 3;
constexpr Choice kPassChoices[] = {{"1", ""},     {"2", ",2"},   {"3", ",3"},   {"5", ",5"},
                                   {"10", ",10"}, {"20", ",20"}, {"50", ",50"}, {"100", ",100"}};
constexpr Choice kAfterChoices[] = {{"the monitor", "monitor"},
                                    {"the summary", "show=summary"},
                                    {"the map of memory", "show=map"},
                                    {"power off", "poweroff"}};
constexpr Choice kGuardChoices[] = {
    {"no", ""}, {"yes: keep bad pages from another system, and start that", "guard"}};

struct FieldRow {
  const char* name;
  std::span<const Choice> choices;
};
constexpr std::array<FieldRow, TestPage::kFields> kRows{{{"Self-tests", kSelftestChoices},
                                                         {"Memory test", kMemoryChoices},
                                                         {"Passes of it", kPassChoices},
                                                         {"Afterwards", kAfterChoices},
                                                         {"Guard", kGuardChoices}}};

}  // namespace

void TestPage::turn(int by) {
  const auto count = static_cast<int>(kRows[chosen_].choices.size());
  values_[chosen_] = static_cast<uint8_t>((values_[chosen_] + count + by) % count);
}

TestPage::Answer TestPage::press(MenuKey key) {
  using Kind = MenuKey::Kind;
  const auto go = [&](size_t to) {
    chosen_ = to;
    return Answer::Changed;
  };
  switch (key.kind) {
    case Kind::Up:
      return go((chosen_ + kFields - 1) % kFields);
    case Kind::Down:
      return go((chosen_ + 1) % kFields);
    case Kind::Home:
      return go(0);
    case Kind::End:
      return go(kFields - 1);
    case Kind::Left:
      turn(-1);
      return Answer::Changed;
    case Kind::Right:
      turn(1);
      return Answer::Changed;
    case Kind::Escape:
      return Answer::Leave;
    case Kind::Character:
      break;
    default:
      return Answer::Nothing;
  }
  if (key.c == '\r') return Answer::Start;
  if (key.c != ' ') return Answer::Nothing;
  turn(1);
  return Answer::Changed;
}

TestPage::Row TestPage::row(size_t field) const {
  const bool guarded = value(kGuard) != 0;
  const bool counts = field == kGuard || (!guarded && (field != kPasses || has_passes()));
  return {kRows[field].name, kRows[field].choices[values_[field]].shown, field == chosen_, counts};
}

bool TestPage::has_passes() const {
  return value(kMemoryTest) != 0 && value(kMemoryTest) != kAllNight;
}

size_t TestPage::words(std::span<char, kMostWords> out) const {
  const auto word = [&](Field field) { return kRows[field].choices[value(field)].word; };
  // The guard starts another system at once.
  if (value(kGuard) != 0) return mm::format(out, "{}", word(kGuard));
  const bool tests = value(kSelftests) != 0, memory = value(kMemoryTest) != 0;
  return mm::format(out, "{}{}{}{}{}{}", word(kSelftests), tests ? " " : "", word(kMemoryTest),
                    has_passes() ? word(kPasses) : "", memory ? " " : "", word(kAfterwards));
}

}  // namespace loader
