#include "loader/fdt/fdt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/acpi_bytes.h"
#include "tests/unit/fdt_bytes.h"

namespace loader {
namespace {

using fdt_test::Tree;
using fdt_test::with;
using mm::Phys;
using mm::Range;
using Bytes = std::vector<uint8_t>;

std::string said(const mm::Error& error) {
  acpi_test::Log log;
  log.printer().error("OF: fdt", error);
  return log.text();
}

std::string why_not(const Bytes& bytes) {
  const auto tree = Fdt::open(bytes);
  return tree.ok() ? "it was taken\n" : said(tree.error());
}

// A tree of what is asked for below, which must outlive its bytes' reader.
struct Opened {
  explicit Opened(const Tree& from) : bytes(from.bytes()), tree(Fdt::open(bytes).value()) {}
  Bytes bytes;
  Fdt tree;
};

//   / { #address-cells = <2>; #size-cells = <2>;
//     memory@80000000 { reg = 1 GiB at 2 GiB };
//     soc { #address-cells = <1>; #size-cells = <1>; ranges = 0 -> 0x10_0000_0000, 64 KiB;
//       uart@1000 { phandle = <7> }; bus { ranges; uart@2000 { } } };
//     chosen { } };
Tree sample() {
  Tree t;
  t.reserve(0x8000'0000, 0x1'0000).reserve(0x1'0000'0000, 0x1000);
  t.begin("").cells("#address-cells", {2}).cells("#size-cells", {2}).text("model", "a board");
  t.begin("memory@80000000").cells("reg", {0, 0x8000'0000, 0, 0x4000'0000}).end();
  t.begin("soc").cells("#address-cells", {1}).cells("#size-cells", {1});
  t.cells("ranges", {0, 0x10, 0, 0x1'0000});
  t.word(Tree::kNop);
  t.begin("uart@1000").word(Tree::kNop).cells("reg", {0x1000, 0x100}).cells("phandle", {7});
  t.texts("compatible", {"arm,pl011", "arm,primecell"}).text("status", "disabled").end();
  t.begin("bus").cells("#address-cells", {1}).cells("#size-cells", {1}).flag("ranges");
  t.begin("uart@2000").cells("reg", {0x2000, 0x100, 0xff00, 0x100});
  t.texts("compatible", {"arm,primecell", "arm,pl011"}).end();
  t.end().end();
  return t.begin("chosen").end().end();
}

TEST(Fdt, NodesStandInOrderWithTheirDepth) {
  const Opened with(sample());
  const Fdt& tree = with.tree;
  std::string seen;
  for (std::optional<FdtNode> node = tree.root(); node; node = tree.next(*node)) {
    seen += std::string(node->depth, '.') + node->name + "\n";
  }
  EXPECT_EQ(seen,
            "\n"
            ".memory@80000000\n"
            ".soc\n"
            "..uart@1000\n"
            "..bus\n"
            "...uart@2000\n"
            ".chosen\n");
}

TEST(Fdt, FamiliesAreFound) {
  const Opened with(sample());
  const Fdt& tree = with.tree;
  const FdtNode soc = *tree.find("/soc");
  EXPECT_STREQ(tree.first_child(soc)->name, "uart@1000");
  EXPECT_STREQ(tree.next_sibling(*tree.first_child(soc))->name, "bus");
  EXPECT_FALSE(tree.next_sibling(*tree.next_sibling(*tree.first_child(soc))));
  EXPECT_STREQ(tree.next_sibling(soc)->name, "chosen");
  EXPECT_FALSE(tree.first_child(*tree.find("/chosen")));
  EXPECT_STREQ(tree.parent(*tree.find("/soc/bus/uart"))->name, "bus");
  EXPECT_EQ(tree.parent(soc)->depth, 0U);
  EXPECT_FALSE(tree.parent(tree.root()));
}

TEST(Fdt, PathsGoByWholeNamesOrWithoutUnitAddress) {
  const Opened with(sample());
  const Fdt& tree = with.tree;
  EXPECT_EQ(tree.find("/")->depth, 0U);
  EXPECT_STREQ(tree.find("/memory")->name, "memory@80000000");
  EXPECT_STREQ(tree.find("/soc/bus/uart@2000")->name, "uart@2000");
  for (const char* none : {"", "soc", "/soc/uart@2000", "/sock", "/so", "/soc/uart@1000/x"}) {
    EXPECT_FALSE(tree.find(none)) << none;
  }
}

TEST(Fdt, PropertiesHaveTextsAndNumbers) {
  const Opened with(sample());
  const Fdt& tree = with.tree;
  EXPECT_EQ(tree.property(tree.root(), "model")->text(), "a board");
  EXPECT_FALSE(tree.property(tree.root(), "mode"));
  const FdtNode uart = *tree.by_phandle(7);
  EXPECT_STREQ(uart.name, "uart@1000");
  EXPECT_FALSE(tree.by_phandle(8));
  const auto words = tree.property(uart, "compatible");
  EXPECT_TRUE(words->lists("arm,pl011") && words->lists("arm,primecell"));
  EXPECT_FALSE(words->lists("arm,pl01") || words->lists("pl011") || words->lists(""));
  EXPECT_EQ(tree.property(uart, "phandle")->number().value(), 7U);
  EXPECT_EQ(said(tree.property(uart, "reg")->number().error()),
            "OF: fdt: reg: is no number of one cell (offset 0x124, length 8)\n");
  EXPECT_EQ(tree.property(uart, "reg")->number_at(0, 2).value(), 0x1000'0000'0100U);
  // What is disabled is not the first that is compatible.
  EXPECT_STREQ(tree.compatible("arm,pl011")->name, "uart@2000");
}

TEST(Fdt, TextsThatDoNotEndOrCannotBePrintedAreNone) {
  Tree t;
  t.begin("").raw("a", {'x', 'y'}).raw("b", {'x', 7, 0}).raw("c", {}).end();
  const Opened with(t);
  for (const char* name : {"a", "b", "c"}) {
    const auto property = with.tree.property(with.tree.root(), name);
    EXPECT_EQ(property->text(), "") << name;
    EXPECT_FALSE(property->lists("xy") || property->lists("x") || property->lists("")) << name;
  }
}

TEST(Fdt, AddressesAreTheCpus) {
  const Opened with(sample());
  const Fdt& tree = with.tree;
  const auto first = [&](const char* path) {
    const FdtNode node = *tree.find(path);
    return tree.region(*tree.parent(node), node, 0).value();
  };
  EXPECT_EQ(first("/memory"), (Range{Phys{0x8000'0000}, Phys{0xc000'0000}}));
  EXPECT_EQ(first("/soc/uart"), (Range{Phys{0x10'0000'1000}, Phys{0x10'0000'1100}}));
  EXPECT_EQ(first("/soc/bus/uart"), (Range{Phys{0x10'0000'2000}, Phys{0x10'0000'2100}}));
  const FdtNode uart = *tree.find("/soc/bus/uart"), bus = *tree.find("/soc/bus");
  EXPECT_EQ(tree.regions(bus, uart).value(), 2U);
  EXPECT_EQ(tree.regions(tree.root(), *tree.find("/chosen")).value(), 0U);
}

TEST(Fdt, ReservationsAreCounted) {
  const Opened with(sample());
  ASSERT_EQ(with.tree.reservations(), 2U);
  EXPECT_EQ(with.tree.reservation(0), (Range{Phys{0x8000'0000}, Phys{0x8001'0000}}));
  EXPECT_EQ(with.tree.reservation(1), (Range{Phys{0x1'0000'0000}, Phys{0x1'0000'1000}}));
}

TEST(Fdt, MayBeAsDeepAsItLikes) {
  constexpr size_t kDepth = 100'000;
  Tree t;
  t.begin("");
  for (size_t i = 0; i < kDepth; ++i) t.begin("n");
  for (size_t i = 0; i <= kDepth; ++i) t.end();
  const Opened with(t);
  size_t count = 0;
  for (std::optional<FdtNode> node = with.tree.root(); node; node = with.tree.next(*node)) ++count;
  EXPECT_EQ(count, kDepth + 1);
}

TEST(Fdt, WhatFollowsItIsNotItsOwn) {
  Bytes bytes = sample().bytes();
  const size_t size = bytes.size();
  bytes.resize(size + 100);
  EXPECT_EQ(Fdt::open(bytes).value().bytes().size(), size);
}

// --- Damage --------------------------------------------------------------------------------------

TEST(Fdt, ADamagedHeaderIsNamed) {
  const Bytes good = sample().bytes();
  EXPECT_EQ(why_not({good.begin(), good.begin() + 39}),
            "OF: fdt: device tree: shorter than its header (length 39, at least 40)\n");
  EXPECT_EQ(why_not(with(good, 0, 0xedfe0dd0)),
            "OF: fdt: device tree: is none (magic 0xedfe0dd0, expected 0xd00dfeed)\n");
  EXPECT_EQ(why_not(with(good, Tree::kVersion, 16)),
            "OF: fdt: device tree: another version than 17 (version 16, compatible with 16)\n");
  EXPECT_EQ(why_not(with(good, Tree::kCompatible, 18)),
            "OF: fdt: device tree: another version than 17 (version 17, compatible with 18)\n");
  EXPECT_EQ(why_not(with(good, Tree::kTotalSize, 12)),
            "OF: fdt: device tree: a size that it cannot have (totalsize 12, most 2097152)\n");
  EXPECT_EQ(why_not(with(good, Tree::kTotalSize, 0x20'0001)),
            "OF: fdt: device tree: a size that it cannot have (totalsize 2097153, most 2097152)\n");
  EXPECT_EQ(why_not(with(good, Tree::kTotalSize, 0x10'0000)),
            "OF: fdt: device tree: is longer than its room (totalsize 1048576, room " +
                std::to_string(good.size()) + ")\n");
}

TEST(Fdt, ABlockThatLiesElsewhereIsNamed) {
  const Bytes good = sample().bytes();
  const auto starts = [](const std::string& text, const char* with) {
    return text.substr(0, std::string_view(with).size()) == with;
  };
  for (const uint32_t bad : {0U, 39U, 0x7fff'ffffU, 0xffff'fffcU}) {
    EXPECT_TRUE(starts(why_not(with(good, Tree::kStructure, bad)),
                       "OF: fdt: structure block: reaches beyond the tree (offset "))
        << bad;
    EXPECT_TRUE(starts(why_not(with(good, Tree::kStrings, bad)),
                       "OF: fdt: strings block: reaches beyond the tree (offset "))
        << bad;
    EXPECT_TRUE(starts(why_not(with(good, Tree::kReservations, bad)),
                       "OF: fdt: memory reservation block: reaches beyond the tree (offset "))
        << bad;
  }
  EXPECT_EQ(why_not(with(good, Tree::kStructureSize, 0xffff'fff0)),
            "OF: fdt: structure block: reaches beyond the tree (offset 0x58, size 4294967280)\n");
  EXPECT_EQ(why_not(with(good, Tree::kStructureSize, 7)),
            "OF: fdt: structure block: is not made of whole words (offset 0x58, size 7)\n");
  EXPECT_EQ(why_not(with(good, Tree::kReservations, 44)),
            "OF: fdt: memory reservation block: is not aligned to 8 bytes (offset 0x2c)\n");
}

TEST(Fdt, ReservationsThatDoNotEndOrFitAreNamed) {
  Tree t;
  t.begin("").end();
  Bytes bytes = t.bytes();
  // The block becomes the last of the tree, its end the tree's.
  const auto at = static_cast<uint32_t>((bytes.size() + 7) / 8 * 8);
  bytes.resize(at + 16, 1);
  bytes = with(with(bytes, Tree::kReservations, at), Tree::kTotalSize, at + 16);
  EXPECT_EQ(why_not(with(with(bytes, at, 0), at + 8, 0)),
            "OF: fdt: memory reservation block: does not end inside the tree (offset 0x58)\n");
  EXPECT_EQ(why_not(with(bytes, at, 0xffff'ffff)),
            "OF: fdt: memory reservation block: an entry lies where no memory can be (start "
            "0xffffffff01010101, size 0x101010101010101)\n");
}

TEST(Fdt, ADamagedStructureIsNamedWithItsNode) {
  const auto broken = [](auto damage) {
    Tree t;
    t.begin("").begin("cpus").cells("reg", {1});
    damage(t);
    return why_not(t.unfinished());
  };
  EXPECT_EQ(broken([](Tree& t) { t.end().end(); }),
            "OF: fdt: cpus: the tree does not end (depth 0, size 44)\n");
  EXPECT_EQ(broken([](Tree&) {}), "OF: fdt: cpus: the tree does not end (depth 2, size 36)\n");
  EXPECT_EQ(broken([](Tree& t) { t.word(Tree::kEnd); }),
            "OF: fdt: cpus: the tree ends inside a node (offset 0x5c, depth 2)\n");
  EXPECT_EQ(broken([](Tree& t) { t.end().end().word(Tree::kEnd).word(Tree::kNop); }),
            "OF: fdt: structure block: goes on behind its end (offset 0x64, bytes 4)\n");
  EXPECT_EQ(broken([](Tree& t) { t.end().end().end(); }),
            "OF: fdt: cpus: a node ends that has not begun (offset 0x64)\n");
  EXPECT_EQ(broken([](Tree& t) { t.end().end().begin("other"); }),
            "OF: fdt: device tree: a second root node (offset 0x64)\n");
  EXPECT_EQ(broken([](Tree& t) { t.end().end().flag("late"); }),
            "OF: fdt: cpus: a property outside of all nodes (offset 0x64)\n");
  EXPECT_EQ(broken([](Tree& t) { t.begin("cpu@0").end().flag("late"); }),
            "OF: fdt: cpu@0: a property stands behind a node of its own node's (offset 0x6c)\n");
  EXPECT_EQ(broken([](Tree& t) { t.word(5); }),
            "OF: fdt: cpus: there is no such token (offset 0x5c, token 0x5)\n");
  EXPECT_EQ(broken([](Tree& t) { t.word(Tree::kProperty).word(0); }),
            "OF: fdt: cpus: a property reaches beyond the structure block (offset 0x5c)\n");
  EXPECT_EQ(broken([](Tree& t) { t.word(Tree::kProperty).word(0).word(4); }),
            "OF: fdt: cpus: a property's name lies beyond the strings (offset 0x5c, name at 0x4)\n"
            "")
      << "reg and its NUL are four bytes";
  EXPECT_EQ(broken([](Tree& t) { t.word(Tree::kProperty).word(0xffff'fffe).word(0); }),
            "OF: fdt: reg: its value reaches beyond the structure block (offset 0x5c, length "
            "4294967294), cpus\n");
  EXPECT_EQ(broken([](Tree& t) { t.word(Tree::kBeginNode).word(0x61626364); }),
            "OF: fdt: device tree: a name does not end (offset 0x5c)\n");
  EXPECT_EQ(broken([](Tree& t) { t.begin("a\x1b[2J"); }),
            "OF: fdt: device tree: a name has a character that none may have (offset 0x5c, "
            "character 0x1b)\n");
  Tree empty;
  EXPECT_EQ(why_not(empty.bytes()),
            "OF: fdt: structure block: the tree ends inside a node (offset 0x38, depth 0)\n");
  EXPECT_EQ(why_not(empty.unfinished()),
            "OF: fdt: structure block: the tree does not end (depth 0, size 0)\n");
}

TEST(Fdt, AStringWithoutItsEndIsNamed) {
  Tree t;
  t.begin("").flag("model").end();
  Bytes bytes = t.bytes();
  bytes.back() = 'x';
  EXPECT_EQ(why_not(bytes), "OF: fdt: device tree: a name does not end (offset 0x40)\n");
}

TEST(Fdt, OfEveryTreeThatIsCutNothingBeyondIsRead) {
  const Bytes good = sample().bytes();
  for (size_t size = 0; size < good.size(); ++size) {
    Bytes cut(good.begin(), good.begin() + static_cast<long>(size));
    EXPECT_FALSE(Fdt::open(cut).ok()) << size;
    if (size < kFdtHeader) continue;
    cut = with(cut, Tree::kTotalSize, static_cast<uint32_t>(size));
    cut.shrink_to_fit();  // so that the sanitizer sees a byte too many
    EXPECT_FALSE(Fdt::open(cut).ok()) << size;
  }
}

TEST(Fdt, AddressesThatCannotBeFollowedAreNamed) {
  const auto error = [](const Tree& t, const char* path) {
    const Opened with(t);
    const FdtNode node = *with.tree.find(path);
    const FdtNode above = *with.tree.parent(node);
    const auto count = with.tree.regions(above, node);
    if (!count.ok()) return said(count.error());
    const auto region = with.tree.region(above, node, 0);
    return region.ok() ? std::string("it was taken\n") : said(region.error());
  };
  const auto root = [](uint32_t address, uint32_t size) {
    Tree t;
    t.begin("").cells("#address-cells", {address}).cells("#size-cells", {size});
    return t;
  };
  EXPECT_EQ(error(root(5, 1).begin("a").cells("reg", {1}).end().end(), "/a"),
            "OF: fdt: #address-cells: is more than any address has (offset 0x40, cells 5), the "
            "root node\n");
  EXPECT_EQ(error(root(2, 2).begin("a").cells("reg", {1, 2, 3}).end().end(), "/a"),
            "OF: fdt: a: reg does not fit the cells that the node above asks for (cells 3, each of "
            "4)\n");
  EXPECT_EQ(error(root(2, 2).begin("a").raw("reg", {1, 2, 3}).end().end(), "/a"),
            "OF: fdt: reg: is not made of whole cells (offset 0x68, length 3)\n");
  EXPECT_EQ(error(root(0, 0).begin("a").cells("reg", {1}).end().end(), "/a"),
            "OF: fdt: a: reg does not fit the cells that the node above asks for (cells 1, each of "
            "0)\n");
  EXPECT_EQ(error(root(3, 1).begin("a").cells("reg", {1, 0, 0, 1}).end().end(), "/a"),
            "OF: fdt: reg: a number is wider than 64 bits (offset 0x68, cell 0)\n");
  EXPECT_EQ(error(root(2, 2).begin("a").cells("reg", {~0U, 0, 0, 1}).end().end(), "/a"),
            "OF: fdt: a: reg lies where nothing can be (start 0xffffffff00000000, size 0x1)\n");
  EXPECT_EQ(error(root(2, 2).begin("a").cells("reg", {0, 1, ~0U, ~0U}).end().end(), "/a"),
            "OF: fdt: a: reg lies where nothing can be (start 0x1, size 0xffffffffffffffff)\n");

  const auto bus = [&](auto fill) {
    Tree t = root(1, 1);
    t.begin("bus").cells("#address-cells", {1}).cells("#size-cells", {1});
    fill(t);
    return t.begin("a").cells("reg", {0x100, 0x10}).end().end().end();
  };
  EXPECT_EQ(error(bus([](Tree&) {}), "/bus/a"),
            "OF: fdt: bus: has no ranges: nothing in it is seen from above (offset 0x60, address "
            "0x100)\n");
  EXPECT_EQ(error(bus([](Tree& t) {
                    t.cells("ranges", {0, 0});
                  }),
                  "/bus/a"),
            "OF: fdt: bus: ranges do not fit the cells of its addresses (cells 2, each of 3)\n");
  EXPECT_EQ(error(bus([](Tree& t) {
                    t.cells("ranges", {0, 0, 0x10f});
                  }),
                  "/bus/a"),
            "OF: fdt: bus: no ranges lead from it to what lies in it (address 0x100, size 0x10)\n");
  EXPECT_EQ(error(bus([](Tree& t) {
                    t.cells("ranges", {0, 0, 0x110});
                  }),
                  "/bus/a"),
            "it was taken\n");

  Tree deep;
  deep.begin("");
  std::string path;
  for (int i = 0; i < 40; ++i) {
    deep.begin("n").flag("ranges");
    path += "/n";
  }
  deep.begin("a").cells("reg", {0, 1, 1});
  for (int i = 0; i < 42; ++i) deep.end();
  EXPECT_EQ(error(deep, (path + "/a").c_str()),
            "OF: fdt: n: lies deeper than addresses are followed (depth 40, most 32)\n");
}

}  // namespace
}  // namespace loader
