// A flattened device tree, read where it lies (Devicetree Specification 0.4, chapter 5).
//
// open() walks all of it once and checks each size, offset and name; what it has passed can be
// walked without errors. What values mean is checked by whoever reads them. Nothing is copied and
// nothing kept: nodes are places in the tree, and names and values point into it. A tree may be as
// deep as it likes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "mm/result.h"
#include "mm/types.h"

namespace loader {

// Linux takes none that are larger (Documentation/arm64/booting.rst).
inline constexpr size_t kMaxDeviceTree = 2 * mm::kMiB;
// Of the header, version 17.
inline constexpr size_t kFdtHeader = 40;

struct FdtProperty {
  const char* name = nullptr;
  std::span<const uint8_t> value;
  uint32_t offset = 0;  // in the tree's bytes, as all offsets

  // The first of its texts, without the NUL; empty when it does not end or cannot be printed.
  [[nodiscard]] std::string_view text() const;
  // Whether one of its NUL-terminated texts is that.
  [[nodiscard]] bool lists(std::string_view text) const;
  // A number of one cell; fails when the value has another size.
  [[nodiscard]] mm::Result<uint32_t> number() const;
  // How many cells it has; fails when its size is not a multiple of theirs.
  [[nodiscard]] mm::Result<size_t> cells() const;
  // Cell `i` of cells().
  [[nodiscard]] uint32_t cell(size_t i) const;
  // The number in `count` cells from cell `i` on; fails where that is beyond 64 bits.
  [[nodiscard]] mm::Result<uint64_t> number_at(size_t i, unsigned count) const;
};

struct FdtNode {
  const char* name = nullptr;  // with its unit address: memory@40000000; empty: the root
  uint32_t offset = 0;
  unsigned depth = 0;  // 0: the root

  // The name without unit address.
  [[nodiscard]] std::string_view base_name() const;
  // What to call it in an error.
  [[nodiscard]] const char* called() const { return *name == '\0' ? "the root node" : name; }
};

// How many cells addresses and sizes of a node's children have (section 2.3.5).
struct FdtCells {
  unsigned address = 2, size = 1;
};

class Fdt {
 public:
  // Bytes of the whole tree, out of its header; fails when that is none of a version that can be
  // read, or says more than kMaxDeviceTree.
  static mm::Result<uint32_t> size_of(std::span<const uint8_t> header);
  // `bytes` may go on behind the tree.
  static mm::Result<Fdt> open(std::span<const uint8_t> bytes);

  [[nodiscard]] std::span<const uint8_t> bytes() const { return bytes_; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  [[nodiscard]] FdtNode root() const;
  // The node that begins next, whoever's it is.
  [[nodiscard]] std::optional<FdtNode> next(const FdtNode& node) const;
  [[nodiscard]] std::optional<FdtNode> first_child(const FdtNode& node) const;
  [[nodiscard]] std::optional<FdtNode> next_sibling(const FdtNode& node) const;
  [[nodiscard]] std::optional<FdtNode> parent(const FdtNode& node) const;

  [[nodiscard]] std::optional<FdtProperty> first_property(const FdtNode& node) const;
  [[nodiscard]] std::optional<FdtProperty> next_property(const FdtProperty& property) const;
  [[nodiscard]] std::optional<FdtProperty> property(const FdtNode& node,
                                                    std::string_view name) const;

  // By a path of whole names, or without the unit address where it is the first of that name:
  // "/cpus", "/soc/uart@9000000".
  [[nodiscard]] std::optional<FdtNode> find(std::string_view path) const;
  [[nodiscard]] std::optional<FdtNode> by_phandle(uint32_t phandle) const;
  // The first whose "compatible" lists the word and whose status is okay.
  [[nodiscard]] std::optional<FdtNode> compatible(std::string_view word) const;
  // Whether "status" says okay, or nothing (section 2.3.4).
  [[nodiscard]] bool is_okay(const FdtNode& node) const;

  // What the node says of its children's addresses. Fails where a count is none, or above 4.
  [[nodiscard]] mm::Result<FdtCells> cells(const FdtNode& node) const;
  // How many ranges the "reg" of a node below `above` has (0: it has none), and which; as the CPU
  // sees them, through the "ranges" of all nodes above. Fails where it has no such size, a range
  // wraps, or a node above hides it or lies deeper than 32.
  [[nodiscard]] mm::Result<size_t> regions(const FdtNode& above, const FdtNode& node) const;
  [[nodiscard]] mm::Result<mm::Range> region(const FdtNode& above, const FdtNode& node,
                                             size_t i) const;

  // The memory reservation block (section 5.3).
  [[nodiscard]] size_t reservations() const { return reservations_; }
  [[nodiscard]] mm::Range reservation(size_t i) const;

 private:
  struct Token;
  [[nodiscard]] uint32_t word(size_t offset) const;
  // What stands at an offset, NOPs skipped; of a tree that has been checked.
  [[nodiscard]] Token token(uint32_t offset) const;
  mm::Result<> check_header();
  mm::Result<> check_reservations();
  mm::Result<> check_structure() const;
  mm::Result<> check_name(const char* name, uint32_t offset, size_t most) const;
  mm::Result<uint64_t> seen_by_cpu(FdtNode node, uint64_t address, uint64_t size) const;

  std::span<const uint8_t> bytes_;
  uint32_t structure_ = 0, structure_end_ = 0;
  uint32_t strings_ = 0, strings_end_ = 0;
  uint32_t reserved_ = 0;
  size_t reservations_ = 0;
};

}  // namespace loader
