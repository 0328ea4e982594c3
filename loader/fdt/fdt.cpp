#include "loader/fdt/fdt.h"

#include <algorithm>

namespace loader {
namespace {

using mm::Error;
using mm::Phys;
using mm::Range;
using mm::Result;

constexpr const char* kTree = "device tree";

// Section 5.2; words are big endian.
constexpr uint32_t kMagic = 0xd00dfeed, kVersion = 17;
constexpr size_t kTotalSize = 4, kStructure = 8, kStrings = 12, kReservations = 16,
                 kThisVersion = 20, kCompatibleVersion = 24, kStringsSize = 32, kStructureSize = 36;
// Section 5.4.1.
constexpr uint32_t kBeginNode = 1, kEndNode = 2, kProperty = 3, kNop = 4, kEnd = 9;
constexpr uint32_t kWord = 4, kPropertyHeader = 12, kReservation = 16;
// Section 2.3.5 sets no limit; Linux has this one.
constexpr uint32_t kMaxCells = 4;
// Each node above is looked for from the root on.
constexpr unsigned kMaxAbove = 32;

uint32_t big_endian(std::span<const uint8_t> bytes, size_t at) {
  return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 |
         uint32_t{bytes[at + 3]};
}

constexpr uint32_t to_word(uint32_t offset) { return (offset + kWord - 1) & ~(kWord - 1); }

}  // namespace

// --- Properties ----------------------------------------------------------------------------------

std::string_view FdtProperty::text() const {
  const auto is_plain = [](uint8_t c) { return c >= ' ' && c <= '~'; };
  const auto end = std::find_if_not(value.begin(), value.end(), is_plain);
  if (end == value.end() || *end != 0) return {};
  return {reinterpret_cast<const char*>(value.data()), static_cast<size_t>(end - value.begin())};
}

bool FdtProperty::lists(std::string_view text) const {
  FdtProperty rest = *this;
  while (!rest.value.empty()) {
    const std::string_view next = rest.text();
    if (next == text) return !text.empty();
    if (next.size() == rest.value.size() || rest.value[next.size()] != 0) return false;
    rest.value = rest.value.subspan(next.size() + 1);
  }
  return false;
}

Result<uint32_t> FdtProperty::number() const {
  if (value.size() != kWord) {
    return Error{"is no number of one cell (offset {:#x}, length {})", name, offset, value.size()};
  }
  return cell(0);
}

Result<size_t> FdtProperty::cells() const {
  if (value.size() % kWord != 0) {
    return Error{"is not made of whole cells (offset {:#x}, length {})", name, offset,
                 value.size()};
  }
  return value.size() / kWord;
}

uint32_t FdtProperty::cell(size_t i) const { return big_endian(value, i * kWord); }

Result<uint64_t> FdtProperty::number_at(size_t i, unsigned count) const {
  uint64_t number = 0;
  for (size_t at = i; at < i + count; ++at) {
    if (number >> 32 != 0) {
      return Error{"a number is wider than 64 bits (offset {:#x}, cell {})", name, offset, i};
    }
    number = number << 32 | cell(at);
  }
  return number;
}

std::string_view FdtNode::base_name() const {
  const std::string_view whole(name);
  return whole.substr(0, whole.find('@'));
}

// --- Checks --------------------------------------------------------------------------------------

// What stands at an offset of the structure block, and where the next begins.
struct Fdt::Token {
  uint32_t kind = kEnd;
  uint32_t offset = 0, end = 0;
  const char* name = nullptr;
  std::span<const uint8_t> value;
};

uint32_t Fdt::word(size_t offset) const { return big_endian(bytes_, offset); }

Result<uint32_t> Fdt::size_of(std::span<const uint8_t> header) {
  if (header.size() < kFdtHeader) {
    return Error{"shorter than its header (length {}, at least {})", kTree, header.size(),
                 kFdtHeader};
  }
  const uint32_t magic = big_endian(header, 0), size = big_endian(header, kTotalSize);
  if (magic != kMagic) {
    return Error{"is none (magic {:#x}, expected {:#x})", kTree, magic, kMagic};
  }
  const uint32_t version = big_endian(header, kThisVersion);
  const uint32_t compatible = big_endian(header, kCompatibleVersion);
  if (version < kVersion || compatible > kVersion) {
    return Error{"another version than 17 (version {}, compatible with {})", kTree, version,
                 compatible};
  }
  if (size < kFdtHeader || size > kMaxDeviceTree) {
    return Error{"a size that it cannot have (totalsize {}, most {})", kTree, size, kMaxDeviceTree};
  }
  return size;
}

Result<> Fdt::check_header() {
  const auto block = [&](const char* what, uint32_t start, uint32_t size) -> Result<> {
    if (start >= kFdtHeader && start <= bytes_.size() && size <= bytes_.size() - start) return {};
    return Error{"reaches beyond the tree (offset {:#x}, size {})", what, start, size};
  };
  structure_ = word(kStructure);
  strings_ = word(kStrings);
  reserved_ = word(kReservations);
  const uint32_t size = word(kStructureSize), strings_size = word(kStringsSize);
  BATON_TRY(block("structure block", structure_, size));
  BATON_TRY(block("strings block", strings_, strings_size));
  BATON_TRY(block("memory reservation block", reserved_, kReservation));
  if (structure_ % kWord != 0 || size % kWord != 0) {
    return Error{"is not made of whole words (offset {:#x}, size {})", "structure block",
                 structure_, size};
  }
  if (reserved_ % 8 != 0) {
    return Error{"is not aligned to 8 bytes (offset {:#x})", "memory reservation block", reserved_};
  }
  structure_end_ = structure_ + size;
  strings_end_ = strings_ + strings_size;
  return {};
}

Result<> Fdt::check_reservations() {
  for (uint32_t at = reserved_;; at += kReservation) {
    if (bytes_.size() - at < kReservation) {
      return Error{"does not end inside the tree (offset {:#x})", "memory reservation block", at};
    }
    const uint64_t start = uint64_t{word(at)} << 32 | word(at + 4);
    const uint64_t size = uint64_t{word(at + 8)} << 32 | word(at + 12);
    if (start == 0 && size == 0) return {};
    if (start > mm::kMaxPhys || size > mm::kMaxPhys - start) {
      return Error{"an entry lies where no memory can be (start {:#x}, size {:#x})",
                   "memory reservation block", start, size};
    }
    ++reservations_;
  }
}

// It ends within `most` bytes, and can be printed.
Result<> Fdt::check_name(const char* name, uint32_t offset, size_t most) const {
  for (size_t i = 0; i < most; ++i) {
    if (name[i] == '\0') return {};
    if (name[i] <= ' ' || name[i] > '~') {
      return Error{"a name has a character that none may have (offset {:#x}, character {:#x})",
                   kTree, offset, static_cast<uint8_t>(name[i])};
    }
  }
  return Error{"a name does not end (offset {:#x})", kTree, offset};
}

Result<> Fdt::check_structure() const {
  const char* node = "structure block";  // the node that began last, for errors
  unsigned depth = 0;
  bool begun = false, closed = false;  // the root; a node, since whose end no other has begun
  for (uint32_t at = structure_; at < structure_end_;) {
    const uint32_t kind = word(at), left = structure_end_ - at;
    const auto* const text = reinterpret_cast<const char*>(bytes_.data());
    switch (kind) {
      case kNop:
        at += kWord;
        break;
      case kBeginNode: {
        if (begun && depth == 0) return Error{"a second root node (offset {:#x})", kTree, at};
        const char* name = text + at + kWord;
        BATON_TRY(check_name(name, at, left - kWord));
        node = *name == '\0' ? "the root node" : name;
        begun = true;
        closed = false;
        ++depth;
        at = to_word(at + kWord + static_cast<uint32_t>(std::string_view(name).size()) + 1);
        break;
      }
      case kEndNode:
        if (depth == 0) return Error{"a node ends that has not begun (offset {:#x})", node, at};
        --depth;
        closed = true;
        at += kWord;
        break;
      case kProperty: {
        if (depth == 0) return Error{"a property outside of all nodes (offset {:#x})", node, at};
        if (closed) {
          return Error{"a property stands behind a node of its own node's (offset {:#x})", node,
                       at};
        }
        if (left < kPropertyHeader) {
          return Error{"a property reaches beyond the structure block (offset {:#x})", node, at};
        }
        const uint32_t length = word(at + 4), name = word(at + 8);
        if (name >= strings_end_ - strings_) {
          return Error{"a property's name lies beyond the strings (offset {:#x}, name at {:#x})",
                       node, at, name};
        }
        BATON_TRY(check_name(text + strings_ + name, at, strings_end_ - strings_ - name));
        if (length > left - kPropertyHeader) {
          return Error{"its value reaches beyond the structure block (offset {:#x}, length {})",
                       text + strings_ + name, at, length, node};
        }
        at = to_word(at + kPropertyHeader + length);
        break;
      }
      case kEnd:
        if (!begun || depth != 0) {
          return Error{"the tree ends inside a node (offset {:#x}, depth {})", node, at, depth};
        }
        if (left != kWord) {
          return Error{"goes on behind its end (offset {:#x}, bytes {})", "structure block", at,
                       left - kWord};
        }
        return {};
      default:
        return Error{"there is no such token (offset {:#x}, token {:#x})", node, at, kind};
    }
  }
  return Error{"the tree does not end (depth {}, size {})", node, depth,
               structure_end_ - structure_};
}

Result<Fdt> Fdt::open(std::span<const uint8_t> bytes) {
  const uint32_t size = BATON_TRY(size_of(bytes));
  if (size > bytes.size()) {
    return Error{"is longer than its room (totalsize {}, room {})", kTree, size, bytes.size()};
  }
  Fdt tree;
  tree.bytes_ = bytes.first(size);
  BATON_TRY(tree.check_header());
  BATON_TRY(tree.check_reservations());
  BATON_TRY(tree.check_structure());
  return tree;
}

// --- Walks ---------------------------------------------------------------------------------------

Fdt::Token Fdt::token(uint32_t offset) const {
  while (word(offset) == kNop) offset += kWord;
  Token token{word(offset), offset, offset + kWord, nullptr, {}};
  const auto* const text = reinterpret_cast<const char*>(bytes_.data());
  if (token.kind == kBeginNode) {
    token.name = text + token.end;
    token.end = to_word(token.end + static_cast<uint32_t>(std::string_view(token.name).size()) + 1);
  } else if (token.kind == kProperty) {
    const uint32_t length = word(offset + 4);
    token.name = text + strings_ + word(offset + 8);
    token.value = bytes_.subspan(offset + kPropertyHeader, length);
    token.end = to_word(offset + kPropertyHeader + length);
  }
  return token;
}

FdtNode Fdt::root() const {
  const Token first = token(structure_);
  return {first.name, first.offset, 0};
}

std::optional<FdtNode> Fdt::next(const FdtNode& node) const {
  unsigned depth = node.depth + 1;
  for (Token at = token(node.offset);;) {
    at = token(at.end);
    if (at.kind == kEnd) return std::nullopt;
    if (at.kind == kBeginNode) return FdtNode{at.name, at.offset, depth};
    if (at.kind == kEndNode) --depth;
  }
}

std::optional<FdtNode> Fdt::first_child(const FdtNode& node) const {
  const auto child = next(node);
  return child && child->depth == node.depth + 1 ? child : std::nullopt;
}

std::optional<FdtNode> Fdt::next_sibling(const FdtNode& node) const {
  auto other = next(node);
  while (other && other->depth > node.depth) other = next(*other);
  return other && other->depth == node.depth ? other : std::nullopt;
}

// The last above it that began before.
std::optional<FdtNode> Fdt::parent(const FdtNode& node) const {
  if (node.depth == 1) return root();
  std::optional<FdtNode> found;
  for (FdtNode at = root(); at.offset < node.offset; at = *next(at)) {
    if (at.depth + 1 == node.depth) found = at;
  }
  return found;
}

std::optional<FdtProperty> Fdt::first_property(const FdtNode& node) const {
  const Token at = token(token(node.offset).end);
  if (at.kind != kProperty) return std::nullopt;
  return FdtProperty{at.name, at.value, at.offset};
}

std::optional<FdtProperty> Fdt::next_property(const FdtProperty& property) const {
  const Token at = token(token(property.offset).end);
  if (at.kind != kProperty) return std::nullopt;
  return FdtProperty{at.name, at.value, at.offset};
}

std::optional<FdtProperty> Fdt::property(const FdtNode& node, std::string_view name) const {
  auto property = first_property(node);
  while (property && property->name != name) property = next_property(*property);
  return property;
}

std::optional<FdtNode> Fdt::find(std::string_view path) const {
  if (path.empty() || path.front() != '/') return std::nullopt;
  FdtNode node = root();
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(name.size());
    if (name.empty()) continue;
    auto child = first_child(node);
    while (child && child->name != name && child->base_name() != name) {
      child = next_sibling(*child);
    }
    if (!child) return std::nullopt;
    node = *child;
  }
  return node;
}

