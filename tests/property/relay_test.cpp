// Random machines through the whole relay, on both roads, against the model.
//
// BATON_MACHINES=n runs n machines of each kind (5,000 of 64 bits and 500 of each other without
// it); BATON_SEED=n runs only the machine n of each, which is what a failure says to do. BATON_MOST=n:
// they have n GiB at most (8 and more), for a process to which addresses are dear, as qemu-user keeps
// an entry for each page that it maps.
#include "mm/relay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "mm/audit.h"
#include "mm/page_alloc.h"
#include "mm/relay_ledger.h"
#include "tests/property/expected_layout.h"
#include "tests/property/model.h"
#include "tests/property/random_machine.h"
#include "tests/support/pretend_memory.h"
#include "tests/support/relayed.h"

namespace {

using mm::Pfn;
using mm::PfnRange;
using test::Kind;
using test::Model;
using test::must;
using test::RandomMachine;

// Every free block: frame -> order.
using Buddy = std::map<uint64_t, unsigned>;

class Run {
 public:
  Run(const RandomMachine& machine, mm::Road road)
      : machine_(machine),
        storage_(mm::E820Table::capacity_for(machine.e820.size())),
        memory_(machine.end_of_touched(), machine.kind.first),
        relay(machine.kind.platform, memory_.map(), mm::Printer()) {
    mm::E820Table e820(storage_);
    for (const mm::E820Entry& e : machine.e820) must(e820.append(e.range, e.type));
    must(relay.take_over(e820.entries(), machine.reservations, machine.kind.reach,
                         machine.kind.end_of_low));
    firmware_ = test::firmware_ram(machine.e820, relay.e820());
    if (machine.kind.platform.trim != nullptr) must(relay.trim());
    mm::NumaInput input;
    input.memory = machine.srat;
    input.named = machine.named;
    input.mirrored = machine.mirrored;
    must(relay.find_nodes(input));
    must(relay.lay_out(machine.movable, machine.cpus, {}, window(machine)));
    lie();
    must(relay.start_boot_allocator(road));
    must(relay.build_zones(mm::Distances(), mm::NodeOrder::Distance));
  }

  [[nodiscard]] mm::Phys end_of_low() const { return machine_.kind.end_of_low; }

  void hand_over() { must(relay.hand_over()); }

  void audit(const char* when) {
    const auto audited = mm::audit(relay.pages());
    if (!audited.ok())
      throw std::runtime_error(std::string(when) + test::describe(audited.error()));
    test::Log log;
    const auto closed =
        mm::close_ledger(relay, relay.pages(), {.firmware = firmware_}, log.printer());
    if (!closed.ok()) throw std::runtime_error(std::string(when) + log.text());
  }

  [[nodiscard]] Buddy buddy() const {
    Buddy blocks;
    relay.pages().for_each_free_block([&](const mm::FreeBlock& block) {
      blocks[block.pfn.v] = block.order;
      return true;
    });
    return blocks;
  }

  // Takes and returns blocks; in the end nothing is taken.
  void storm() {
    std::mt19937_64 random(machine_.seed);
    std::vector<std::pair<Pfn, unsigned>> held;
    for (int i = 0; i < 120; ++i) {
      if (held.empty() || random() % 5 < 3) {
        const unsigned order = random() % 3 != 0 ? 0 : static_cast<unsigned>(random() % 12);
        const mm::Gfp gfp = random() % 2 == 0 ? mm::kGfpKernel | mm::kGfpFlagNoWarn
                                              : mm::kGfpUser | mm::kGfpFlagMovable |
                                                    mm::kGfpFlagHighMem | mm::kGfpFlagNoWarn;
        const auto pages = relay.pages().alloc_pages(0, gfp, order, 0);
        if (!pages.ok()) continue;
        check_free_to_take(pages.value(), order);
        held.emplace_back(pages.value(), order);
      } else {
        const size_t which = random() % held.size();
        give(held[which]);
        held[which] = held.back();
        held.pop_back();
      }
    }
    audit("in the storm: ");
    for (const auto& block : held) give(block);
    relay.pages().drain_all();
    audit("after the storm: ");
  }

 private:
  void give(const std::pair<Pfn, unsigned>& block) {
    const auto freed = relay.pages().free_pages(0, block.first, block.second);
    if (!freed.ok()) throw std::runtime_error("free: " + test::describe(freed.error()));
  }

  // No reserved frame is ever handed out.
  void check_free_to_take(Pfn pfn, unsigned order) const {
    const mm::Range bytes = mm::phys(PfnRange{pfn, pfn + (uint64_t{1} << order)});
    if (relay.reservations().overlapping(bytes) != nullptr ||
        !relay.e820().all(bytes, mm::E820Type::Ram)) {
      throw std::runtime_error("handed out what is not free: " + std::to_string(pfn.v));
    }
  }

