// The files that a person names, as pieces of text or bytes.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace replay {

// Input that cannot be used; says which, and why.
struct BadInput : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Piece {
  std::string name;  // as it is shown: "dmesg.txt", "machine.tar.gz:proc/iomem"
  std::string bytes;
};

// `-` is standard input; of a folder all files in it, of an archive or a compressed file what is in
// it; of a systemd journal what the kernel said in it (program/journal.h). The many files of
// /sys/firmware/memmap are one piece, as `grep -r . memmap` prints them. No piece, and not all of them together, is longer than 256 MiB. Throws BadInput.
[[nodiscard]] std::vector<Piece> pieces_of(const std::vector<std::string>& files);

}  // namespace replay
