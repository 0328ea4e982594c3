// What must come out, said as plainly as possible: every question is asked of every entry, for one
// frame at a time. Slow, but there is nothing in it to get wrong.
//
// Frames between two borders that anything has are all alike, so only one frame of each such
// stretch is looked at.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "mm/layout.h"
#include "tests/property/random_machine.h"

namespace test {

class Model {
 public:
  struct Stretch {
    mm::PfnRange frames;
    bool ram = false;               // all bytes usable, and no border of nodes inside a frame
    mm::NodeId node = mm::kNoNode;  // of RAM
  };

  explicit Model(const RandomMachine& machine) : machine_(machine) {
    collect_borders();
    for (size_t i = 1; i < frame_borders_.size(); ++i) {
      stretches_.push_back({{mm::Pfn{frame_borders_[i - 1]}, mm::Pfn{frame_borders_[i]}}});
    }
    for (Stretch& s : stretches_) s.ram = all_usable(s.frames.start.v);
    for (const Stretch& s : stretches_) {
      if (s.ram) end_of_ram_ = s.frames.end.v * mm::kPageSize;
    }
    believed_ = !machine.srat.empty() && choose_blocks();
    if (believed_) give_nodes();
    if (!believed_) {
      for (Stretch& s : stretches_) {
        s.ram = all_usable(s.frames.start.v);
        s.node = s.ram ? mm::NodeId{0} : mm::kNoNode;
      }
    }
  }

  [[nodiscard]] const std::vector<Stretch>& stretches() const { return stretches_; }
  [[nodiscard]] bool believed() const { return believed_; }

  [[nodiscard]] std::vector<mm::ActiveRange> active() const {
    std::vector<mm::ActiveRange> ranges;
    for (const Stretch& s : stretches_) {
      if (!s.ram) continue;
      if (!ranges.empty() && ranges.back().pfns.end == s.frames.start &&
          ranges.back().node == s.node) {
        ranges.back().pfns.end = s.frames.end;
      } else {
        ranges.push_back({s.frames, s.node});
      }
    }
    return ranges;
  }

  // Frames that are no RAM although their section of 128 MiB has some.
  [[nodiscard]] uint64_t unavailable() const {
    std::set<uint64_t> sections;
    uint64_t ram = 0;
    for (const Stretch& s : stretches_) {
      if (!s.ram) continue;
      ram += s.frames.size();
      for (uint64_t section = s.frames.start.v / mm::kPagesPerSection;
           section * mm::kPagesPerSection < s.frames.end.v; ++section) {
        sections.insert(section);
      }
    }
    return sections.size() * mm::kPagesPerSection - ram;
  }

 private:
  void collect_borders() {
    std::set<uint64_t> bytes{0, 0x1000, 0xa0000, 0x100000, 16 * mm::kMiB, 4 * mm::kGiB};
    for (const Kind::Zone& zone : machine_.kind.zones) bytes.insert(zone.end.v);
    bytes.insert(machine_.kind.reach.v);
    const auto add = [&](mm::Range range) {
      bytes.insert(range.start.v);
      bytes.insert(range.end.v);
    };
    for (const mm::E820Entry& e : machine_.e820) add(e.range);
    for (const mm::MemoryAffinity& m : machine_.srat) add(m.range);
    for (const mm::Reservation& r : machine_.reservations) add(r.range);
    byte_borders_.assign(bytes.begin(), bytes.end());
    std::set<uint64_t> frames;
    for (const uint64_t byte : bytes) {
      frames.insert(byte / mm::kPageSize);
      frames.insert((byte + mm::kPageSize - 1) / mm::kPageSize);
    }
    frame_borders_.assign(frames.begin(), frames.end());
  }

