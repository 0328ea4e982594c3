#include "tools/replay/log_words.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace replay {
namespace {

using mm::E820Type;

struct TypeName {
  std::string_view name;
  E820Type type;
};

// Linux up to 6 and 7, and Baton.
constexpr TypeName kTypes[] = {
    {"usable", E820Type::Ram},
    {"System RAM", E820Type::Ram},
    {"kernel usable RAM", E820Type::Ram},
    {"reserved", E820Type::Reserved},
    {"device reserved", E820Type::Reserved},
    {"soft reserved", E820Type::SoftReserved},
    {"ACPI data", E820Type::Acpi},
    {"ACPI NVS", E820Type::Nvs},
    {"unusable", E820Type::Unusable},
    {"unaccepted", E820Type::Unaccepted},
};

bool same_letter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool starts_with(std::string_view text, std::string_view word) {
  return text.size() >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin(), same_letter) &&
         (text.size() == word.size() ||
          std::isalnum(static_cast<unsigned char>(text[word.size()])) == 0);
}

// One past the end, to the last byte.
Spelled half_open(uint64_t start, uint64_t end) {
  return {.first = start, .last = end - 1, .nothing = start == end};
}

}  // namespace

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

void take_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
}

std::optional<uint64_t> take_number(std::string_view& text, int base) {
  std::string_view digits = text;
  if (base == 16 && (digits.starts_with("0x") || digits.starts_with("0X"))) digits.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc()) return std::nullopt;
  text = digits.substr(static_cast<size_t>(end - digits.data()));
  return value;
}

std::optional<Spelled> take_mem(std::string_view& text) {
  std::string_view rest = text;
  if (!take_word(rest, "[mem ")) return std::nullopt;
  const auto first = take_number(rest, 16);
  take_blanks(rest);
  if (!first || !take_word(rest, "-")) return std::nullopt;
  take_blanks(rest);
  const auto last = take_number(rest, 16);
  if (!last || !take_word(rest, "]")) return std::nullopt;
  text = rest;
  return Spelled{.first = *first, .last = *last, .nothing = false};
}

std::optional<Spelled> take_bare(std::string_view& text) {
  std::string_view rest = text;
  const auto a = take_number(rest, 16);
  take_blanks(rest);
  const bool sized = take_word(rest, "@");
  if (!a || (!sized && !take_word(rest, "-"))) return std::nullopt;
  take_blanks(rest);
  const auto b = take_number(rest, 16);
  if (!b || (sized && *a > UINT64_MAX - *b)) return std::nullopt;
  if (!sized && *b == 0 && *a != 0) return std::nullopt;
  text = rest;
  return sized ? half_open(*b, *b + *a) : half_open(*a, *b);
}

std::optional<Spelled> take_first_last(std::string_view& text) {
  std::string_view rest = text;
  const auto first = take_number(rest, 16);
  if (!first || !take_word(rest, "-")) return std::nullopt;
  const auto last = take_number(rest, 16);
  if (!last) return std::nullopt;
  text = rest;
  return Spelled{.first = *first, .last = *last, .nothing = false};
}

std::optional<Spelled> take_range(std::string_view& text) {
  return text.starts_with("[mem ") ? take_mem(text) : take_bare(text);
}

std::optional<Spelled> take_srat_range(std::string_view& text) {
  if (text.starts_with("[mem ")) return take_mem(text);
  std::string_view rest = text;
  const auto found = take_first_last(rest);
  if (!found || found->last == 0) return std::nullopt;
  text = rest;
  if (found->last % mm::kPageSize == mm::kPageSize - 1) return found;
  return half_open(found->first, found->last);
}

std::optional<E820Type> take_type(std::string_view& text) {
  take_blanks(text);
  take_word(text, "(");
  const TypeName* longest = nullptr;
  for (const TypeName& known : kTypes) {
    if (starts_with(text, known.name) &&
        (longest == nullptr || known.name.size() > longest->name.size())) {
      longest = &known;
    }
  }
  if (longest != nullptr) {
    text.remove_prefix(longest->name.size());
    return longest->type;
  }
  std::string_view rest = text;
  const bool persistent = take_word(rest, "persistent (") || take_word(rest, "persistent RAM (");
  if (!take_word(rest, "type ")) return std::nullopt;
  const auto number = take_number(rest, 10);
  if (!number || *number > UINT32_MAX || (persistent && !take_word(rest, ")"))) {
    return std::nullopt;
  }
  text = rest;
  return E820Type{static_cast<uint32_t>(*number)};
}

}  // namespace replay
