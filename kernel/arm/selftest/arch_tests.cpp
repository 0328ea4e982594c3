// The kernel's tests that this architecture alone has.
#include "kernel/arm/zero_page.h"
#include "kernel/narrow/selftest/highmem_tests.h"
#include "kernel/page_walk.h"
#include "kernel/selftest/zone_probe.h"
#include "mm/arm/space.h"

namespace kernel {
namespace {

using mm::Phys;

// The page at 0xffff0000 is the one that is run: read-only, and a fault that is taken comes from there.
Verdict test_vectors(Booted&) {
  const auto mapping = arch::find_mapping(mm::arm::kVectors.start);
  if (!mapping) return Verdict::fail("nothing is mapped at {:#x}", mm::arm::kVectors.start);
  if (mapping->writable || !mapping->executable) {
    return Verdict::fail("the page at {:#x} can be written or cannot be run", mapping->virt);
  }
  if (arch::can_write(mm::arm::kVectors.start)) {
    return Verdict::fail("the page at {:#x} could be written", mapping->virt);
  }
  if ((arch::common_registers()[0].value & 1u << 13) == 0) {
    return Verdict::fail("SCTLR.V is clear: exceptions go elsewhere");
  }
  // Nothing stands in the last page of all: the fault comes back by the vectors.
  constexpr uint64_t kNowhere = 0xffff'f000;
  if (arch::can_read(kNowhere)) return Verdict::fail("{:#x} can be read", kNowhere);
  return Verdict::pass();
}

// Three frames, which are given back.
class ThreeFrames {
 public:
  explicit ThreeFrames(Pages& pages) : pages_(pages) {}
  ~ThreeFrames() {
    for (size_t i = 0; i < count_; ++i) (void)pages_.free_pages(arch::this_cpu(), frames_[i], 0);
  }
  ThreeFrames(const ThreeFrames&) = delete;
  ThreeFrames& operator=(const ThreeFrames&) = delete;
  bool take() {
    while (count_ < frames_.size()) {
      const mm::PagesOr frame =
          pages_.alloc_pages(arch::this_cpu(), mm::kGfpKernel | mm::kGfpFlagZero, 0, mm::NodeId{0});
      if (!frame) return false;
      frames_[count_++] = frame.value();
    }
    return true;
  }
  [[nodiscard]] Phys at(size_t i) const { return mm::phys(frames_[i]); }

 private:
  Pages& pages_;
  std::array<mm::Pfn, 3> frames_{};
  size_t count_ = 0;
};

// Where a program would be; reading finds zeroes, the first write makes a copy, and the zero page stays.
Verdict test_zero_page(Booted& machine) {
  constexpr uint32_t kProgram = 0x1'0000;
  constexpr uint64_t kMark = 0x6261'746f'6e21'0000;
  ThreeFrames frames(machine.relay.pages());
  if (!frames.take()) return Verdict::fail("no memory for {} frames", 3);
  const Phys zero = frames.at(0), copy = frames.at(1), table = frames.at(2);
  if (!arm::map_zero_page(kProgram, zero, copy, table)) {
    return Verdict::skip("a device or a table stands where programs do");
  }
  auto* const words = reinterpret_cast<volatile uint64_t*>(kProgram);  // NOLINT: an address
  Verdict verdict = Verdict::pass();
  for (size_t i = 0; i < mm::kPageSize / sizeof(uint64_t) && verdict.passed(); ++i) {
    if (words[i] != 0) verdict = Verdict::fail("word {} of the zero page is {:#x}", i, words[i]);
  }
  if (arm::zero_page_was_copied()) verdict = Verdict::fail("reading made a copy");
  words[3] = kMark;
  const auto* const of_zero = machine.relay.map().at<const volatile uint64_t>(zero);
  const auto* const of_copy = machine.relay.map().at<const volatile uint64_t>(copy);
  const auto mapping = arch::find_mapping(kProgram);
  if (verdict.passed() && !arm::zero_page_was_copied()) {
    verdict = Verdict::fail("writing at {:#x} did not fault", kProgram);
  } else if (verdict.passed() && (!mapping || mapping->phys != copy.v || !mapping->writable)) {
    verdict = Verdict::fail("the copy is not mapped at {:#x}", kProgram);
  } else if (verdict.passed() && (words[3] != kMark || of_copy[3] != kMark)) {
    verdict = Verdict::fail("what was written is not in the copy ({:#x})", of_copy[3]);
  } else if (verdict.passed() && of_zero[3] != 0) {
    verdict = Verdict::fail("the zero page was written ({:#x})", of_zero[3]);
  }
  arm::unmap_zero_page(table);
  if (verdict.passed() && arch::find_mapping(kProgram)) {
    verdict = Verdict::fail("{:#x} is still mapped", kProgram);
  }
  return verdict;
}

constexpr KernelTest kTests[] = {
    {{"kernel.vectors", "exceptions come to the page at 0xffff0000", loader::Severity::High,
      "ARM ARM section B1.8.1; SCTLR.V", kOurs},
     test_vectors},
    {{"kernel.zero-page", "the zero page is read by all, and copied for who writes",
      loader::Severity::High, "Linux: empty_zero_page", kOurs},
     test_zero_page},
    kHighmemFramesTest,
    kHighmemKeptTest,
};

}  // namespace

std::span<const KernelTest> arch_kernel_tests() { return kTests; }

}  // namespace kernel
