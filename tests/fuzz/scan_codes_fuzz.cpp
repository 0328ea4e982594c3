// What a keyboard sends, of any bytes: characters and the sequences of terminals come out, and when all
// keys have been let go, letters are letters again.
#include "kernel/scan_codes.h"

#include "tests/fuzz/target.h"

using fuzz::check;

// Its first byte chooses the set.
FUZZ_TARGET(scan_codes) {
  fuzz::Input input(data, size);
  const unsigned set = 1 + input.byte() % 2;
  kernel::ScanDecoder decoder;
  decoder.use_set(set);
  while (!input.empty()) {
    const std::string_view typed = decoder.take(input.byte());
    check(typed.size() <= 4);
    if (typed.size() > 1) {
      check(typed.starts_with("\x1b[") && fuzz::is_printable(typed.substr(2)));
    } else if (typed.size() == 1) {
      check(typed[0] > 0 && typed[0] <= '~' && typed[0] != '\x1b');
    }
  }
  const auto released = [&](uint8_t set1, uint8_t set2) {
    if (set == 2) (void)decoder.take(0xf0);
    check(decoder.take(set == 2 ? set2 : set1 | 0x80).empty());
  };
  // Whatever was begun ends within as many codes as the longest sequence has.
  for (int i = 0; i < 3; ++i) released(0x3b, 0x05);  // F1
  released(0x2a, 0x12);
  released(0x36, 0x59);
  released(0x1d, 0x14);
  const std::string_view a = decoder.take(set == 2 ? 0x1c : 0x1e);
  check(a == "a" || a == "A");
}
