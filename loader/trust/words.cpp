#include "loader/trust/words.h"

#include <algorithm>
#include <array>

#include "mm/option_words.h"

namespace loader {
namespace {

constexpr std::array<std::string_view, 26> kHarmless{
    "bench",        "debug_pagealloc", "early",        "guard",       "init_on_alloc",
    "init_on_free", "keepinitrd",      "kernelcore",   "maxcpus",     "mem_map",
    "memtest",      "monitor",         "movable_node", "movablecore", "node_order",
    "noefi",        "nomixed",         "nosmp",        "nousb",       "numa",
    "page_poison",  "possible_cpus",   "poweroff",     "selftest",    "show",
    "stress"};

// What is RAM; what MTRRs say of it; NX on PCs of 32 bits, which is PAE's; where the kernel is known to
// be; a fault on purpose.
constexpr std::array<std::string_view, 7> kToCover{
    "mem", "memmap", "mtrr_trim", "disable_mtrr_trim", "nokaslr", "nopae", "panic"};

// Copies the words that `keeps` says yes to.
template <class Keeps>
void copy_words(std::string_view text, std::span<char> out, Keeps keeps) {
  size_t length = 0;
  for (auto word = mm::take_option_word(text); !word.text.empty();
       word = mm::take_option_word(text)) {
    if (!keeps(word)) continue;
    if (length != 0) out[length++] = ' ';
    std::copy(word.text.begin(), word.text.end(), out.data() + length);
    length += word.text.size();
  }
  out[length] = '\0';
}

}  // namespace

bool is_harmless(std::string_view name) {
  return std::find(kHarmless.begin(), kHarmless.end(), name) != kHarmless.end();
}

std::span<const std::string_view> words_to_cover() { return kToCover; }

void keep_trusted_words(std::string_view text, const Manifest& manifest, std::span<char> out,
                        const mm::Printer& findings) {
  copy_words(text, out, [&](const mm::OptionWord& word) {
    // A quote that is never closed makes one word of all that follows.
    if ((is_harmless(word.name) && !word.open) || manifest.covers_word(word.text)) return true;
    findings.part("Secure Boot: option ");
    findings.text(word.text);
    findings.line(" ignored: no signature covers it");
    return false;
  });
}

void drop_initrd_words(std::string_view text, std::span<char> out, const mm::Printer& findings) {
  copy_words(text, out, [&](const mm::OptionWord& word) {
    // Linux's stub looks for it anywhere, also within a word.
    if (word.text.find("initrd=") == std::string_view::npos) return true;
    findings.part("Secure Boot: ");
    findings.text(word.text);
    findings.line(" is not passed on: its bytes would be read again, by somebody else");
    return false;
  });
}

}  // namespace loader
