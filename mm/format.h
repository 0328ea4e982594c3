// The language of all that is printed: text with places for values, checked by the compiler.
//
//   {}                   as the type has it: 12, 0x1000 (an address, a frame), text, a character
//   {:x} {:#x} {:X}      in hexadecimal: 1f, 0x1f, 1F
//   {:016x} {:02}        filled with zeros to so many digits
//   {:8} {:>8} {:<8}     in a field of 8 characters: numbers right and texts left, or as > and <
//                        say
//   {{ }}                a brace
//
// One place for each value; a wrong number of them, an unknown word between the braces, or one that
// the type does not know, is an error of the compiler. Integers of every width print rightly on
// every CPU. A bool is no value: say the word that is meant.
//
// A new type says how it is printed by a function `printed(value)` beside it, which returns
// something that can be printed already (a name, a number, Hex), or a Printed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace mm {

// A NUL-terminated text; by no function of the C library's, which a kernel may not have.
[[nodiscard]] constexpr std::string_view text_of(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') {
    ++length;
    // Or compilers make a call of strlen out of the loop.
    if (!std::is_constant_evaluated()) __asm__("" : "+r"(length));
  }
  return {text, length};
}

class Printer;

// What stands between the braces.
struct Spec {
  unsigned width = 0;
  bool left = false, right = false, zero = false, hex = false, capitals = false, prefix = false;
};

// A number that is read in hexadecimal: prints as {:#x} does.
struct Hex {
  uint64_t v = 0;
};

// Printed by a function, from two numbers (or the address of what is printed). Takes no spec;
// PrintedHex is also asked for a number of digits: {:08x}.
struct Printed {
  using How = void (*)(const Printer& out, const Spec& spec, uint64_t a, uint64_t b);
  How how = nullptr;
  uint64_t a = 0, b = 0;
};
struct PrintedHex : Printed {};

