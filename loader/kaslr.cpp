#include "loader/kaslr.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "mm/option_words.h"

namespace loader {
namespace {

constexpr uint64_t kImageRoom = mm::kGiB;  // from kKernelBase on; then the kernel's own begins
constexpr mm::Phys kLowest{16 * mm::kMiB};

// How many multiples of the image's alignment (and a bit) begin in [start, end) with room behind.
struct Places {
  uint64_t first = 0, count = 0;
};
Places places_in(uint64_t start, uint64_t end, const ElfImage& image) {
  const uint64_t behind = image.start % kImageAlign;
  uint64_t first = mm::align_down(start, kImageAlign) + behind;
  if (first < start) first += kImageAlign;
  if (first > end || end - first < image.size) return {};
  return {first, (end - first - image.size) / kImageAlign + 1};
}

Places virtual_places(const ElfImage& image) {
  if (!image.relocations.movable) return {};
  return places_in(kKernelBase, kKernelBase + kImageRoom, image);
}

// The few descriptors of a map that are of free memory. The others' types are looked at and no more: a
// map has a hundred of them, and is asked several times.
template <class Visit>
void for_each_free(const EfiMemoryMap& map, Visit visit) {
  for (size_t i = 0; i < map.count(); ++i) {
    EfiMemoryType type;
    __builtin_memcpy(&type, map.bytes().data() + i * map.stride(), sizeof(type));
    if (type != EfiMemoryType::Conventional) continue;
    const EfiDescriptor d = map.at(i);
    const auto range = range_of(d);
    if (e820_type(d) == mm::E820Type::Ram && range.ok()) visit(range.value(), d.attributes);
  }
}

// Calls visit(Places) for each range of free memory.
template <class Visit>
void for_each_place(const EfiMemoryMap& map, const ElfImage& image, mm::Phys end, Visit visit) {
  uint64_t wanted = 0;  // attributes
  for_each_free(map,
                [&](mm::Range /*range*/, uint64_t has) { wanted |= has & kEfiMemoryMoreReliable; });
  for_each_free(map, [&](mm::Range range, uint64_t has) {
    const mm::Range inside = range.clip({kLowest, end});
    if ((has & wanted) != wanted || inside.empty()) return;
    const Places places = places_in(inside.start.v, inside.end.v, image);
    if (places.count != 0) visit(places);
  });
}

uint64_t direct_map_room(const AddressSpace& space, mm::Phys end) {
  const uint64_t size = mm::align_up(end.v, mm::kGiB);
  const uint64_t room = space.direct_map_end - space.direct_map;
  return size > room ? 0 : (room - size) / mm::kGiB + 1;
}

}  // namespace

void RandomPool::add(uint32_t source, std::span<const uint8_t> bytes) {
  std::array<uint8_t, sizeof(Digest) + sizeof(source) + kMost> all{};
  bytes = bytes.first(std::min(bytes.size(), kMost));
  std::memcpy(all.data(), state_.data(), state_.size());
  std::memcpy(all.data() + state_.size(), &source, sizeof(source));
  uint8_t* const behind = all.data() + state_.size() + sizeof(source);
  std::copy(bytes.begin(), bytes.end(), behind);
  state_ = sha256(std::span(all).first(static_cast<size_t>(behind - all.data()) + bytes.size()));
  sources_ |= source;
}

void RandomPool::add(uint32_t source, uint64_t word) {
  std::array<uint8_t, sizeof(word)> bytes{};
  std::memcpy(bytes.data(), &word, sizeof(word));
  add(source, bytes);
}

uint64_t RandomPool::next() {
  std::array<uint8_t, sizeof(Digest) + sizeof(drawn_)> all{};
  ++drawn_;
  std::memcpy(all.data(), state_.data(), state_.size());
  std::memcpy(all.data() + state_.size(), &drawn_, sizeof(drawn_));
  const Digest digest = sha256(all);
  uint64_t number;
  std::memcpy(&number, digest.data(), sizeof(number));
  return number;
}

uint8_t Choice::bits() const {
  return places == 0 ? uint8_t{0} : static_cast<uint8_t>(std::bit_width(places) - 1);
}

Choice image_choice(const ElfImage& image) { return {virtual_places(image).count}; }

uint64_t image_offset(const ElfImage& image, uint64_t which) {
  const Places places = virtual_places(image);
  if (places.count == 0) return 0;
  return places.first + which * kImageAlign - image.start;
}

Choice place_choice(const EfiMemoryMap& map, const ElfImage& image, mm::Phys end) {
  Choice choice;
  for_each_place(map, image, end, [&](const Places& here) { choice.places += here.count; });
  return choice;
}

std::optional<mm::Phys> place_of(const EfiMemoryMap& map, const ElfImage& image, mm::Phys end,
                                 uint64_t which) {
  std::optional<mm::Phys> found;
  for_each_place(map, image, end, [&](const Places& here) {
    if (!found && which < here.count) found = mm::Phys{here.first + which * kImageAlign};
    which -= std::min(which, here.count);
  });
  return found;
}

bool keeps_place(std::string_view options) {
  return mm::has_option_word(options, "mem") || mm::has_option_word(options, "memmap") ||
         mm::has_option_word(options, "movable_node");
}

bool calls_free(const EfiMemoryMap& map, mm::Phys at) {
  bool found = false;
  for_each_free(map,
                [&](mm::Range range, uint64_t /*has*/) { found = found || range.contains(at); });
  return found;
}

Choice direct_map_choice(const AddressSpace& space, mm::Phys end) {
  return {space.direct_map_end == 0 ? 0 : direct_map_room(space, end)};
}

uint64_t direct_map_offset(uint64_t which) { return which * mm::kGiB; }

}  // namespace loader