  // Memory that was never written may hold anything: here, what looks like blocks. As much of it as
  // is quick, around the borders, where it matters.
  void lie() {
    std::mt19937_64 random(machine_.seed);
    for (const mm::NodeLayout& node : relay.layout().nodes) {
      std::memset(memory_.map().at<>(node.node_data.start), 0xa5, node.node_data.size());
      if (node.spanned.empty()) continue;
      for (const mm::ActiveRange& range : relay.layout().active) {
        if (range.node != node.id) continue;
        lie_about(node, {range.pfns.start, std::min(range.pfns.start + 2048, range.pfns.end)},
                  random);
        const uint64_t tail = std::min<uint64_t>(2048, range.pfns.size());
        lie_about(node, {range.pfns.end - tail, range.pfns.end}, random);
        if (range.pfns.start.v > 0) {
          lie_about(node,
                    {align_down(range.pfns.start - 1, mm::kPagesPerSection), range.pfns.start},
                    random, 1024);
        }
      }
      for (const mm::Reservation& r : relay.reservations().entries()) {
        // In the pageblocks at both ends, and in the first and last that are reserved whole.
        const Pfn start = mm::align_down(mm::pfn_down(r.range.start), 512);
        const Pfn end = mm::align_up(mm::pfn_up(r.range.end), 512);
        lie_about(node, {start, start + 1024}, random);
        lie_about(node, {Pfn{std::max<uint64_t>(end.v, 1024) - 1024}, end}, random);
      }
    }
  }

  // At most the last `most` frames of the range.
  void lie_about(const mm::NodeLayout& node, PfnRange frames, std::mt19937_64& random,
                 uint64_t most = 4096) {
    frames = frames.clip(mm::mem_map_frames(node));
    if (frames.empty()) return;
    if (frames.size() > most) frames.start = frames.end - most;
    auto* pages = node.mem_map.at<mm::Page>(memory_.map());
    for (Pfn f = frames.start; f < frames.end; f += 1) {
      if (!mm::pfn_valid(relay.layout().active, f)) continue;
      const uint64_t r = random();
      const unsigned fits =
          std::min(18u, static_cast<unsigned>(std::countr_zero(f.v | uint64_t{1} << 18)));
      const unsigned order = r % 3 == 0 ? fits : static_cast<unsigned>((r >> 8) % (fits + 1));
      mm::ZoneType zone = mm::kAllZones[r % mm::kZoneTypes];
      for (const mm::ZoneType z : mm::kAllZones) {
        if (node.zones[z].spanned.contains(f)) zone = z;
      }
      const mm::Tag tag{r % 4 == 0 ? mm::BlockState::Allocated : mm::BlockState::Free, order, zone,
                        node.id};
      pages[f - node.mem_map_start] = {tag.word(), static_cast<uint32_t>(r >> 16) & 3,
                                       static_cast<uint32_t>(r >> 20) % 4096,
                                       static_cast<uint32_t>(r >> 40) % 4096};
    }
  }

  // Every other machine's mem_map is in pieces.
  mm::Window window(const RandomMachine& machine) {
    mm::Window window = memory_.window();
    window.always = machine.e820.size() % 2 != 0;
    return window;
  }

  const RandomMachine& machine_;
  std::vector<mm::E820Entry> storage_;
  test::PretendMemory memory_;
  mm::FirmwareRam firmware_;

