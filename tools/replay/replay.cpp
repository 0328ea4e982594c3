// Replays a machine: takes what its firmware said about memory through mm/, prints the log that
// makes and a picture of where everything lies.
//
//   build/host/replay [--road=bootmem|memblock] [--columns=N] FILE
//
// FILE is the log of a Linux boot (dmesg), or a machine's facts as in tests/machines/.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "mm/page_alloc.h"
#include "mm/relay.h"
#include "mm/relay_ledger.h"
#include "tests/support/drawn_machine.h"
#include "tests/support/machine_file.h"
#include "tests/support/one_cpu.h"
#include "tests/support/pretend_memory.h"
#include "tools/replay/picture.h"

namespace {

using test::must;

struct Options {
  std::string file;
  mm::Road road = mm::Road::Memblock;
  unsigned columns = 64;
};

Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--road=bootmem") {
      options.road = mm::Road::Bootmem;
    } else if (word == "--road=memblock") {
      options.road = mm::Road::Memblock;
    } else if (std::sscanf(word.c_str(), "--columns=%u", &options.columns) == 1) {
      if (options.columns == 0 || options.columns > 1000) {
        throw std::runtime_error("--columns is from 1 to 1000");
      }
    } else if (word.starts_with("-") || !options.file.empty()) {
      throw std::runtime_error("usage: replay [--road=bootmem|memblock] [--columns=N] FILE");
    } else {
      options.file = word;
    }
  }
  if (options.file.empty()) {
    throw std::runtime_error("usage: replay [--road=bootmem|memblock] [--columns=N] FILE");
  }
  return options;
}

// What a file says of its machine.
struct Said {
  std::vector<mm::E820Entry> firmware;
  std::vector<mm::E820Entry> e820;
  std::vector<mm::MemoryAffinity> srat;
  mm::NodeSet named;
  std::vector<mm::Range> trims;
};

Said read(const std::string& path) {
  Said said;
  const auto take = [&said](const auto& machine) {
    said.e820.assign(machine.e820.entries().begin(), machine.e820.entries().end());
    said.srat = machine.srat;
    said.named = machine.named;
  };
  if (path.ends_with(".machine")) {
    const test::MachineFile file(path);
    take(file);
    said.firmware = file.said;
    said.trims = file.trims;
    return said;
  }
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + " cannot be read");
  std::stringstream log;
  log << file.rdbuf();
  const test::DrawnMachine drawn(log.str());
  take(drawn);
  said.firmware = drawn.firmware;
  if (said.e820.empty()) throw std::runtime_error(path + " has no BIOS-e820 line");
  // RAM that Linux gave up for want of an MTRR ends at 4 GiB.
  std::istringstream lines(log.str());
  for (std::string line; std::getline(lines, line);) {
    unsigned long start = 0;
    const char* update = std::strstr(line.c_str(), "update [mem ");
    if (update != nullptr && std::strstr(update, "-0xffffffff] usable ==> reserved") != nullptr &&
        std::sscanf(update, "update [mem %lx", &start) == 1) {
      said.trims.push_back({mm::Phys{start}, mm::Phys{4 * mm::kGiB}});
    }
  }
  return said;
}

void print_buddyinfo(const mm::PageAllocatorCore& pages) {
  for (const mm::NodeLayout& node : pages.layout().nodes) {
    for (size_t z = 0; z < mm::kZoneTypes; ++z) {
      if (node.zones[z].present == 0) continue;
      std::vector<uint64_t> counts(mm::kOrders);
      pages.for_each_free_block([&](const mm::FreeBlock& block) {
        if (block.node == node.id && static_cast<size_t>(block.zone) == z) ++counts[block.order];
        return true;
      });
      std::printf("Node %u, zone %8s ", node.id, mm::zone_name(static_cast<mm::ZoneType>(z)));
      for (const uint64_t blocks : counts) std::printf("%6lu ", blocks);
      std::printf("\n");
    }
  }
}

void run(const Options& options) {
  const Said said = read(options.file);
  const mm::Printer out(
      [](void*, std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); },
      nullptr);
  const test::PretendMemory memory(mm::align_up(said.e820.back().range.end, mm::kPageSize));
  mm::Relay<test::OneCpu> relay(memory.map(), out);
  must(relay.take_over(said.e820, {}));
  const mm::FirmwareRam firmware = test::firmware_ram(said.firmware, relay.e820());
  relay.e820().print(out, "BIOS-e820");
  must(relay.trim(4));
  mm::NamedBytes mtrr{"MTRR", 0};
  for (const mm::Range& trim : said.trims) {
    mtrr.bytes += must(relay.e820().update(trim, mm::E820Type::Ram, mm::E820Type::Reserved));
  }
  mm::NumaInput numa;
  numa.memory = said.srat;
  numa.named = said.named;
  must(relay.find_nodes(numa));
  must(relay.lay_out(mm::x86_64_zone_limits(relay.e820().last_pfn()), {}, 1));
  must(relay.start_boot_allocator(options.road));
  relay.print_layout();
  must(relay.build_zones(mm::Distances(), mm::NodeOrder::Distance));
  must(relay.hand_over());
  print_buddyinfo(relay.pages());
  const mm::LedgerFacts facts{.firmware = firmware, .trims = {&mtrr, 1}};
  const auto closed = mm::close_ledger(relay, relay.pages(), facts, out);
  std::fputs(replay::draw(relay, options.columns).c_str(), stdout);
  must(closed);
}

}  // namespace

int main(int count, char** words) {
  try {
    run(parse(count, words));
  } catch (const std::exception& error) {
    std::cerr << "replay: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
