// A manifest of any bytes, and options of any bytes under it: reading never leaves the image, what is
// covered stands in it, and no word gets through that is neither harmless nor there.
//
// The input is how long the manifest's text is (two bytes), that, and the options; and the whole of it
// once more as the image itself.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "loader/trust/manifest.h"
#include "loader/trust/words.h"
#include "mm/option_words.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;

std::vector<uint8_t> image_of(std::string_view text) {
  constexpr size_t kPe = 0x40, kStart = 0x200;
  std::vector<uint8_t> image(kStart + text.size());
  const auto put = [&](size_t at, uint32_t value) {
    std::memcpy(&image[at], &value, sizeof value);
  };
  put(0, 0x5a4d);
  put(0x3c, kPe);
  put(kPe, 0x4550);
  put(kPe + 4, 1 << 16);
  std::memcpy(&image[kPe + 24], ".baton\0\0", 8);
  put(kPe + 24 + 16, static_cast<uint32_t>(text.size()));
  put(kPe + 24 + 20, kStart);
  std::copy(text.begin(), text.end(), image.begin() + kStart);
  return image;
}

void keep_words(std::string_view options, const loader::Manifest& manifest, std::string_view text) {
  std::vector<char> out(options.size() + 1, '~');
  loader::keep_trusted_words(options, manifest, out, {});
  const std::string kept = out.data();
  std::string_view rest = kept;
  for (auto word = mm::take_option_word(rest); !word.text.empty();
       word = mm::take_option_word(rest)) {
    const bool covered = manifest.covers_word(word.text);
    check(covered || (loader::is_harmless(word.name) && !word.open));
    check(!covered || text.find(word.text) != std::string_view::npos);
  }
  // Once more changes nothing.
  std::vector<char> again(kept.size() + 1, '~');
  loader::keep_trusted_words(kept, manifest, again, {});
  check(kept == again.data());
}

}  // namespace

FUZZ_TARGET(trust) {
  // Of a size of its own, so that a byte beyond it is seen.
  const std::vector<uint8_t> raw(data, data + size);
  if (const auto manifest = loader::Manifest::read(raw, "raw"); manifest.ok()) {
    (void)manifest.value().covers_file("\\a", loader::sha256(raw));
  }
  if (size < 2) return;
  const size_t length = std::min<size_t>(data[0] | size_t{data[1]} << 8, size - 2);
  const std::string text(reinterpret_cast<const char*>(data) + 2, length);
  std::string options(reinterpret_cast<const char*>(data) + 2 + length, size - 2 - length);
  std::replace(options.begin(), options.end(), '\0', ' ');
  const auto image = image_of(text);
  const auto manifest = loader::Manifest::read(image, "made");
  keep_words(options, manifest.ok() ? manifest.value() : loader::Manifest(), text);
  std::vector<char> out(options.size() + 1, '~');
  loader::drop_initrd_words(options, out, {});
  check(std::string_view(out.data()).find("initrd=") == std::string_view::npos);
}
