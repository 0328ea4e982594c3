// How much of its own memory the allocator touches when half of 4 GiB is taken, in pages of 4 KiB:
// all of pretend RAM that exists by then, as nobody touches what is allocated. `make bench`.
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tests/bench/allocators.h"

namespace {

using Baton = bench::Baton<mm::OneCpu>;

uint64_t touched_kib(const Baton& baton) {
  const auto& memory = baton.memory();
  std::vector<unsigned char> there(memory.size() / mm::kPageSize);
  if (mincore(memory.map().at<>(mm::Phys{0}), memory.size(), there.data()) != 0) std::abort();
  uint64_t pages = 0;
  for (const unsigned char page : there) pages += page & 1;
  return pages * (mm::kPageSize / mm::kKiB);
}

void print(const char* name, uint64_t kib) {
  std::printf("BENCH metadata.%s %.1f KiB/GiB\n", name, static_cast<double>(kib) / 4);
}

void measure(unsigned order) {
  Baton baton(1);
  if (order == 0) print("start", touched_kib(baton));
  for (uint64_t i = 0; i < bench::kHalf >> order; ++i) {
    if (baton.get(0, order) < 0) std::abort();
  }
  print(("o" + std::to_string(order)).c_str(), touched_kib(baton));
}

}  // namespace

int main() {
  // A huge page of the host's would hide which pages of it were touched.
  if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) std::perror("transparent huge pages stay on");
  std::printf("Memory touched by the allocator itself, half of 4 GiB taken:\n");
  measure(0);
  measure(mm::kPageblockOrder);
}
