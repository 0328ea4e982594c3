// paging_init of 32-bit Arm in both ages, on page tables in memory, read as Arm's manual says (ARM ARM
// v7-A, DDI 0406C, section B3.5).
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "mm/arm/paging.h"
#include "tests/support/machine32.h"

namespace {

using mm::kGiB;
using mm::kKiB;
using mm::kMiB;
using mm::kPageSize;
using mm::Phys;
using mm::Range;
using mm::VirtualRange;
using mm::arm::Age;
using mm::arm::MapDesc;
using mm::arm::MemType;
using test::must;
using test::range;

constexpr uint64_t kEnd = 4 * kGiB;

// What the CPU makes of an address.
struct Page {
  uint64_t phys;
  bool write, execute, user;
  enum Kind : uint8_t { Memory, Device } kind;
  friend bool operator==(const Page&, const Page&) = default;
};

// Physical memory for a root and tables, nothing else.
struct Pool {
  static constexpr uint64_t kStart = 0x7000'0000;
  static constexpr size_t kFrames = 128;
  std::unique_ptr<char, decltype(&std::free)> memory{
      static_cast<char*>(std::aligned_alloc(16 * kKiB, kFrames* kPageSize)), std::free};
  mm::DirectMap map{static_cast<uintptr_t>(reinterpret_cast<uintptr_t>(memory.get()) - kStart)};
  uint64_t next = kStart + mm::kPgdirSize;
  uint64_t end = kStart + kFrames * kPageSize;

  Pool() { std::fill_n(memory.get(), kFrames * kPageSize, '\xa5'); }  // RAM is not zeroed
  [[nodiscard]] uint64_t taken() const { return (next - kStart - mm::kPgdirSize) / kPageSize; }
  [[nodiscard]] mm::arm::Tables tables(Age age) {
    const auto take = [](void* context) -> mm::Result<Phys> {
      auto& pool = *static_cast<Pool*>(context);
      if (pool.next == pool.end) return mm::Error{"no frame", "pool"};
      pool.next += kPageSize;
      return Phys{pool.next - kPageSize};
    };
    return {Phys{kStart}, map, age, {this, take}};
  }

  [[nodiscard]] uint32_t word(uint64_t at) const { return *map.at<const uint32_t>(Phys{at}); }
  [[nodiscard]] uint32_t first(uint64_t virt) const { return word(kStart + (virt >> 20) * 4); }
  [[nodiscard]] std::optional<Page> walk(uint64_t virt) const {
    const uint32_t entry = first(virt);
    if ((entry & 3) == 0) return std::nullopt;
    if ((entry & 3) == 1) {
      EXPECT_EQ(entry & 0x3fe, 0u) << "domain 0, and PXN, NS clear";
      const uint32_t page = word((entry & ~0x3ffu) + (virt >> 12 & 0xff) * 4);
      if ((page & 3) == 0) return std::nullopt;
      EXPECT_NE(page & 2, 0u) << "no large pages";
      EXPECT_EQ(page & 0x800, 0u) << "nG";
      return made((page & ~0xfffu) + (virt & 0xfff), page >> 4 & 3, page >> 9 & 1, page & 1,
                  (page >> 6 & 7) << 2 | (page >> 2 & 3), page >> 10 & 1);
    }
    EXPECT_EQ(entry & 0xe01e3, 2u) << "a section of domain 0; no supersection, nG, PXN, NS";
    return made((entry & ~0xfffffu) + (virt & 0xfffff), entry >> 10 & 3, entry >> 15 & 1,
                entry >> 4 & 1, (entry >> 12 & 7) << 2 | (entry >> 2 & 3), entry >> 16 & 1);
  }
  static Page made(uint64_t phys, uint32_t ap, uint32_t ap2, uint32_t not_run, uint32_t how,
                   uint32_t shared) {
    EXPECT_TRUE(ap == 1 || ap == 3) << ap;
    EXPECT_EQ(shared, 1u);
    EXPECT_TRUE(how == 7 || how == 1) << "write-back and write-allocate, or shareable device";
    return {phys, ap2 == 0, not_run == 0, ap == 3, how == 1 ? Page::Device : Page::Memory};
  }
};

struct Machine {
  mm::Arm32Space space;
  std::vector<Range> ram;  // ascending, apart
  Range executable;
  std::vector<MapDesc> map_io;
  Range vectors = range(0x7010'0000, 0x7010'2000);