namespace formatting {

enum class Kind : uint8_t { None, Unsigned, Signed, Hex, Char, Text, View, Printed, PrintedHex };
inline constexpr unsigned kKindBits = 4;
inline constexpr size_t kMaxValues = 64 / kKindBits;

template <class>
inline constexpr bool kNever = false;

// Every value becomes one of these types, and each of them is one kind.
template <class T>
[[gnu::always_inline]] constexpr auto plain(const T& value) {
  using U = std::decay_t<T>;
  static_assert(!std::is_same_v<U, bool>, "a bool is printed as the word that is meant");
  if constexpr (std::is_same_v<U, char>) {
    return value;
  } else if constexpr (std::is_integral_v<U>) {
    static_assert(sizeof(U) <= sizeof(uint64_t));
    if constexpr (std::is_signed_v<U>) {
      return static_cast<int64_t>(value);
    } else {
      return static_cast<uint64_t>(value);
    }
  } else if constexpr (std::is_same_v<U, Hex> || std::is_same_v<U, Printed> ||
                       std::is_same_v<U, PrintedHex>) {
    return value;
  } else if constexpr (std::is_same_v<U, char*> || std::is_same_v<U, const char*>) {
    return static_cast<const char*>(value);
  } else if constexpr (std::is_convertible_v<const U&, std::string_view>) {
    return std::string_view(value);
  } else if constexpr (std::is_same_v<U, void*> || std::is_same_v<U, const void*>) {
    return Hex{reinterpret_cast<uintptr_t>(value)};
  } else if constexpr (requires { printed(value); }) {
    return plain(printed(value));
  } else {
    static_assert(kNever<T>, "no printed() says how this type is printed");
  }
}

template <class T>
using Plain = decltype(plain(std::declval<const T&>()));

template <class P>
consteval Kind kind_of() {
  if (std::is_same_v<P, uint64_t>) return Kind::Unsigned;
  if (std::is_same_v<P, int64_t>) return Kind::Signed;
  if (std::is_same_v<P, Hex>) return Kind::Hex;
  if (std::is_same_v<P, char>) return Kind::Char;
  if (std::is_same_v<P, const char*>) return Kind::Text;
  if (std::is_same_v<P, std::string_view>) return Kind::View;
  return std::is_same_v<P, PrintedHex> ? Kind::PrintedHex : Kind::Printed;
}

// How many numbers of 64 bits a value is handed over as.
constexpr size_t slots_of(Kind kind) {
  if (kind == Kind::View) return 2;
  return kind == Kind::Printed || kind == Kind::PrintedHex ? 3 : 1;
}

template <class P>
[[gnu::always_inline]] inline uint64_t* put(uint64_t* at, const P& value) {
  if constexpr (std::is_same_v<P, const char*>) {
    *at++ = reinterpret_cast<uintptr_t>(value);
  } else if constexpr (std::is_same_v<P, std::string_view>) {
    *at++ = reinterpret_cast<uintptr_t>(value.data());
    *at++ = value.size();
  } else if constexpr (std::is_same_v<P, Hex>) {
    *at++ = value.v;
  } else if constexpr (std::is_base_of_v<Printed, P>) {
    *at++ = reinterpret_cast<uintptr_t>(value.how);
    *at++ = value.a;
    *at++ = value.b;
  } else {
    *at++ = static_cast<uint64_t>(value);  // NOLINT: with its sign
  }
  return at;
}

// Reads what stands behind a '{'. Returns what follows its '}', or null when it is none.
constexpr const char* parse(const char* p, Spec& spec) {
  if (*p == '}') return p + 1;
  if (*p++ != ':') return nullptr;
  if (*p == '<') {
    spec.left = true;
    ++p;
  } else if (*p == '>') {
    spec.right = true;
    ++p;
  }
  if (*p == '#') {
    spec.prefix = true;
    ++p;
  }
  if (*p == '0') {
    spec.zero = true;
    ++p;
  }
  for (; *p >= '0' && *p <= '9'; ++p)
    spec.width = spec.width * 10 + static_cast<unsigned>(*p - '0');
  if (*p == 'x' || *p == 'X') {
    spec.hex = true;
    spec.capitals = *p == 'X';
    ++p;
  }
  return *p == '}' ? p + 1 : nullptr;
}

// What the compiler names when a format is wrong; there is no such function.
void a_brace_without_its_other();
void a_spec_that_is_not_known();
void more_places_than_values();
void more_values_than_places();
void a_spec_that_does_not_fit_its_value();

consteval bool fits(const Spec& spec, Kind kind) {
  const bool aligned = spec.left || spec.right;
  if (spec.prefix && (!spec.hex || spec.capitals)) return false;
  if (spec.zero && (spec.width == 0 || aligned)) return false;
  if (aligned && spec.width == 0) return false;
  switch (kind) {
    case Kind::Unsigned:
    case Kind::Signed:
    case Kind::Hex:
      return true;
    case Kind::PrintedHex:
      return !spec.prefix && !spec.capitals && !aligned && spec.hex == (spec.width != 0) &&
             spec.zero == spec.hex;
    case Kind::Printed:
      return spec.width == 0 && !spec.hex;
    default:
      return !spec.hex && !spec.zero;
  }
}

template <class... Args>
consteval uint64_t kinds_of() {
  static_assert(sizeof...(Args) <= kMaxValues, "too many values for one format");
  uint64_t kinds = 0;
  unsigned shift = 0;
  ((kinds |= static_cast<uint64_t>(kind_of<Plain<Args>>()) << shift, shift += kKindBits), ...);
  return kinds;
}

// The kinds for which there is no place. Calls one of the functions above, and so does not compile,
// when something is wrong.
consteval uint64_t left_over(const char* text, uint64_t kinds) {
  for (const char* p = text; *p != '\0';) {  // NOLINT: of a literal
    const char c = *p++;
    if (c != '{' && c != '}') continue;
    if (*p == c) {
      ++p;
      continue;
    }
    if (c == '}' || *p == '\0') a_brace_without_its_other();
    Spec spec;
    p = parse(p, spec);
    if (p == nullptr || spec.width > 99) a_spec_that_is_not_known();
    const Kind kind = static_cast<Kind>(kinds & ((1u << kKindBits) - 1));
    if (kind == Kind::None) more_places_than_values();
    if (!fits(spec, kind)) a_spec_that_does_not_fit_its_value();
    kinds >>= kKindBits;
  }
  return kinds;
}

}  // namespace formatting

// A text that has been checked, and the kinds of its values; small enough to be handed over in
// registers. With the values, this is all that is left of a format when the program runs.
struct Wording {
  const char* text = nullptr;
  uint64_t kinds = 0;  // the first in the lowest bits
};

// A function that prints is a template of three lines around one that is none:
//
//   template <class... Args>
//   void say(Format<std::type_identity_t<Args>...> format, Args... args) {
//     say_values(format, Values<Args...>(args...).v);
//   }
//   void say_values(Wording format, const uint64_t* values);
template <class... Args>
class Format {  // of one member: clang 14 falls over constants of more
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is what everybody writes
  consteval Format(const char* words) : text_(words) {
    if (formatting::left_over(words, kKinds) != 0) formatting::more_values_than_places();
  }

  // NOLINTNEXTLINE(google-explicit-constructor): it is one, with its kinds known
  [[gnu::always_inline]] constexpr operator Wording() const { return {text_, kKinds}; }

 private:
  const char* text_;
  static constexpr uint64_t kKinds = formatting::kinds_of<Args...>();  // NOLINT: a constant
};

// The values of a format as numbers.
template <class... Args>
struct Values {
  [[gnu::always_inline]] explicit Values(const Args&... args) {
    uint64_t* at = v;
    ((at = formatting::put(at, formatting::plain(args))), ...);
  }
  uint64_t v[(formatting::slots_of(formatting::kind_of<formatting::Plain<Args>>()) + ...)];
};
template <>
struct Values<> {
  const uint64_t* v = nullptr;
};

}  // namespace mm
