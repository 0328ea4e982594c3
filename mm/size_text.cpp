#include "mm/size_text.h"

#include <limits>

namespace mm {
namespace {

constexpr unsigned kNoDigit = 99;

unsigned digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return kNoDigit;
}

unsigned base_of(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return 10;
  if ((text[1] == 'x' || text[1] == 'X') && text.size() > 2 && digit_of(text[2]) < 16) return 16;
  return 8;
}

// How far a suffix shifts; 0 for what is none.
unsigned shift_of(char c) {
  switch (c) {
    case 'K':
    case 'k':
      return 10;
    case 'M':
    case 'm':
      return 20;
    case 'G':
    case 'g':
      return 30;
    case 'T':
    case 't':
      return 40;
    case 'P':
    case 'p':
      return 50;
    case 'E':
    case 'e':
      return 60;
    default:
      return 0;
  }
}

}  // namespace

Result<uint64_t> take_number(std::string_view& text, const char* who) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  const unsigned base = base_of(text);
  const size_t first = base == 16 ? 2 : 0;
  uint64_t value = 0;
  size_t at = first;
  for (; at < text.size(); ++at) {
    const unsigned digit = digit_of(text[at]);
    if (digit >= base) break;
    if (value > (kMax - digit) / base) {
      return Error{"number does not fit 64 bits (characters left {})", who, text.size()};
    }
    value = value * base + digit;
  }
  if (at == first) return Error{"a number is missing (characters left {})", who, text.size()};
  text.remove_prefix(at);
  return value;
}

Result<uint64_t> take_size(std::string_view& text, const char* who) {
  std::string_view rest = text;
  const uint64_t number = BATON_TRY(take_number(rest, who));
  const unsigned shift = rest.empty() ? 0 : shift_of(rest.front());
  if (shift != 0) {
    if (number > std::numeric_limits<uint64_t>::max() >> shift) {
      return Error{"size does not fit 64 bits (characters left {})", who, text.size()};
    }
    rest.remove_prefix(1);
  }
  text = rest;
  return number << shift;
}

std::optional<uint64_t> number_of(std::string_view text, unsigned base, uint64_t most) {
  if (base == 16 && (text.starts_with("0x") || text.starts_with("0X"))) text.remove_prefix(2);
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    const unsigned digit = digit_of(c);
    if (digit >= base || digit > most || value > (most - digit) / base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

}  // namespace mm