  [[nodiscard]] std::vector<mm::Bank> banks(Age age, std::string* said = nullptr) const {
    std::vector<mm::E820Entry> e820;
    for (const Range& r : ram) {
      e820.push_back({r, mm::E820Type::Ram});
      e820.push_back({{r.end, r.end + 1}, mm::E820Type::Reserved});
    }
    test::Log log;
    std::vector<mm::Bank> found(ram.size() + 2);
    found.resize(must(mm::arm::find_banks(age, space, e820, found, log.printer())));
    if (said != nullptr) *said = log.text();
    return found;
  }
  [[nodiscard]] mm::arm::PagingPlan plan(std::span<const mm::Bank> found) const {
    return {.space = space,
            .banks = found,
            .kernel_executable = executable,
            .vectors = vectors,
            .map_io = map_io,
            .kept = {}};
  }
};

// Where an address of RAM may be run, before the kernel has booted.
bool runs(Age age, const Machine& m, Phys at) {
  if (age == Age::Bootmem) return true;
  const uint64_t start = m.executable.start.v / kMiB * kMiB;
  const uint64_t end = (m.executable.end.v + kMiB - 1) / kMiB * kMiB;
  if (start <= at.v && at.v < end) return true;
  for (const Range& r : m.ram) {
    if (r.contains(at)) return r.end.v < start;  // it lies below the kernel
  }
  return false;
}

// What is to be at an address, from the machine itself. `most`: bytes of lowmem at most.
std::optional<Page> wanted(Age age, const Machine& m, uint64_t most, uint64_t virt) {
  const bool later = age == Age::Memblock;
  for (const MapDesc& what : m.map_io) {
    if (virt < what.virt || virt - what.virt >= what.physical.size()) continue;
    const bool device = what.type == MemType::Device;
    return Page{what.physical.start.v + (virt - what.virt), what.type != MemType::Rom,
                what.type == MemType::Rom, false, device ? Page::Device : Page::Memory};
  }
  if (virt >= 0xffff'0000 && virt < 0xffff'0000 + m.vectors.size()) {
    const bool user = !later && virt < 0xffff'1000;
    return Page{m.vectors.start.v + (virt - 0xffff'0000), false, true, user, Page::Memory};
  }
  if (virt < m.space.page_offset || virt - m.space.page_offset >= most) return std::nullopt;
  const Phys at = m.space.phys_offset + (virt - m.space.page_offset);
  const bool there =
      std::any_of(m.ram.begin(), m.ram.end(), [&](const Range& r) { return r.contains(at); });
  if (!there) return std::nullopt;
  return Page{at.v, true, runs(age, m, at), false, Page::Memory};
}

// Entries of the first level go in twos, and tables have the right half of a frame.
void check_pairs(const Pool& pool, Age age) {
  for (uint64_t virt = 0; virt < kEnd; virt += 2 * kMiB) {
    const uint32_t even = pool.first(virt), odd = pool.first(virt + kMiB);
    ASSERT_EQ((even & 3) == 1, (odd & 3) == 1) << std::hex << virt;
    if ((even & 3) != 1) continue;
    const uint64_t tables = even & ~0x3ffu;
    EXPECT_EQ(odd & ~0x3ffu, tables + 1024) << std::hex << virt;
    EXPECT_EQ(tables % kPageSize, age == Age::Memblock ? 2048u : 0u);
    const uint64_t other = tables ^ 2048;
    for (uint64_t i = 0; i < 2048; i += 4) ASSERT_EQ(pool.word(other + i), 0u);
  }
}

// Every page of 4 GiB; what is mapped alike all through a PMD is mapped by sections.
void check_all(const Pool& pool, Age age, const Machine& m, uint64_t most) {
  for (uint64_t pmd = 0; pmd < kEnd; pmd += 2 * kMiB) {
    uint64_t alike = 0;
    std::optional<Page> start;
    for (uint64_t virt = pmd; virt < pmd + 2 * kMiB; virt += kPageSize) {
      const auto want = wanted(age, m, most, virt);
      const auto found = pool.walk(virt);
      ASSERT_EQ(found.has_value(), want.has_value()) << std::hex << virt;
      if (!found) continue;
      ASSERT_EQ(*found, *want) << std::hex << virt;
      if (virt == pmd) start = found;
      Page as_start = *found;
      as_start.phys -= virt - pmd;
      if (start && as_start == *start) ++alike;
    }
    if (alike == 512) {
      ASSERT_EQ(pool.first(pmd) & 3, 2u) << std::hex << pmd;
    }
  }
  check_pairs(pool, age);
}

void run(Age age, const Machine& m, uint64_t most, Pool& pool) {
  const std::vector<mm::Bank> low = m.banks(age);
  const mm::arm::PagingPlan plan = m.plan(low);
  mm::arm::Tables tables = pool.tables(age);
  tables.clear_all();
  const mm::arm::MemTypes types = mm::arm::build_mem_type_table({});
  const auto done = mm::arm::paging_init(tables, plan, types);
  ASSERT_TRUE(done.ok()) << done.error().what;
  EXPECT_LE(pool.taken(), mm::arm::tables_for(age, plan));
  check_all(pool, age, m, most);
  // The tables of pkmap, fixmap and, of the last PMD, the vectors: all of them, and empty.
  const VirtualRange fixmap = mm::arm::fixmap_of(age);
  for (const VirtualRange& window : {plan.space.pkmap(), fixmap}) {
    for (uint64_t virt = window.start; virt < window.end; virt += kPageSize) {
      ASSERT_NE(tables.page_entry(virt), nullptr) << std::hex << virt;
      ASSERT_EQ(*tables.page_entry(virt), 0u);
    }
  }
  const mm::arm::MemTypeEntry& data = types[MemType::MemoryRw];
  *tables.page_entry(fixmap.start + kPageSize) =
      mm::arm::small_page(Phys{0xf123'4000}, data.how, data.who);
  EXPECT_EQ(*pool.walk(fixmap.start + 0x1010),
            (Page{0xf123'4010, true, false, false, Page::Memory}));
  EXPECT_EQ(tables.translate(fixmap.start + 0x1010)->address, Phys{0xf123'4010});
}

// --- Kinds of memory ---

TEST(ArmMemTypes, OfASmpCpu) {
  const auto types = mm::arm::build_mem_type_table({});
  const auto words = [&](MemType type) {
    const auto& t = types[type];
    return std::pair(mm::arm::section(Phys{}, t.how, t.who),
                     mm::arm::small_page(Phys{}, t.how, t.who));
  };
  // Linux's own words (its ptdump, head.S): 0x1140e is PMD_TYPE_SECT, AP_WRITE, WBWA and S.
  EXPECT_EQ(words(MemType::MemoryRwx), std::pair(0x1140eu, 0x45eu));
  EXPECT_EQ(words(MemType::MemoryRw), std::pair(0x1141eu, 0x45fu));
  EXPECT_EQ(words(MemType::MemoryRo), std::pair(0x1941eu, 0x65fu));
  EXPECT_EQ(words(MemType::Rom), std::pair(0x1940eu, 0x65eu));
  EXPECT_EQ(words(MemType::Device), std::pair(0x10416u, 0x417u));
  EXPECT_EQ(words(MemType::DeviceWc), std::pair(0x11412u, 0x453u));
  EXPECT_EQ(words(MemType::LowVectors).second, 0x65eu);
  EXPECT_EQ(words(MemType::HighVectors).second, 0x67eu);
  EXPECT_STREQ(types.cache_policy, "writealloc");
}

TEST(ArmMemTypes, OfOthers) {
  const auto one = mm::arm::build_mem_type_table({.smp = false});
  const auto& data = one[MemType::MemoryRw];
  EXPECT_EQ(mm::arm::section(Phys{}, data.how, data.who), 0x41eu);  // write-back, not shared
  const auto& device = one[MemType::Device];
  EXPECT_EQ(mm::arm::section(Phys{}, device.how, device.who), 0x10416u);
  const auto remapped = mm::arm::build_mem_type_table({.tex_remap = true});
  const auto& other = remapped[MemType::Device];
  EXPECT_EQ(mm::arm::section(Phys{}, other.how, other.who), 0x11412u);
  const auto& combined = remapped[MemType::DeviceWc];
  EXPECT_EQ(mm::arm::section(Phys{}, combined.how, combined.who), 0x10416u);
  EXPECT_EQ(remapped[MemType::MemoryRwx], mm::arm::build_mem_type_table({})[MemType::MemoryRwx]);
  test::Log log;
  mm::arm::say_memory_policy(Age::Memblock, remapped, log.printer());
  mm::arm::say_memory_policy(Age::Bootmem, one, log.printer());
  EXPECT_EQ(log.text(),
            "Memory policy: Data cache writealloc\n"
            "Memory policy: ECC disabled, Data cache writeback\n");
}

// --- The ages ---

//   0x60000000 0x70000000  0x7ffff800 0x80000000             0x81000000, no hole  0xc0000000
//   |- below --|           |- not a page -|- lowmem ------------|- lowmem, highmem ---|
TEST(ArmBanks, OfE820InBothAges) {
  const Machine m{.space = mm::arm::space_4_14(Phys{0x8000'0000}),
                  .ram = {range(0x6000'0000, 0x7000'0800), range(0x7fff'f800, 0x8100'0000),
                          range(0x8100'0000, 0xc000'0000)},
                  .executable = {},
                  .map_io = {}};
  std::string said;
  EXPECT_EQ(m.banks(Age::Memblock, &said),
            (std::vector<mm::Bank>{{range(0x6000'0000, 0x7000'0000), 0, true},
                                   {range(0x8000'0000, 0xb000'0000), 0, false},
                                   {range(0xb000'0000, 0xc000'0000), 0, true}}));
  EXPECT_EQ(said, "Ignoring memory range 0x60000000 - 0x70000000\n");
  Machine old = m;
  old.space = mm::Arm32Space::linux_2_6(0xc000'0000, 0xf400'0000, Phys{0x8000'0000});
  EXPECT_EQ(old.banks(Age::Bootmem, &said),
            (std::vector<mm::Bank>{{range(0x6000'0000, 0x7000'0000), 0, true},
                                   {range(0x8000'0000, 0xac00'0000), 0, false},
                                   {range(0xac00'0000, 0xc000'0000), 0, true}}));
  EXPECT_EQ(said, "Ignoring RAM at 60000000-6fffffff (below PHYS_OFFSET).\n");
  const std::vector<mm::E820Entry> e820{{range(0x8000'0000, 0x8100'0000), mm::E820Type::Ram},
                                        {range(0x9000'0000, 0x9100'0000), mm::E820Type::Ram}};
  std::array<mm::Bank, 1> one;
  for (const Age age : {Age::Bootmem, Age::Memblock}) {
    EXPECT_FALSE(mm::arm::find_banks(age, m.space, e820, one, {}).ok());
  }
}

// The example of 4.14's account: 512 MiB from 0x60000000 on, PAGE_OFFSET 0x80000000.
TEST(ArmPaging, ThreeAreasToTheByte) {
  Machine m{.space = {.page_offset = 0x8000'0000, .phys_offset = Phys{0x6000'0000}},
            .ram = {range(0x6000'0000, 0x8000'0000)},
            .executable = range(0x6010'0000, 0x60a0'0000),
            .map_io = {}};
  Pool pool;
  run(Age::Memblock, m, 512 * kMiB, pool);
  // The first level, word by word: nothing, RW, the kernel RWX, RW.
  for (uint64_t i = 0; i < 4096; ++i) {
    uint32_t want = 0;
    if (i >= 0x800 && i < 0xa00) {
      const bool kernel = i >= 0x801 && i < 0x80a;
      want = static_cast<uint32_t>(0x6000'0000 + (i - 0x800) * kMiB) | (kernel ? 0x1140e : 0x1141e);
    }
    if ((pool.first(i * kMiB) & 3) == 1) continue;
    ASSERT_EQ(pool.first(i * kMiB), want) << std::hex << i;
  }
  // Tables for pkmap, and two for fixmap, of which the last one has the vectors, too.
  EXPECT_EQ(pool.taken(), 3u);

  mm::arm::Tables tables = pool.tables(Age::Memblock);
  const std::vector<mm::Bank> low = m.banks(Age::Memblock);
  std::array<mm::MappedArea, 8> room;
  const mm::KernelParts parts{Phys{0x6010'0000}, Phys{0x6040'0000}, Phys{0x6060'0000},
                              Phys{0x6080'0000}};
  must(mm::arm::fix_kernmem_perms(tables, m.plan(low), parts, room));
  for (uint64_t i = 0x800; i < 0xa00; ++i) {
    uint32_t bits = 0x1141e;
    if (i >= 0x801 && i < 0x804) bits = 0x1940e;  // text
    if (i >= 0x804 && i < 0x806) bits = 0x1941e;  // rodata
    const auto want = static_cast<uint32_t>(0x6000'0000 + (i - 0x800) * kMiB) | bits;
    ASSERT_EQ(pool.first(i * kMiB), want) << std::hex << i;
  }
}

// As QEMU's virt: RAM from 0x40000000 on, 2 GiB of it, devices below; the kernel outside lowmem.
Machine virt(Age age) {
  return {.space = mm::arm::space_of(age, Phys{0x4000'0000}),
          .ram = {range(0x4000'0000, 0xb000'0000), range(0xb010'0000, 0xc000'0000)},
          .executable = range(0x4a20'0000, 0x4a23'0000),
          .map_io = {{range(0x0900'0000, 0x0900'1000), 0x8900'0000, MemType::Device},
                     {range(0x0800'0000, 0x0820'0000), 0x8800'0000, MemType::Device},
                     {range(0x4a20'0000, 0x4a23'0000), 0xf700'0000, MemType::Rom},
                     {range(0x4a23'0000, 0x4a27'0000), 0xf703'0000, MemType::MemoryRw}}};
}

TEST(ArmPaging, OfVirtInBothAges) {
  {
    Pool pool;
    run(Age::Bootmem, virt(Age::Bootmem), 768 * kMiB, pool);
  }
  Pool pool;
  run(Age::Memblock, virt(Age::Memblock), 768 * kMiB, pool);
}

//   borders that are no section's, lowmem's limit inside a bank, RAM below PHYS_OFFSET
TEST(ArmPaging, OfOddBanksInBothAges) {
  for (const Age age : {Age::Bootmem, Age::Memblock}) {
    Machine m{.space = mm::arm::space_of(age, Phys{0x8000'0000}),
              .ram = {range(0x6000'0000, 0x7000'0000), range(0x8000'0000, 0x8017'f000),
                      range(0x8018'1000, 0x8051'0000), range(0x8060'0000, 0x9030'0000),
                      range(0x9048'0000, 0xc000'0000)},
              .executable = range(0x8070'0000, 0x80b8'0000),
              .map_io = {}};
    // 2.6.34 of another machine, with less of it.
    const bool later = age == Age::Memblock;
    if (!later) m.space.vmalloc_end = 0xf400'0000;
    Pool pool;
    run(age, m, (later ? 768 : 704) * kMiB, pool);
  }
}

// Nothing of the tables may be written and run once it has booted, in any age.
void check_tightened(Age age, const Machine& m, const mm::KernelParts& parts, Pool& pool) {
  mm::arm::Tables tables = pool.tables(age);
  const std::vector<mm::Bank> low = m.banks(age);
  std::vector<mm::MappedArea> room(3 * low.size() + 8);
  uint64_t before = 0;
  for (uint64_t virt = 0; virt < kEnd; virt += kPageSize) {
    const auto page = pool.walk(virt);
    if (page && page->write && page->execute) ++before;
  }
  EXPECT_GT(before, 0u);
  must(mm::arm::fix_kernmem_perms(tables, m.plan(low), parts, room));
  uint64_t text = 0;
  for (uint64_t virt = m.space.page_offset; virt < kEnd; virt += kPageSize) {
    const auto page = pool.walk(virt);
    if (!page) continue;
    ASSERT_FALSE(page->write && page->execute) << std::hex << virt;
    if (virt >= 0xf000'0000) continue;  // the platform's
    const Phys at{page->phys};
    ASSERT_EQ(page->execute, Range(parts.text, parts.rodata).contains(at)) << std::hex << virt;
    ASSERT_EQ(page->write, !Range(parts.text, parts.init).contains(at)) << std::hex << virt;
    if (page->execute) ++text;
  }
  EXPECT_EQ(text, (parts.rodata - parts.text) / kPageSize);
  check_pairs(pool, age);
}

// Machines by chance: up to six pieces of RAM of any whole pages, the kernel in the middle of one.
TEST(ArmPaging, OfMachinesByChanceInBothAges) {
  std::mt19937 random(20100516);
  const auto pages = [&](uint64_t most) { return (random() % most + 1) * kPageSize; };
  for (int round = 0; round < 4; ++round) {
    const Phys offset{(random() % 3 + 1) * kGiB + random() % 4 * 2 * kMiB};
    uint64_t at = offset.v + (random() % 2 == 0 ? 0 : pages(1024));
    std::vector<Range> ram;
    if (random() % 2 == 0) ram.push_back(range(offset.v - 4 * kMiB, offset.v - kMiB));
    const size_t with_kernel = ram.size() + random() % 3;
    uint64_t kernel = 0;
    for (size_t i = ram.size(); i < with_kernel + 3; ++i) {
      const uint64_t start = at;
      uint64_t size = random() % 3 == 0 ? pages(600) : random() % 300 * kMiB + pages(600);
      if (i == with_kernel) {
        kernel = mm::align_up(start + pages(2048), kMiB);
        size = kernel + 16 * kMiB - start + (random() % 2 == 0 ? 0 : pages(70000));
      }
      size = std::min(size, kEnd - start);
      ram.push_back(range(start, start + size));
      at = start + size + (random() % 2 == 0 ? kPageSize : pages(2048));
    }
    const mm::KernelParts parts{Phys{kernel}, Phys{kernel + 3 * kMiB}, Phys{kernel + 4 * kMiB},
                                Phys{kernel + 6 * kMiB}};
    for (const Age age : {Age::Bootmem, Age::Memblock}) {
      SCOPED_TRACE(round);
      const Machine m{.space = mm::arm::space_of(age, offset),
                      .ram = ram,
                      .executable = range(kernel, kernel + 5 * kMiB + 0x3000),
                      .map_io = {}};
      Pool pool;
      run(age, m, 768 * kMiB, pool);
      if (testing::Test::HasFatalFailure()) return;
      check_tightened(age, m, parts, pool);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

// On tables in use: what they had goes, but for the first bank and what is kept.
TEST(ArmPaging, OfTablesInUse) {
  for (const Age age : {Age::Bootmem, Age::Memblock}) {
    const Machine m = virt(age);
    Pool pool;
    mm::arm::Tables tables = pool.tables(age);
    tables.clear_all();
    const auto types = mm::arm::build_mem_type_table({});
    // All of lowmem, more than 2.6.34 has; a firmware's own; vmalloc's; the kernel, elsewhere.
    must(tables.create_mapping({range(0x4000'0000, 0x7000'0000), 0xc000'0000, MemType::MemoryRw},
                               types));
    must(tables.create_mapping({range(0x4000'0000, 0x4100'0000), 0x4000'0000, MemType::MemoryRwx},
                               types));
    must(tables.create_mapping({range(0x7010'0000, 0x7010'1000), 0xf7f0'0000, MemType::MemoryRw},
                               types));
    must(tables.create_mapping({range(0x7110'0000, 0x7110'1000), 0xf600'0000, MemType::MemoryRw},
                               types));
    std::vector<mm::Bank> low = m.banks(age);
    mm::arm::PagingPlan plan = m.plan(low);
    const VirtualRange kept[] = {{0xf7f0'0000, 0xf7f0'1000}};
    plan.kept = kept;
    mm::arm::prepare_page_table(tables, plan);
    EXPECT_FALSE(pool.walk(0x4000'0000));
    EXPECT_EQ(*pool.walk(0xc000'0000), (Page{0x4000'0000, true, false, false, Page::Memory}));
    EXPECT_TRUE(pool.walk(0xf7f0'0000));
    must(mm::arm::map_lowmem(tables, plan, types));
    must(mm::arm::devicemaps_init(tables, plan, types));
    must(mm::arm::kmap_init(tables, plan));
    EXPECT_FALSE(pool.walk(0xf600'0000));
    ASSERT_TRUE(pool.walk(0xf7f0'0000));
    EXPECT_EQ(pool.walk(0xf7f0'0000)->phys, 0x7010'0000u);
    // But for that, all is as on new tables.
    ASSERT_NE(tables.page_entry(0xf7f0'0000), nullptr);
    *tables.page_entry(0xf7f0'0000) = 0;
    check_all(pool, age, m, 768 * kMiB);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// --- Tables ---

TEST(ArmTables, ASectionBesideAPageIsCut) {
  Pool pool;
  mm::arm::Tables tables = pool.tables(Age::Memblock);
  tables.clear_all();
  const auto types = mm::arm::build_mem_type_table({});
  must(tables.create_mapping({range(0x4010'0000, 0x4020'0000), 0xc010'0000, MemType::MemoryRwx},
                             types));
  EXPECT_EQ(pool.first(0xc010'0000), 0x4011'140eu);
  EXPECT_EQ(pool.first(0xc000'0000), 0u);
  must(tables.create_mapping({range(0x4000'5000, 0x4000'6000), 0xc000'5000, MemType::Device},
                             types));
  check_pairs(pool, Age::Memblock);
  EXPECT_EQ(*pool.walk(0xc01f'f008), (Page{0x401f'f008, true, true, false, Page::Memory}));
  EXPECT_EQ(*pool.walk(0xc000'5000), (Page{0x4000'5000, true, false, false, Page::Device}));
  EXPECT_FALSE(pool.walk(0xc000'4000));
  // A section's worth is mapped by pages there, from now on.
  must(tables.create_mapping({range(0x5000'0000, 0x5010'0000), 0xc010'0000, MemType::MemoryRo},
                             types));
  EXPECT_EQ(*pool.walk(0xc010'0000), (Page{0x5000'0000, false, false, false, Page::Memory}));
  check_pairs(pool, Age::Memblock);
  EXPECT_EQ(pool.taken(), 1u);
}

// Both ends are sections' in the one address space, and not in the other.
TEST(ArmTables, WhatIsNotAlignedAlikeIsMappedByPages) {
  Pool pool;
  mm::arm::Tables tables = pool.tables(Age::Memblock);
  tables.clear_all();
  const auto types = mm::arm::build_mem_type_table({});
  must(tables.create_mapping({range(0x4008'0000, 0x4028'0000), 0xc010'0000, MemType::MemoryRw},
                             types));
  for (uint64_t at = 0; at < 2 * kMiB; at += kPageSize) {
    ASSERT_EQ(*pool.walk(0xc010'0000 + at),
              (Page{0x4008'0000 + at, true, false, false, Page::Memory}));
  }
  EXPECT_FALSE(pool.walk(0xc00f'f000));
  EXPECT_FALSE(pool.walk(0xc030'0000));
  // Rights are of what is mapped.
  must(tables.set_rights({0xc000'0000, 0xc040'0000}, false, false));
  EXPECT_FALSE(pool.walk(0xc00f'f000));
  EXPECT_EQ(*tables.page_entry(0xc00f'f000), 0u);
  EXPECT_FALSE(pool.walk(0xc010'0000)->write);
  EXPECT_EQ(pool.taken(), 2u);
}

TEST(ArmTables, RightsChangeAtBordersThatThereAre) {
  Pool pool;
  mm::arm::Tables tables = pool.tables(Age::Bootmem);
  tables.clear_all();
  const auto types = mm::arm::build_mem_type_table({});
  must(tables.create_mapping({range(0x4000'0000, 0x4080'0000), 0xc000'0000, MemType::MemoryRwx},
                             types));
  const auto inside = tables.set_rights({0xc030'1000, 0xc040'0000}, false, true);
  ASSERT_FALSE(inside.ok());
  EXPECT_EQ(inside.error().a, 0xc030'1000u);
  EXPECT_EQ(*pool.walk(0xc030'1000), (Page{0x4030'1000, true, true, false, Page::Memory}));
  EXPECT_FALSE(tables.set_rights({0xc000'0000, 0xc000'0800}, false, true).ok());
  must(tables.give_tables(0xc030'1000));
  must(tables.set_rights({0xc010'0000, 0xc030'1000}, false, true));
  must(tables.set_rights({0xc030'1000, kEnd}, true, false));
  EXPECT_EQ(*pool.walk(0xc00f'f000), (Page{0x400f'f000, true, true, false, Page::Memory}));
  EXPECT_EQ(*pool.walk(0xc010'0000), (Page{0x4010'0000, false, true, false, Page::Memory}));
  EXPECT_EQ(*pool.walk(0xc030'0fff), (Page{0x4030'0fff, false, true, false, Page::Memory}));
  EXPECT_EQ(*pool.walk(0xc030'1000), (Page{0x4030'1000, true, false, false, Page::Memory}));
  EXPECT_EQ(*pool.walk(0xc07f'f000), (Page{0x407f'f000, true, false, false, Page::Memory}));
  EXPECT_FALSE(pool.walk(0xc080'0000));
  check_pairs(pool, Age::Bootmem);
}

TEST(ArmTables, BadMappingsAreNamed) {
  Pool pool;
  mm::arm::Tables tables = pool.tables(Age::Memblock);
  tables.clear_all();
  const auto types = mm::arm::build_mem_type_table({});
  const auto fails = [&](Range physical, uint64_t virt) {
    return !tables.create_mapping({physical, virt, MemType::MemoryRw}, types).ok();
  };
  EXPECT_TRUE(fails(range(0x4000'0800, 0x4000'1000), 0xc000'0000));
  EXPECT_TRUE(fails(range(0x4000'0000, 0x4000'1000), 0xc000'0800));
  EXPECT_TRUE(fails(range(0x4000'0000, 0x4000'2000), 0xffff'f000));
  EXPECT_TRUE(fails(range(0xffff'f000, 0x1'0000'1000), 0xc000'0000));
  EXPECT_FALSE(fails(range(0xffff'f000, 0x1'0000'0000), 0xffff'f000));
  EXPECT_FALSE(tables.translate(kEnd));
  pool.end = pool.next;
  EXPECT_TRUE(fails(range(0x4000'0000, 0x4000'1000), 0xc000'0000));

  Machine m = virt(Age::Memblock);
  const std::vector<mm::Bank> high{{range(0x4000'0000, 0x8000'0000)}};
  EXPECT_FALSE(mm::arm::map_lowmem(tables, m.plan(high), types).ok());
}

// --- What Linux prints ---

TEST(ArmPaging, TheLayoutInWords) {
  test::Log log;
  const Machine m = virt(Age::Memblock);
  const auto low = m.banks(Age::Memblock);
  mm::arm::print_layout(Age::Memblock, m.plan(low), log.printer());
  EXPECT_EQ(log.take(), R"(Virtual kernel memory layout:
    vector  : 0xffff0000 - 0xffff1000   (   4 kB)
    fixmap  : 0xffc00000 - 0xfff00000   (3072 kB)
    vmalloc : 0xf0800000 - 0xff800000   ( 240 MB)
    lowmem  : 0xc0000000 - 0xf0000000   ( 768 MB)
    pkmap   : 0xbfe00000 - 0xc0000000   (   2 MB)
    modules : 0xbf000000 - 0xbfe00000   (  14 MB)
)");
  const Machine old = virt(Age::Bootmem);
  const auto old_low = old.banks(Age::Bootmem);
  mm::arm::print_layout(Age::Bootmem, old.plan(old_low), log.printer());
  EXPECT_EQ(log.take(), R"(Virtual kernel memory layout:
    vector  : 0xffff0000 - 0xffff1000   (   4 kB)
    fixmap  : 0xfff00000 - 0xfffe0000   ( 896 kB)
    vmalloc : 0xf0800000 - 0xf8000000   ( 120 MB)
    lowmem  : 0xc0000000 - 0xf0000000   ( 768 MB)
    pkmap   : 0xbfe00000 - 0xc0000000   (   2 MB)
    modules : 0xbf000000 - 0xbfe00000   (  14 MB)
)");
  // 300.5 MiB: VMALLOC_START is the next multiple of 8 MiB, but one that is more than nothing away.
  const std::vector<mm::Bank> small{{range(0x4000'0000, 0x52c8'0000)}};
  EXPECT_EQ(mm::arm::vmalloc_start(m.plan(small)), 0xd300'0000u);
}

}  // namespace
