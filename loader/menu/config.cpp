#include "loader/menu/config.h"

#include <cstdint>
#include <limits>
#include <string_view>

#include "mm/size_text.h"

namespace loader {
namespace {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_printable(char c) { return (c >= ' ' && c <= '~') || c == '\t'; }

// Freestanding: string_view's own substr() would throw. `from` is at most the length.
constexpr std::string_view from(std::string_view text, size_t from) {
  text.remove_prefix(from);
  return text;
}

constexpr size_t find(std::string_view text, char wanted, size_t start = 0) {
  size_t at = start;
  while (at < text.size() && text[at] != wanted) ++at;
  return at;  // the length: not found
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Removes the first word from `text`, with the blanks behind it, and returns it.
std::string_view take_word(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && !is_blank(text[length])) ++length;
  const std::string_view word(text.data(), length);
  text = trim(from(text, length));
  return word;
}

class Lines {
 public:
  Lines(Config& config, const char* name, const mm::Printer& findings)
      : config_(config), name_(name), findings_(findings) {}

  // `line` is without its end, where a NUL can be written.
  void take(std::string_view line, unsigned number) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    line = trim(line);
    if (line.empty() || line.front() == '#') return;
    for (size_t i = 0; i < line.size(); ++i) {
      if (is_printable(line[i])) continue;
      findings_.line("{}: line {} ignored: character 0x{:02x} at position {} of it", name_, number,
                     static_cast<unsigned char>(line[i]), i + 1);
      return;
    }
    const std::string_view key = take_word(line);
    set(key, ended(line), number);
  }

 private:
  // Ends the value where it lies; that overwrites a blank, the line's end, or the text's NUL.
  static std::string_view ended(std::string_view value) {
    const_cast<char*>(value.data())[value.size()] = '\0';  // points into the caller's mutable text
    return value;
  }

  void set(std::string_view key, std::string_view value, unsigned number) {
    if (key == "kernel") {
      if (value.empty()) {
        findings_.line("{}: line {} ignored: kernel needs a path", name_, number);
      } else {
        config_.kernel = value.data();
      }
    } else if (key == "initrd") {
      config_.initrd = value.empty() ? nullptr : value.data();
    } else if (key == "module") {
      add_module(value, number);
    } else if (key == "options") {
      config_.options = value.data();
    } else if (key == "badpages") {
      if (value.starts_with("=")) value = trim(from(value, 1));
      config_.bad_pages = value.data();
    } else if (key == "timeout") {
      constexpr uint32_t kMost = std::numeric_limits<uint32_t>::max();
      if (const auto seconds = mm::number_of(value, 10, kMost)) {
        config_.timeout = static_cast<uint32_t>(*seconds);
      } else {
        findings_.line("{}: line {} ignored: timeout is no number of seconds: {}", name_, number,
                       value.data());
      }
    } else {
      findings_.part("{}: line {} ignored: unknown key ", name_, number);
      findings_.text(key);
      findings_.line(" (known: kernel, initrd, module, options, badpages, timeout)");
    }
  }

  void add_module(std::string_view value, unsigned number) {
    const std::string_view module = take_word(value);
    if (module.empty() || value.empty()) {
      findings_.line("{}: line {} ignored: module needs a name and a path", name_, number);
    } else if (module.size() >= sizeof(HandoffModule::name)) {
      findings_.line("{}: line {} ignored: its module's name is too long (characters {}, most {})",
                     name_, number, module.size(), sizeof(HandoffModule::name) - 1);
    } else if (config_.module_count == config_.modules.size()) {
      findings_.line("{}: line {} ignored: there are {} modules already, the most", name_, number,
                     config_.module_count);
    } else {
      config_.modules[config_.module_count++] = {ended(module).data(), value.data()};
    }
  }

  Config& config_;
  const char* name_;
  const mm::Printer& findings_;
};

bool ends_in_efi(std::string_view word) {
  constexpr std::string_view kEnding = ".efi";
  if (word.size() < kEnding.size()) return false;
  word.remove_prefix(word.size() - kEnding.size());
  for (size_t i = 0; i < kEnding.size(); ++i) {
    const char lower = word[i] >= 'A' && word[i] <= 'Z' ? static_cast<char>(word[i] + 32) : word[i];
    if (lower != kEnding[i]) return false;
  }
  return true;
}

// What follows the program's name; all of it when it does not begin with one.
std::string_view without_program(std::string_view text, bool from_shell) {
  std::string_view rest = text;
  std::string_view word;
  if (!text.empty() && text.front() == '"') {
    const size_t closing = find(text, '"', 1);
    if (closing == text.size()) return text;
    word = {text.data() + 1, closing - 1};
    rest = trim(from(text, closing + 1));
  } else {
    word = take_word(rest);
  }
  return from_shell || ends_in_efi(word) ? rest : text;
}

}  // namespace

Config parse_config(std::span<char> text, const char* name, const mm::Printer& findings) {
  Config config;
  std::string_view rest(text.data(), text.size() - 1);
  // Editors may put a byte order mark in front of UTF-8.
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  Lines lines(config, name, findings);
  for (unsigned number = 1; !rest.empty(); ++number) {
    const size_t end = find(rest, '\n');
    const std::string_view line(rest.data(), end);
    // Before the line is taken: its value may be ended by a NUL where the '\n' is.
    rest = from(rest, end == rest.size() ? end : end + 1);
    lines.take(line, number);
  }
  return config;
}

mm::Result<std::optional<const char*>> parse_load_options(std::span<const uint8_t> bytes,
                                                          bool from_shell, std::span<char> out) {
  size_t length = 0;
  bool ended = false;
  for (size_t at = 0; at + 1 < bytes.size() && !ended; at += 2) {
    const unsigned c = bytes[at] | unsigned{bytes[at + 1]} << 8;
    if (c == 0) {
      ended = true;
    } else if (c > '~' || !is_printable(static_cast<char>(c))) {
      return mm::Error{"not printable text (character {:#x}, at byte {})", "load options", c, at};
    } else {
      out[length++] = static_cast<char>(c);
    }
  }
  if (!ended && bytes.size() % 2 != 0) {
    return mm::Error{"no NUL and an odd size, so not UTF-16 (bytes {})", "load options",
                     bytes.size()};
  }
  const std::string_view text = without_program(trim({out.data(), length}), from_shell);
  if (text.empty()) return std::optional<const char*>();
  out[static_cast<size_t>(text.data() - out.data()) + text.size()] = '\0';
  return std::optional<const char*>(text.data());
}

}  // namespace loader