std::optional<FdtNode> Fdt::by_phandle(uint32_t phandle) const {
  for (std::optional<FdtNode> node = root(); node; node = next(*node)) {
    for (const char* name : {"phandle", "linux,phandle"}) {
      const auto own = property(*node, name);
      if (own && own->value.size() == kWord && own->cell(0) == phandle) return node;
    }
  }
  return std::nullopt;
}

std::optional<FdtNode> Fdt::compatible(std::string_view word) const {
  for (std::optional<FdtNode> node = root(); node; node = next(*node)) {
    const auto with = property(*node, "compatible");
    if (with && with->lists(word) && is_okay(*node)) return node;
  }
  return std::nullopt;
}

bool Fdt::is_okay(const FdtNode& node) const {
  const auto status = property(node, "status");
  return !status || status->text() == "okay" || status->text() == "ok";
}

// --- Addresses -----------------------------------------------------------------------------------

Result<FdtCells> Fdt::cells(const FdtNode& node) const {
  FdtCells cells;
  const auto read = [&](const char* name, unsigned& count) -> Result<> {
    const auto given = property(node, name);
    if (!given) return {};
    const uint32_t number = BATON_TRY(given->number());
    if (number > kMaxCells) {
      return Error{"is more than any address has (offset {:#x}, cells {})", name, given->offset,
                   number, node.called()};
    }
    count = number;
    return {};
  };
  BATON_TRY(read("#address-cells", cells.address));
  BATON_TRY(read("#size-cells", cells.size));
  return cells;
}

