// The boot menu as a person sees it.
#pragma once

#include <cstdint>

#include "efi/terminal.h"
#include "loader/menu/boot_menu.h"

namespace efi {

// Shows the menu until an entry is to be started, menu.chosen(), or Baton itself with words of the page
// of tests, menu.chose_ourselves(). `seconds` to wait for the first key;
// MenuConfig::kForEver: no countdown.
void run_menu(const Terminal& terminal, loader::BootMenu& menu, uint32_t seconds);

}  // namespace efi
