// Any calls of mm/'s C ABI, on a machine of any nodes and reservations: beside it a plain list of what was
// given out, with which every answer agrees, and in the end all memory is back.
#include "include/baton/mm.h"

#include <cstdlib>
#include <map>
#include <memory>

#include "tests/fuzz/target.h"
#include "tools/replay/pretend_memory.h"

namespace {

using fuzz::check;

constexpr uint64_t kPage = BATON_MM_PAGE, kMiB = 1 << 20, kEnd = 160 * kMiB;

class Machine {
 public:
  explicit Machine(fuzz::Input& input) {
    baton_mm_setup setup;
    baton_mm_defaults(&setup, sizeof setup);
    const uint64_t hole = 32 * kMiB + input.byte() * 16 * kPage;
    const baton_e820_entry e820[] = {{hole + input.byte() * kPage, kEnd, BATON_E820_RAM, 0},
                                     {0, hole, BATON_E820_RAM, 0}};
    const uint64_t used = kMiB + input.byte() * kPage;
    const baton_reservation reserved[] = {{used, used + (1 + input.byte()) * kPage, "KERNEL", 0},
                                          {20 * kMiB, 21 * kMiB, "INITRD", 0}};
    const uint64_t border = (64 + input.byte() % 64) * kMiB;
    const baton_mm_affinity nodes[] = {{0, border, 0, 0}, {border, kEnd, 1, 0}};
    setup.machine = input.byte() % 2 == 0 ? BATON_MM_X86_64 : BATON_MM_AARCH64;
    setup.e820 = e820;
    setup.e820_count = std::size(e820);
    setup.reservations = reserved;
    setup.reservation_count = std::size(reserved);
    setup.affinities = nodes;
    setup.affinity_count = input.byte() % 2 == 0 ? 0 : std::size(nodes);
    setup.direct_map = reinterpret_cast<uintptr_t>(memory_.map().at(mm::Phys{0}));
    const size_t size = baton_mm_size(&setup);
    place_.reset(std::aligned_alloc(64, (size + 63) / 64 * 64));
    check(baton_mm_open(place_.get(), size, &setup, &mm_, &error_) == BATON_MM_OK);
    before_ = counts();
  }

  void call(fuzz::Input& input) {
    const uint8_t what = input.byte();
    switch (what % 8) {
      case 0:
      case 1:
      case 2:
        return allocate(input);
      case 3:
      case 4:
        return free_one(input);
      case 5:
        return free_anything(input);
      case 6:
        return allocate_at(input);
      default:
        return look(input, what);
    }
  }

  void end() {
    while (!blocks_.empty()) free_block(blocks_.begin());
    baton_mm_drain(mm_, 0);
    check_sound();
    const baton_mm_counts now = counts();
    check(now.allocated == 0 && now.free == before_.free + given_back_ &&
          now.managed == before_.managed + given_back_);
  }

 private:
  using Blocks = std::map<uint64_t, unsigned>;

  [[nodiscard]] baton_mm_counts counts() const {
    baton_mm_counts counts{};
    check(baton_mm_count(mm_, BATON_MM_ALL_NODES, &counts) == BATON_MM_OK);
    return counts;
  }
  // Whether any page of a range is given out.
  [[nodiscard]] bool is_taken(uint64_t start, uint64_t end) const {
    return std::any_of(blocks_.begin(), blocks_.end(), [&](const auto& block) {
      return block.first < end && start < block.first + (kPage << block.second);
    });
  }