  [[nodiscard]] bool usable(uint64_t byte) const {
    const bool bios = byte < 0x1000 || (byte >= 0xa0000 && byte < 0x100000);
    if ((bios && machine_.kind.bios) || mm::Phys{byte} >= machine_.kind.reach) return false;
    bool ram = false;
    for (const mm::E820Entry& e : machine_.e820) {
      if (!e.range.contains(mm::Phys{byte})) continue;
      if (e.type != mm::E820Type::Ram) return false;  // everything is stricter than RAM
      ram = true;
    }
    return ram;
  }

  // One byte of each part into which borders cut a frame.
  template <class Visit>
  void for_each_part(uint64_t frame, Visit visit) const {
    visit(frame * mm::kPageSize);
    for (auto b =
             std::upper_bound(byte_borders_.begin(), byte_borders_.end(), frame * mm::kPageSize);
         b != byte_borders_.end() && *b < (frame + 1) * mm::kPageSize; ++b) {
      visit(*b);
    }
  }

  [[nodiscard]] bool all_usable(uint64_t frame) const {
    bool all = true;
    for_each_part(frame, [&](uint64_t byte) { all = all && usable(byte); });
    return all;
  }

  // SRAT's entries with RAM in them, up to the end of RAM; false when two nodes claim one byte.
  bool choose_blocks() {
    for (const mm::MemoryAffinity& m : machine_.srat) {
      mm::MemoryAffinity block = m;
      block.range.end = std::min(block.range.end, mm::Phys{end_of_ram_});
      if (block.range.empty()) continue;
      const bool has_ram = std::any_of(stretches_.begin(), stretches_.end(), [&](const Stretch& s) {
        return s.ram && mm::phys(s.frames).overlaps(block.range);
      });
      if (has_ram) blocks_.push_back(block);
    }
    for (const mm::MemoryAffinity& a : blocks_) {
      for (const mm::MemoryAffinity& b : blocks_) {
        if (a.node != b.node && a.range.overlaps(b.range)) return false;
      }
    }
    return true;
  }

  // A byte in no block is its neighbours' where these are of one node.
  [[nodiscard]] mm::NodeId node_at(uint64_t byte) const {
    const mm::MemoryAffinity* before = nullptr;
    const mm::MemoryAffinity* after = nullptr;
    for (const mm::MemoryAffinity& b : blocks_) {
      if (b.range.contains(mm::Phys{byte})) return b.node;
      if (b.range.end.v <= byte && (before == nullptr || before->range.end < b.range.end)) {
        before = &b;
      }
      if (b.range.start.v > byte && (after == nullptr || after->range.start > b.range.start)) {
        after = &b;
      }
    }
    return before != nullptr && after != nullptr && before->node == after->node ? before->node
                                                                                : mm::kNoNode;
  }

  void give_nodes() {
    uint64_t homeless = 0;
    for (Stretch& s : stretches_) {
      if (!s.ram) continue;
      s.node = node_at(s.frames.start.v * mm::kPageSize);
      for_each_part(s.frames.start.v, [&](uint64_t byte) {
        if (node_at(byte) != s.node) s.ram = false;  // a frame between two nodes is nobody's
      });
      if (s.ram && s.node == mm::kNoNode) homeless += s.frames.size();
    }
    if (homeless >= 256) {
      believed_ = false;
      return;
    }
    for (size_t i = 0; i < stretches_.size(); ++i) {
      Stretch& s = stretches_[i];
      if (!s.ram || s.node != mm::kNoNode) continue;
      for (size_t j = i; j > 0 && s.node == mm::kNoNode; --j) {
        if (stretches_[j - 1].ram) s.node = stretches_[j - 1].node;
      }
      for (size_t j = i + 1; j < stretches_.size() && s.node == mm::kNoNode; ++j) {
        if (stretches_[j].ram) s.node = stretches_[j].node;
      }
    }
  }

  const RandomMachine& machine_;
  std::vector<uint64_t> byte_borders_;
  std::vector<uint64_t> frame_borders_;
  std::vector<Stretch> stretches_;
  std::vector<mm::MemoryAffinity> blocks_;
  uint64_t end_of_ram_ = 0;
  bool believed_ = false;
};

}  // namespace test
