#include "loader/menu/boot_entries.h"

#include <algorithm>

#include "loader/arch.h"
#include "mm/size_text.h"

namespace loader {
namespace {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view first(std::string_view text, size_t count) { return {text.data(), count}; }

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool ends_in_conf(std::string_view name) {
  constexpr std::string_view kEnding = ".conf";
  return name.size() > kEnding.size() &&
         same({name.data() + name.size() - kEnding.size(), kEnding.size()}, kEnding);
}

std::string_view without_conf(std::string_view name) {
  if (ends_in_conf(name)) name.remove_suffix(5);
  return name;
}

// Nine digits at most.
std::optional<uint32_t> small_number(std::string_view text) {
  const auto number = mm::number_of(text, 10, 999'999'999);
  if (!number) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

std::optional<bool> parse_yes(std::string_view text) {
  for (const char* yes : {"yes", "y", "true", "t", "on", "1"}) {
    if (same(text, yes)) return true;
  }
  for (const char* no : {"no", "n", "false", "f", "off", "0"}) {
    if (same(text, no)) return false;
  }
  return std::nullopt;
}

// Calls visit(line number, key, value) for every line that says something.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (unsigned number = 1; !text.empty(); ++number) {
    size_t end = 0;
    while (end < text.size() && text[end] != '\n') ++end;
    const std::string_view line = trim(first(text, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    size_t length = 0;
    while (length < line.size() && !is_blank(line[length])) ++length;
    std::string_view value = line;
    value.remove_prefix(length);
    visit(number, first(line, length), trim(value));
  }
}

// NAME+LEFT or NAME+LEFT-DONE: the counters of boot assessment are no part of the id.
void take_counters(BootEntry& entry) {
  const size_t plus = entry.id.rfind('+');
  if (plus == std::string_view::npos || plus == 0) return;
  std::string_view counters = entry.id;
  counters.remove_prefix(plus + 1);
  std::string_view left = counters;
  std::optional<uint32_t> done = 0;
  if (const size_t minus = counters.find('-'); minus != std::string_view::npos) {
    left = first(counters, minus);
    counters.remove_prefix(minus + 1);
    done = small_number(counters);
  }
  const auto tries = small_number(left);
  if (!tries || !done) return;
  entry.tries_left = tries;
  entry.tries_done = *done;
  entry.id = first(entry.id, plus);
}

int compare(std::string_view a, std::string_view b) { return a < b ? -1 : a == b ? 0 : 1; }

void skip_separators(std::string_view& text) {
  const auto counts = [](char c) {
    return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '~' || c == '^';
  };
  while (!text.empty() && !counts(text.front())) text.remove_prefix(1);
}

template <class Of>
std::string_view take_while(std::string_view& text, Of of) {
  size_t length = 0;
  while (length < text.size() && of(text[length])) ++length;
  const std::string_view taken = first(text, length);
  text.remove_prefix(length);
  return taken;
}

int compare_numbers(std::string_view a, std::string_view b) {
  while (!a.empty() && a.front() == '0') a.remove_prefix(1);
  while (!b.empty() && b.front() == '0') b.remove_prefix(1);
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return compare(a, b);
}

// Whether `a` stands before `b` in the menu.
bool before(const BootEntry& a, const BootEntry& b) {
  const bool a_bad = a.tries_left == 0u;
  const bool b_bad = b.tries_left == 0u;
  if (a_bad != b_bad) return b_bad;
  if (a.sort_key.empty() != b.sort_key.empty()) return b.sort_key.empty();
  if (!a.sort_key.empty()) {
    if (const int order = compare(a.sort_key, b.sort_key); order != 0) return order < 0;
    if (const int order = compare(a.machine_id, b.machine_id); order != 0) return order < 0;
    if (const int order = compare_versions(a.version, b.version); order != 0) return order > 0;
  }
  return compare_versions(a.id, b.id) > 0;
}

bool matches(std::string_view text, std::string_view pattern) {
  size_t t = 0;
  size_t p = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || lower(pattern[p]) == lower(text[t]))) {
      ++p, ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

class Joined {
 public:
  explicit Joined(std::span<char> out) : out_(out) {}
  void add(std::string_view text) {
    for (const char c : text) {
      if (length_ < out_.size()) out_[length_] = c;
      ++length_;
    }
  }
  void word(std::string_view text) {
    if (length_ != 0) add(" ");
    add(text);
  }
  [[nodiscard]] size_t length() const { return length_; }

 private:
  std::span<char> out_;
  size_t length_ = 0;
};

}  // namespace

size_t BootEntry::join_options(std::span<char> out, Initrds how) const {
  Joined joined(out);
  if (efi.empty() && how == Initrds::AsWords) {
    for (size_t i = 0; i < initrd_count; ++i) {
      joined.word("initrd=");
      for (const char c : initrds[i]) joined.add(c == '/' ? "\\" : std::string_view(&c, 1));
    }
  }
  for (size_t i = 0; i < option_count; ++i) joined.word(options[i]);
  return joined.length();
}

std::optional<BootEntry> parse_entry(std::string_view file_name, std::string_view text,
                                     const mm::Printer& findings) {
  BootEntry entry;
  entry.file = file_name;
  entry.id = without_conf(file_name);
  take_counters(entry);
  bool ours = true;
  const auto ignored = [&](unsigned number, const char* why, std::string_view what) {
    findings.text(file_name);
    findings.part(": line {} ignored: {} ", number, why);
    findings.text(what);
    findings.text("\n");
  };
  const auto add = [&](unsigned number, std::span<std::string_view> pieces, size_t& count,
                       std::string_view key, std::string_view value) {
    if (count == pieces.size()) {
      ignored(number, "too many lines of", key);
    } else {
      pieces[count++] = value;
    }
  };
  for_each_line(text, [&](unsigned number, std::string_view key, std::string_view value) {
    if (value.empty()) {
      if (key != "options") ignored(number, "no value for", key);
    } else if (value.find('\0') != std::string_view::npos) {  // who starts it would see no further
      ignored(number, "a NUL in the value of", key);
    } else if (key == "title") {
      entry.title = value;
    } else if (key == "version") {
      entry.version = value;
    } else if (key == "machine-id") {
      entry.machine_id = value;
    } else if (key == "sort-key") {
      entry.sort_key = value;
    } else if (key == "efi") {
      entry.efi = value;
    } else if (key == "linux") {
      entry.linux_ = value;
    } else if (key == "initrd") {
      add(number, entry.initrds, entry.initrd_count, key, value);
    } else if (key == "options") {
      add(number, entry.options, entry.option_count, key, value);
    } else if (key == "architecture") {
      ours = same(value, entry_architecture());
    } else if (key != "devicetree" && key != "devicetree-overlay" && key != "grub_hotkey" &&
               key != "grub_users" && key != "grub_class" && key != "grub_arg" &&
               key != "profile" && key != "uki" && key != "uki-url" && key != "extra") {
      ignored(number, "unknown key", key);
    }
  });
  if (!ours) return std::nullopt;
  if (entry.program().empty()) {
    findings.text(file_name);
    findings.line(": ignored: neither efi nor linux names a program");
    return std::nullopt;
  }
  if (entry.title.empty()) entry.title = entry.id;
  return entry;
}

int compare_versions(std::string_view a, std::string_view b) {
  for (;;) {
    skip_separators(a);
    skip_separators(b);
    const auto at = [](std::string_view text, char c) { return !text.empty() && text[0] == c; };
    // A tilde is older than anything, even than nothing.
    if (at(a, '~') || at(b, '~')) {
      if (!at(a, '~') || !at(b, '~')) return at(a, '~') ? -1 : 1;
      a.remove_prefix(1);
      b.remove_prefix(1);
      continue;
    }
    if (a.empty() || b.empty()) return a.empty() && b.empty() ? 0 : a.empty() ? -1 : 1;
    bool separated = false;
    for (const char separator : {'-', '^', '.'}) {
      if (!at(a, separator) && !at(b, separator)) continue;
      if (!at(a, separator) || !at(b, separator)) return at(a, separator) ? -1 : 1;
      a.remove_prefix(1);
      b.remove_prefix(1);
      separated = true;
      break;
    }
    if (separated) continue;
    if (is_digit(a[0]) || is_digit(b[0])) {
      if (!is_digit(a[0]) || !is_digit(b[0])) return is_digit(a[0]) ? 1 : -1;
      const std::string_view number = take_while(a, is_digit);
      if (const int order = compare_numbers(number, take_while(b, is_digit)); order != 0) {
        return order;
      }
    } else {
      const std::string_view word = take_while(a, is_letter);
      if (const int order = compare(word, take_while(b, is_letter)); order != 0) return order;
    }
  }
}

void sort_entries(std::span<BootEntry> entries) {
  // n log n whatever the files say, and without reading beyond the end whatever they compare as.
  std::make_heap(entries.begin(), entries.end(), before);
  std::sort_heap(entries.begin(), entries.end(), before);
}

MenuConfig parse_loader_conf(std::string_view text, const mm::Printer& findings) {
  MenuConfig config;
  const auto ignored = [&](unsigned number, const char* why, std::string_view value) {
    findings.part("{}: line {} ignored: {} ", kLoaderConfPath, number, why);
    findings.text(value);
    findings.text("\n");
  };
  for_each_line(text, [&](unsigned number, std::string_view key, std::string_view value) {
    if (key == "default") {
      config.default_pattern = value;
    } else if (key == "timeout") {
      if (const auto seconds = small_number(value)) {
        config.timeout = *seconds;
      } else if (value == "menu-force") {
        config.timeout = MenuConfig::kForEver;
      } else if (value == "menu-hidden" || value == "menu-disabled") {
        config.timeout = 0;
      } else {
        ignored(number, "timeout is no number of seconds:", value);
      }
    } else if (key == "editor") {
      if (const auto yes = parse_yes(value)) {
        config.editor = *yes;
      } else {
        ignored(number, "editor is neither yes nor no:", value);
      }
    } else if (key != "console-mode" && key != "auto-entries" && key != "auto-firmware" &&
               key != "auto-poweroff" && key != "auto-reboot" && key != "beep" &&
               key != "random-seed-mode" && key != "secure-boot-enroll" &&
               key != "reboot-for-bitlocker" && key != "log-level") {
      ignored(number, "unknown key", key);
    }
  });
  return config;
}

bool is_chosen_by(const BootEntry& entry, std::string_view pattern) {
  return matches(entry.id, without_conf(pattern));
}

}  // namespace loader
