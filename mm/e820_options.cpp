#include "mm/e820_options.h"

#include <algorithm>

#include "mm/size_text.h"

namespace mm {
namespace {

constexpr const char* kMem = "mem=";
constexpr const char* kMemmap = "memmap=";

Result<> at_end(std::string_view rest, const char* who) {
  if (rest.empty()) return {};
  return Error{"what follows is not understood (characters left {})", who, rest.size()};
}

// [start, start + size) of the address space.
Result<Range> range_at(uint64_t start, uint64_t size) {
  if (size == 0) return Error{"range is empty (start {:#x})", kMemmap, start};
  if (start >= kMaxPhys || size > kMaxPhys - start) {
    return Error{"range ends above the 52-bit physical address space (start {:#x}, size {})",
                 kMemmap, start, size};
  }
  return Range{Phys{start}, Phys{start + size}};
}

// mem=nn and memmap=nn.
Result<> limit(uint64_t size, const char* who, E820Table& e820, const Printer& out) {
  if (size == 0) return Error{"this would leave no memory", who};
  // Linux removes up to the last byte but one of 64 bits, and says so.
  out.line("e820: remove {:08x} usable", mem(Range{Phys{size}, Phys{~uint64_t{0}}}));
  if (size < kMaxPhys) BATON_TRY(e820.remove({Phys{size}, Phys{kMaxPhys}}, E820Type::Ram));
  return {};
}

// What follows memmap=nn%.
Result<> retype(std::string_view text, uint64_t size, E820Table& e820, const Printer& out) {
  const uint64_t start = BATON_TRY(take_size(text, kMemmap));
  uint64_t from = 0;
  uint64_t to = 0;
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    from = BATON_TRY(take_number(text, kMemmap));
  }
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    to = BATON_TRY(take_number(text, kMemmap));
  }
  BATON_TRY(at_end(text, kMemmap));
  if (from > 0xffff'ffff || to > 0xffff'ffff) {
    return Error{"e820 type does not fit 32 bits (old {}, new {})", kMemmap, from, to};
  }
  const Range range = BATON_TRY(range_at(start, size));
  const auto old_type = static_cast<E820Type>(from);
  const auto new_type = static_cast<E820Type>(to);
  if (from == 0 && to != 0) return e820.append(range, new_type);
  out.part("e820: {} {:08x} ", to != 0 ? "update" : "remove", mem(range));
  if (from != 0) out.part("{}", old_type);
  if (to != 0) {
    out.line(" ==> {}", new_type);
    BATON_TRY(e820.update(range, old_type, new_type));
    return {};
  }
  out.line("");
  BATON_TRY(e820.remove(range, from != 0 ? std::optional(old_type) : std::nullopt));
  return {};
}

Result<> apply_one(std::string_view text, E820Table& e820, const Printer& out) {
  if (text.starts_with("exactmap")) {
    BATON_TRY(at_end(text.substr(8), kMemmap));
    BATON_TRY(e820.remove({Phys{0}, Phys{kMaxPhys}}));
    return {};
  }
  const uint64_t size = BATON_TRY(take_size(text, kMemmap));
  if (text.empty()) return limit(size, kMemmap, e820, out);
  const char kind = text.front();
  text.remove_prefix(1);
  if (kind == '%') return retype(text, size, e820, out);
  E820Type type{};
  switch (kind) {
    case '@':
      type = E820Type::Ram;
      break;
    case '#':
      type = E820Type::Acpi;
      break;
    case '$':
      type = E820Type::Reserved;
      break;
    case '!':
      type = E820Type::Pram;
      break;
    default:
      return Error{"none of @, #, $, ! and % follows the size (characters left {})", kMemmap,
                   text.size() + 1};
  }
  const uint64_t start = BATON_TRY(take_size(text, kMemmap));
  BATON_TRY(at_end(text, kMemmap));
  return e820.append(BATON_TRY(range_at(start, size)), type);
}

}  // namespace

Result<> apply_mem(std::string_view value, E820Table& e820, E820Changes& changes,
                   const Printer& out) {
  if (value == "nopentium") {
    out.line("mem=nopentium ignored! (only supported on x86_32)");
    return Error{"nopentium is only for 32-bit kernels", kMem};
  }
  const uint64_t size = BATON_TRY(take_size(value, kMem));
  BATON_TRY(at_end(value, kMem));
  const uint64_t before = e820.total(E820Type::Ram);
  BATON_TRY(limit(size, kMem, e820, out));
  changes.any = true;
  changes.taken_by_mem += before - e820.total(E820Type::Ram);
  return {};
}

Result<> apply_memmap(std::string_view value, E820Table& e820, E820Changes& changes,
                      const Printer& out) {
  for (bool more = true; more;) {
    const auto comma =
        static_cast<size_t>(std::find(value.begin(), value.end(), ',') - value.begin());
    more = comma != value.size();
    const uint64_t before = e820.total(E820Type::Ram);
    BATON_TRY(apply_one(value.substr(0, comma), e820, out));
    const uint64_t after = e820.total(E820Type::Ram);
    changes.any = true;
    if (after < before) {
      changes.taken_by_memmap += before - after;
    } else {
      changes.added_by_memmap += after - before;
    }
    if (more) value.remove_prefix(comma + 1);
  }
  return {};
}

void print_user_map(const E820Table& e820, const E820Changes& changes, const Printer& out) {
  if (!changes.any) return;
  out.line("user-defined physical RAM map:");
  e820.print(out, "user");
}

}  // namespace mm