 public:
  mm::Relay<mm::OneCpu> relay;
};

// Whose each frame is: RAM and not reserved is free, and nothing else.
void expect_owners(const Model& model, const Run& run) {
  uint64_t free = 0;
  for (const Model::Stretch& s : model.stretches()) {
    if (!s.ram) {
      ASSERT_NE(run.relay.pages().owner_of(s.frames.start).use, mm::FrameUse::Free);
      ASSERT_NE(run.relay.pages().owner_of(s.frames.end - 1).use, mm::FrameUse::Reserved);
      continue;
    }
    // Reservations the relay itself made cut stretches again.
    Pfn at = s.frames.start;
    while (at < s.frames.end) {
      const mm::Range rest = mm::phys(PfnRange{at, s.frames.end});
      const mm::Reservation* next = run.relay.reservations().overlapping(rest);
      const Pfn until =
          next == nullptr ? s.frames.end : std::max(at, mm::pfn_down(next->range.start));
      if (at < until) {
        free += until - at;
        for (const Pfn f : {at, until - 1}) {
          const mm::FrameOwner owner = run.relay.pages().owner_of(f);
          ASSERT_EQ(owner.use, mm::FrameUse::Free) << "frame " << f.v;
          ASSERT_EQ(owner.node, s.node) << "frame " << f.v;
        }
      }
      at = until;
      if (next == nullptr) continue;
      ASSERT_EQ(run.relay.pages().owner_of(at).use, mm::FrameUse::Reserved) << "frame " << at.v;
      at = std::min(s.frames.end, mm::pfn_up(next->range.end));
    }
  }
  ASSERT_EQ(run.relay.pages().counts().free, free);
}

// Memblock with arrays as small as can be, so that they grow, gives the same frames.
void expect_memblock(Run& run, const mm::DirectMap& map, const Buddy& buddy) {
  std::vector<mm::MemblockRegion> memory(4);
  std::vector<mm::MemblockRegion> reserved(4);
  mm::Memblock memblock(memory, reserved);
  memblock.allow_resize(map);
  memblock.set_current_limit(run.end_of_low());
  must(mm::memblock_from(memblock, run.relay.numa().active, run.relay.reservations().entries()));
  std::map<uint64_t, uint64_t> runs;
  mm::free_all_memblock(memblock, run.relay.layout(), [&](mm::NodeId, PfnRange frames) {
    ASSERT_TRUE(runs.emplace(frames.start.v, frames.end.v).second);
  });
  uint64_t from_buddy = 0;
  uint64_t from_memblock = 0;
  for (const auto& [pfn, order] : buddy) {
    from_buddy += uint64_t{1} << order;
    auto at = runs.upper_bound(pfn);
    uint64_t covered = pfn;
    while (at != runs.begin() && std::prev(at)->second > covered) {
      covered = std::prev(at)->second;
      at = runs.find(covered);
      if (at == runs.end() || covered >= pfn + (uint64_t{1} << order)) break;
      ++at;
    }
    ASSERT_GE(covered, pfn + (uint64_t{1} << order)) << "block " << pfn << " order " << order;
  }
  for (const auto& [start, end] : runs) from_memblock += end - start;
  ASSERT_EQ(from_memblock, from_buddy);
}

enum class Outcome { Ran, NoRoom };

Outcome run_one(const RandomMachine& machine) {
  const Model model(machine);
  std::unique_ptr<Run> bitmap;
  std::unique_ptr<Run> ranges;
  try {
    bitmap = std::make_unique<Run>(machine, mm::Road::Bootmem);
    ranges = std::make_unique<Run>(machine, mm::Road::Memblock);
  } catch (const std::runtime_error& error) {
    // A machine may be too small or too sparse for its own structures; the error says so.
    if (std::string(error.what()).find("no room") != std::string::npos) return Outcome::NoRoom;
    if (std::string(error.what()).find("no whole frame") != std::string::npos) {
      return Outcome::NoRoom;
    }
    throw;
  }
  test::expect_layout(model, machine.kind, ranges->relay);
  test::expect_mirrors(machine, ranges->relay);
  if (testing::Test::HasFatalFailure()) return Outcome::Ran;
  bitmap->hand_over();
  ranges->hand_over();
  ranges->audit("handed over: ");
  bitmap->audit("handed over: ");
  const Buddy buddy = ranges->buddy();
  EXPECT_EQ(bitmap->buddy(), buddy);
  expect_owners(model, *ranges);
  expect_owners(model, *bitmap);
  expect_memblock(*ranges, ranges->relay.map(), buddy);
  ranges->storm();
  EXPECT_EQ(ranges->buddy(), buddy) << "after the storm";
  return Outcome::Ran;
}

uint64_t number(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

// So many of a kind, or as many as were asked for.
void run_machines(Kind (*kind_of)(uint64_t seed), uint64_t many) {
  const bool one = std::getenv("BATON_SEED") != nullptr;
  const uint64_t first = number("BATON_SEED", 0);
  const uint64_t count = one ? 1 : number("BATON_MACHINES", many);
  uint64_t ran = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Kind kind = kind_of(seed);
    kind.most = std::min(kind.most, number("BATON_MOST", ~uint64_t{0} / mm::kGiB) * mm::kGiB);
    const RandomMachine machine(seed, kind);
    try {
      ran += run_one(machine) == Outcome::Ran ? 1 : 0;
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    if (testing::Test::HasFailure()) {
      FAIL() << machine.draw() << "again with: BATON_SEED=" << seed << " build/host/property_tests";
    }
  }
  std::printf("%llu machines, seeds %llu to %llu, %llu of them with room for their structures\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + count - 1),
              static_cast<unsigned long long>(ran));
  if (!one) {
    EXPECT_GT(ran * 10, count * 9);
  }
}

TEST(Property, RandomMachines) {
  NEEDS_64_BITS("their RAM has more addresses");
  ASSERT_GE(number("BATON_MOST", 8), 8u) << "BATON_MOST: too few for all zones";
  run_machines(test::pc_of_64_bits, 5000);
}

TEST(Property, PcsWithPae) { run_machines(test::pc_with_pae, 500); }

TEST(Property, PcsWithoutPae) { run_machines(test::pc_without_pae, 500); }

TEST(Property, ArmsOf32Bits) { run_machines(test::arm, 500); }

}  // namespace
