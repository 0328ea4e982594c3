// The page of tests (loader/menu/test_page.h) on the firmware's console.
#pragma once

#include "efi/terminal.h"
#include "loader/menu/test_page.h"

namespace efi {

// Until tests are to start, whose words it returns, or Escape, which is nothing. Counts no time: who
// came here has a keyboard.
struct TestWords {
  bool chosen = false;
  std::array<char, loader::TestPage::kMostWords> text{};
};
TestWords run_test_page(const Terminal& terminal);

}  // namespace efi