Result<size_t> Fdt::regions(const FdtNode& above, const FdtNode& node) const {
  const auto reg = property(node, "reg");
  if (!reg) return 0;
  const FdtCells form = BATON_TRY(cells(above));
  const size_t count = BATON_TRY(reg->cells());
  const size_t each = form.address + form.size;
  if (form.address == 0 || count % each != 0) {
    return Error{"reg does not fit the cells that the node above asks for (cells {}, each of {})",
                 node.called(), count, each};
  }
  return count / each;
}

Result<Range> Fdt::region(const FdtNode& above, const FdtNode& node, size_t i) const {
  const FdtProperty reg = *property(node, "reg");
  const FdtCells form = BATON_TRY(cells(above));
  const size_t first = i * (form.address + form.size);
  const uint64_t given = BATON_TRY(reg.number_at(first, form.address));
  const uint64_t size = BATON_TRY(reg.number_at(first + form.address, form.size));
  const uint64_t start = BATON_TRY(seen_by_cpu(above, given, size));
  if (start > mm::kMaxPhys || size > mm::kMaxPhys - start) {
    return Error{"reg lies where nothing can be (start {:#x}, size {:#x})", node.called(), start,
                 size};
  }
  return Range{Phys{start}, Phys{start + size}};
}

// Section 2.3.8: {address here, address above, size}; no value: the same addresses above.
Result<uint64_t> Fdt::seen_by_cpu(FdtNode node, uint64_t address, uint64_t size) const {
  if (node.depth > kMaxAbove) {
    return Error{"lies deeper than addresses are followed (depth {}, most {})", node.called(),
                 node.depth, kMaxAbove};
  }
  for (auto above = parent(node); above; node = *above, above = parent(node)) {
    const auto ranges = property(node, "ranges");
    if (!ranges) {
      return Error{"has no ranges: nothing in it is seen from above (offset {:#x}, address {:#x})",
                   node.called(), node.offset, address};
    }
    if (ranges->value.empty()) continue;
    const FdtCells here = BATON_TRY(cells(node)), there = BATON_TRY(cells(*above));
    const size_t each = here.address + there.address + here.size;
    const size_t count = BATON_TRY(ranges->cells());
    if (each == 0 || count % each != 0) {
      return Error{"ranges do not fit the cells of its addresses (cells {}, each of {})",
                   node.called(), count, each};
    }
    bool found = false;
    for (size_t i = 0; i < count && !found; i += each) {
      const uint64_t start = BATON_TRY(ranges->number_at(i, here.address));
      const uint64_t length =
          BATON_TRY(ranges->number_at(i + here.address + there.address, here.size));
      if (address < start || address - start >= length || size > length - (address - start)) {
        continue;
      }
      const uint64_t to = BATON_TRY(ranges->number_at(i + here.address, there.address));
      if (to > mm::kMaxPhys) {
        return Error{"ranges lead where nothing can be (offset {:#x}, address {:#x})",
                     node.called(), ranges->offset, to};
      }
      address = to + (address - start);
      found = true;
    }
    if (!found) {
      return Error{"no ranges lead from it to what lies in it (address {:#x}, size {:#x})",
                   node.called(), address, size};
    }
  }
  return address;
}

Range Fdt::reservation(size_t i) const {
  const size_t at = reserved_ + i * kReservation;
  const Phys start{uint64_t{word(at)} << 32 | word(at + 4)};
  return {start, start + (uint64_t{word(at + 8)} << 32 | word(at + 12))};
}

}  // namespace loader
