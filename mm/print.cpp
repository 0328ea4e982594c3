#include "mm/print.h"

#include <cstdint>
#include <type_traits>

namespace mm {
namespace {

struct Conversion {
  bool left = false, zero = false, plus = false, blank = false, alternate = false;
  int width = 0;
  int precision = -1;
  enum class Length { Int, Char, Short, Long, LongLong, Size, Max } length = Length::Int;
};

void pad(const Printer& out, std::string_view with, int count) {
  for (; count > 0; --count) out.text(with);
}

void put_text(const Printer& out, const Conversion& c, std::string_view text) {
  const int missing = c.width - static_cast<int>(text.size());
  if (!c.left) pad(out, " ", missing);
  out.text(text);
  if (c.left) pad(out, " ", missing);
}

void put_number(const Printer& out, const Conversion& c, std::string_view prefix, uint64_t value,
                unsigned base, bool capitals) {
  char digits[24] = {};  // 64 bits take 22 octal digits
  char* const end = digits + sizeof(digits);
  char* first = end;
  const char* const symbols = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
  for (; value != 0; value /= base) *--first = symbols[value % base];
  const int precision = c.precision < 0 ? 1 : c.precision;
  int zeros = precision - static_cast<int>(end - first);
  if (zeros < 0) zeros = 0;
  const int length = static_cast<int>(end - first) + zeros + static_cast<int>(prefix.size());
  int blanks = c.width > length ? c.width - length : 0;
  if (c.zero && !c.left && c.precision < 0) {
    zeros += blanks;
    blanks = 0;
  }
  if (!c.left) pad(out, " ", blanks);
  out.text(prefix);
  pad(out, "0", zeros);
  out.text({first, static_cast<size_t>(end - first)});
  if (c.left) pad(out, " ", blanks);
}

int parse_count(const char*& p, int star) {
  if (*p == '*') {
    ++p;
    return star;
  }
  int n = 0;
  for (; *p >= '0' && *p <= '9'; ++p) n = n * 10 + (*p - '0');
  return n;
}

Conversion::Length parse_length(const char*& p) {
  using enum Conversion::Length;
  switch (*p) {
    case 'h':
      return *++p == 'h' ? (++p, Char) : Short;
    case 'l':
      return *++p == 'l' ? (++p, LongLong) : Long;
    case 'z':
      return ++p, Size;
    case 'j':
      return ++p, Max;
    default:
      return Int;
  }
}

struct Holder {
  va_list args;  // an array type on x86-64; in a struct it can be passed by reference everywhere
};

int64_t as_signed(Conversion::Length length, Holder& holder) {
  using enum Conversion::Length;
  switch (length) {
    case Char:
      return static_cast<signed char>(va_arg(holder.args, int));
    case Short:
      return static_cast<short>(va_arg(holder.args, int));
    case Int:
      return va_arg(holder.args, int);
    case Long:
      return va_arg(holder.args, long);
    case Size:
      return va_arg(holder.args, std::make_signed_t<size_t>);
    case LongLong:
    case Max:
      break;
  }
  return va_arg(holder.args, long long);
}

uint64_t as_unsigned(Conversion::Length length, Holder& holder) {
  using enum Conversion::Length;
  switch (length) {
    case Char:
      return static_cast<unsigned char>(va_arg(holder.args, int));
    case Short:
      return static_cast<unsigned short>(va_arg(holder.args, int));
    case Int:
      return va_arg(holder.args, unsigned);
    case Long:
      return va_arg(holder.args, unsigned long);
    case Size:
      return va_arg(holder.args, size_t);
    case LongLong:
    case Max:
      break;
  }
  return va_arg(holder.args, unsigned long long);
}

// One conversion, `p` just behind the '%'. Returns false when it is none that we know.
bool convert(const Printer& out, const char*& p, Holder& holder) {
  Conversion c;
  for (;; ++p) {
    if (*p == '-') {
      c.left = true;
    } else if (*p == '0') {
      c.zero = true;
    } else if (*p == '+') {
      c.plus = true;
    } else if (*p == ' ') {
      c.blank = true;
    } else if (*p == '#') {
      c.alternate = true;
    } else {
      break;
    }
  }
  c.width = parse_count(p, *p == '*' ? va_arg(holder.args, int) : 0);
  if (c.width < 0) {
    c.left = true;
    c.width = -c.width;
  }
  if (*p == '.') {
    ++p;
    c.precision = parse_count(p, *p == '*' ? va_arg(holder.args, int) : 0);
  }
  c.length = parse_length(p);

  switch (const char kind = *p++) {
    case '%':
      out.text("%");
      return true;
    case 'c': {
      const char one[1] = {static_cast<char>(va_arg(holder.args, int))};
      put_text(out, c, {one, 1});
      return true;
    }
    case 's': {
      const char* s = va_arg(holder.args, const char*);
      if (s == nullptr) s = "(null)";
      size_t length = 0;
      while ((c.precision < 0 || length < static_cast<size_t>(c.precision)) && s[length] != '\0') {
        ++length;
      }
      put_text(out, c, {s, length});
      return true;
    }
    case 'd':
    case 'i': {
      const int64_t value = as_signed(c.length, holder);
      const auto magnitude =
          value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
      const char* sign = value < 0 ? "-" : c.plus ? "+" : c.blank ? " " : "";
      put_number(out, c, sign, magnitude, 10, false);
      return true;
    }
    case 'u':
      put_number(out, c, "", as_unsigned(c.length, holder), 10, false);
      return true;
    case 'x':
    case 'X': {
      const uint64_t value = as_unsigned(c.length, holder);
      const char* prefix = !c.alternate || value == 0 ? "" : kind == 'x' ? "0x" : "0X";
      put_number(out, c, prefix, value, 16, kind == 'X');
      return true;
    }
    case 'p': {
      const auto value = reinterpret_cast<uintptr_t>(va_arg(holder.args, void*));
      put_number(out, c, "0x", value, 16, false);
      return true;
    }
    default:
      return false;
  }
}

struct Buffer {
  std::span<char> out;
  size_t length = 0;
};

}  // namespace

void Printer::vpart(const char* format, va_list args) const {
  if (sink_ == nullptr) return;
  Holder holder;
  va_copy(holder.args, args);
  const char* p = format;
  while (*p != '\0') {
    const char* const plain = p;
    while (*p != '\0' && *p != '%') ++p;
    if (p != plain) text({plain, static_cast<size_t>(p - plain)});
    if (*p != '%') continue;
    const char* const percent = p++;
    if (convert(*this, p, holder)) continue;
    if (p[-1] == '\0') --p;
    text({percent, static_cast<size_t>(p - percent)});
  }
  va_end(holder.args);
}

void Printer::part(const char* format, ...) const {
  va_list args;
  va_start(args, format);
  vpart(format, args);
  va_end(args);
}

void Printer::line(const char* format, ...) const {
  va_list args;
  va_start(args, format);
  vpart(format, args);
  va_end(args);
  text("\n");
}

void Printer::error(const char* before, const Error& error) const {
  part("%s: ", before);
  if (error.subject != nullptr) part("%s: ", error.subject);
  part("%s", error.what);
  if (error.a != 0 || error.b != 0) part(" (0x%lx, 0x%lx)", error.a, error.b);
  if (error.other != nullptr) part(", %s", error.other);
  text("\n");
}

size_t format(std::span<char> out, const char* format, ...) {
  Buffer buffer{out};
  const Printer printer(
      [](void* context, std::string_view text) {
        auto& to = *static_cast<Buffer*>(context);
        for (const char c : text) {
          if (to.length + 1 < to.out.size()) to.out[to.length] = c;
          ++to.length;
        }
      },
      &buffer);
  va_list args;
  va_start(args, format);
  printer.vpart(format, args);
  va_end(args);
  if (!out.empty()) out[buffer.length < out.size() ? buffer.length : out.size() - 1] = '\0';
  return buffer.length;
}

}  // namespace mm