  void allocate(fuzz::Input& input) {
    const unsigned order = input.byte() % 20, node = input.byte() % 3;
    // Zeros of a few pages are like those of many, and there soon.
    const unsigned flags = input.byte() & (order < 6 ? 0x7f : 0x7f & ~BATON_MM_ZERO);
    const bool waits = input.byte() % 2 == 0;
    uint64_t at = ~uint64_t{0};
    const int answer = waits ? baton_mm_alloc(mm_, 0, order, node, flags, &at)
                             : baton_mm_try_alloc(mm_, 0, order, node, flags, &at);
    if (answer != BATON_MM_OK) {
      check(answer == BATON_MM_NO_MEMORY || answer == BATON_MM_BAD_REQUEST ||
            answer == BATON_MM_BUSY);
      return;
    }
    check(order <= BATON_MM_MOST_ORDER && at % (kPage << order) == 0);
    check(at + (kPage << order) <= kEnd && !is_taken(at, at + (kPage << order)));
    if ((flags & BATON_MM_ZERO) != 0) {
      for (uint64_t page = at; page < at + (kPage << order); page += kPage) {
        check(*memory_.map().at<uint64_t>(mm::Phys{page}) == 0);
      }
    }
    // What is written there does not come back as zeros.
    *memory_.map().at<uint64_t>(mm::Phys{at}) = ~at;
    uint64_t* const word = baton_mm_word(mm_, at);
    check(word != nullptr);
    *word = at * 3;
    blocks_[at] = order;
  }

  void free_block(Blocks::iterator block) {
    uint64_t* const word = baton_mm_word(mm_, block->first);
    check(word != nullptr && *word == block->first * 3);
    check(baton_mm_free(mm_, 0, block->first, block->second, &error_) == BATON_MM_OK);
    check(baton_mm_word(mm_, block->first) == nullptr);
    blocks_.erase(block);
  }
  void free_one(fuzz::Input& input) {
    if (blocks_.empty()) return;
    free_block(std::next(blocks_.begin(), static_cast<long>(input.byte() % blocks_.size())));
  }
  // Of any address and order: taken back is only what was given out so.
  void free_anything(fuzz::Input& input) {
    const uint64_t at = input.number<uint32_t>() * uint64_t{512};
    const unsigned order = input.byte() % 20;
    const auto block = blocks_.find(at);
    const bool right = block != blocks_.end() && block->second == order;
    const int answer = baton_mm_free(mm_, 0, at, order, &error_);
    check((answer == BATON_MM_OK) == right);
    if (right) blocks_.erase(block);
  }
  void allocate_at(fuzz::Input& input) {
    const uint64_t start = input.number<uint16_t>() * kPage;
    const uint64_t end = start + input.byte() * kPage;
    const int answer = baton_mm_alloc_at(mm_, 0, start, end, &error_);
    if (answer != BATON_MM_OK) return;
    check(!is_taken(start, end) && end > start && end <= kEnd);
    check(baton_mm_free_range(mm_, 0, start, end, &error_) == BATON_MM_OK);
  }
  void look(fuzz::Input& input, uint8_t what) {
    if (what >= 0xf0 && given_back_ == 0) {
      check(baton_mm_give_back(mm_, "INITRD", &error_) == BATON_MM_OK);
      given_back_ = kMiB / kPage;
    } else if (what >= 0xe0) {
      baton_mm_drain(mm_, 0);
    }
    std::array<char, 80> text{};
    (void)baton_mm_explain(mm_, input.number<uint32_t>(), text.data(), text.size());
    check(std::find(text.begin(), text.end(), '\0') != text.end());
    uint64_t pages = 0;
    for (const auto& [at, order] : blocks_) pages += uint64_t{1} << order;
    check(counts().allocated == pages);
  }
  void check_sound() {
    check(baton_mm_audit(mm_, &error_) == BATON_MM_OK);
    check(baton_mm_ledger(mm_, &error_) == BATON_MM_OK);
  }

  struct Freed {
    void operator()(void* place) const { std::free(place); }
  };
  replay::PretendMemory memory_{mm::Phys{kEnd}};
  std::unique_ptr<void, Freed> place_;
  baton_mm* mm_ = nullptr;
  baton_mm_error error_{};
  baton_mm_counts before_{};
  uint64_t given_back_ = 0;
  Blocks blocks_;
};

}  // namespace

FUZZ_TARGET(mm_library) {
  fuzz::Input input(data, size);
  Machine machine(input);
  while (!input.empty()) machine.call(input);
  machine.end();
}
