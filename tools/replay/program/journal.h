// systemd's journals in their own form, by systemd's own program.
#pragma once

#include <string>
#include <string_view>

#include "tools/replay/program/pieces.h"

namespace replay {

[[nodiscard]] bool is_journal(std::string_view bytes);

// What the kernel said in it, in journalctl's export format. Throws BadInput, which names the piece
// and what to do, where journalctl is not there or cannot read it, and where that is longer than
// `most` bytes.
[[nodiscard]] std::string journal_text(const Piece& journal, size_t most);

}  // namespace replay
