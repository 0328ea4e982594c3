#include "mm/format.h"

#include "mm/print.h"
#include "mm/types.h"

namespace mm {
namespace {

using formatting::Kind;
using namespace std::string_view_literals;  // NOLINT: two letters

void pad(const Printer& out, std::string_view with, size_t count) {
  for (; count > 0; --count) out.text(with);
}

void put_text(const Printer& out, const Spec& spec, bool left, std::string_view text) {
  const size_t blanks = spec.width > text.size() ? spec.width - text.size() : 0;
  if (!left) pad(out, " ", blanks);
  out.text(text);
  if (left) pad(out, " ", blanks);
}

void put_number(const Printer& out, const Spec& spec, std::string_view before, uint64_t value) {
  char digits[64];  // with its zeros a field has up to 99 characters: those are padded
  char* const end = digits + sizeof(digits);
  char* first = end;
  const char* const symbols = spec.capitals ? "0123456789ABCDEF" : "0123456789abcdef";
  const unsigned base = spec.hex ? 16 : 10;
  do {
    *--first = symbols[value % base];
    value /= base;
  } while (value != 0);
  const std::string_view number(first, static_cast<size_t>(end - first));
  const size_t length = before.size() + number.size();
  const size_t missing = spec.width > length ? spec.width - length : 0;
  if (!spec.zero && !spec.left) pad(out, " ", missing);
  out.text(before);
  if (spec.zero) pad(out, "0", missing);
  out.text(number);
  if (spec.left) pad(out, " ", missing);
}

template <class T>
T pointer(uint64_t value) {
  return reinterpret_cast<T>(static_cast<uintptr_t>(value));
}

// Returns where the next value is.
const uint64_t* put(const Printer& out, Spec& spec, Kind kind, const uint64_t* v) {
  switch (kind) {
    case Kind::Hex:
      spec.prefix |= !spec.hex;
      spec.hex = true;
      [[fallthrough]];
    case Kind::Unsigned:
      put_number(out, spec, spec.prefix ? "0x"sv : ""sv, *v);
      break;
    case Kind::Signed:
      if (const auto value = static_cast<int64_t>(*v); value >= 0) {
        put_number(out, spec, spec.prefix ? "0x"sv : ""sv, *v);
      } else {
        put_number(out, spec, spec.prefix ? "-0x"sv : "-"sv, 0 - *v);
      }
      break;
    case Kind::Char: {
      const char one = static_cast<char>(*v);
      put_text(out, spec, !spec.right, {&one, 1});
      break;
    }
    case Kind::Text:
      put_text(out, spec, !spec.right, *v != 0 ? text_of(pointer<const char*>(*v)) : "(null)");
      break;
    case Kind::View:
      put_text(out, spec, !spec.right, {pointer<const char*>(v[0]), static_cast<size_t>(v[1])});
      break;
    case Kind::Printed:
    case Kind::PrintedHex:
      pointer<Printed::How>(v[0])(out, spec, v[1], v[2]);
      break;
    case Kind::None:
      break;
  }
  return v + formatting::slots_of(kind);
}

}  // namespace

void Printer::part_of(Wording format, const uint64_t* values) const {
  if (sink_ == nullptr) return;
  uint64_t kinds = format.kinds;
  for (const char* p = format.text; *p != '\0';) {
    const char* const words = p;
    while (*p != '\0' && *p != '{' && *p != '}') ++p;
    const bool brace = *p != '\0' && p[0] == p[1];  // of a pair, one is printed
    if (brace) ++p;
    text({words, static_cast<size_t>(p - words)});
    if (*p == '\0') break;
    ++p;
    if (brace) continue;
    Spec spec;
    p = formatting::parse(p, spec);
    values = put(*this, spec, static_cast<Kind>(kinds & 15), values);
    kinds >>= formatting::kKindBits;
  }
}

void print_half_open(const Printer& out, const Spec& /*spec*/, uint64_t start, uint64_t end) {
  out.part("[{}-{})", Hex{start}, Hex{end});
}

void print_mem(const Printer& out, const Spec& spec, uint64_t start, uint64_t end) {
  Spec digits = spec;
  if (digits.width == 0) digits.width = 16;
  digits.hex = digits.zero = true;
  out.text("[mem 0x");
  put_number(out, digits, "", start);
  out.text("-0x");
  put_number(out, digits, "", end - 1);
  out.text("]");
}

}  // namespace mm
