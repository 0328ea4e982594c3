#include "tools/replay/program/pieces.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string_view>
#include <utility>

#include "mm/types.h"
#include "tools/replay/program/journal.h"
#include "tools/replay/program/memmap_tree.h"

namespace replay {
namespace {

constexpr size_t kMost = 256 * mm::kMiB;
constexpr size_t kMostFiles = 100'000;

std::string all_of(std::istream& from, const std::string& name) {
  std::string bytes;
  std::vector<char> part(mm::kMiB);
  while (from && bytes.size() <= kMost) {
    from.read(part.data(), static_cast<std::streamsize>(part.size()));
    bytes.append(part.data(), static_cast<size_t>(from.gcount()));
  }
  if (bytes.size() > kMost) throw BadInput(name + " is longer than 256 MiB");
  if (!from.eof()) throw BadInput(name + " cannot be read");
  return bytes;
}

Piece read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {path, all_of(file, path)};
}

struct CloseArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};
using Archive = std::unique_ptr<archive, CloseArchive>;

// Of what libarchive knows none is text that begins so by chance, but for these.
bool may_be_packed(std::string_view bytes) {
  constexpr std::string_view kMagics[] = {"\x1f\x8b", "\x28\xb5\x2f\xfd", "\3757zXZ",
                                          "BZh",      "PK\x03\x04",       "7z\xbc\xaf"};
  return std::any_of(std::begin(kMagics), std::end(kMagics),
                     [&](std::string_view magic) { return bytes.starts_with(magic); }) ||
         (bytes.size() > 262 && bytes.substr(257).starts_with("ustar"));
}

std::string entry_bytes(archive* from, const std::string& name) {
  std::string bytes;
  std::vector<char> part(mm::kMiB);
  for (;;) {
    const la_ssize_t got = archive_read_data(from, part.data(), part.size());
    if (got == 0) return bytes;
    if (got < 0) throw BadInput(name + ": " + archive_error_string(from));
    bytes.append(part.data(), static_cast<size_t>(got));
    if (bytes.size() > kMost) throw BadInput(name + " is longer than 256 MiB");
  }
}

void unpack(const Piece& packed, std::vector<Piece>& pieces) {
  const Archive from(archive_read_new());
  archive_read_support_filter_all(from.get());
  archive_read_support_format_all(from.get());
  archive_read_support_format_raw(from.get());  // one compressed file
  if (archive_read_open_memory(from.get(), packed.bytes.data(), packed.bytes.size()) !=
      ARCHIVE_OK) {
    throw BadInput(packed.name + ": " + archive_error_string(from.get()));
  }
  archive_entry* entry = nullptr;
  int status = ARCHIVE_OK;
  while ((status = archive_read_next_header(from.get(), &entry)) == ARCHIVE_OK) {
    const bool raw = archive_format(from.get()) == ARCHIVE_FORMAT_RAW;
    if (!raw && archive_entry_filetype(entry) != AE_IFREG) continue;
    const char* path = archive_entry_pathname(entry);
    const std::string name = raw ? packed.name : packed.name + ":" + (path ? path : "?");
    pieces.push_back({name, entry_bytes(from.get(), name)});
    if (pieces.size() > kMostFiles) throw BadInput(packed.name + " has more than 100,000 files");
  }
  if (status != ARCHIVE_EOF) throw BadInput(packed.name + ": " + archive_error_string(from.get()));
}

void add_folder(const std::string& path, std::vector<Piece>& pieces) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) names.push_back(entry.path().string());
    if (names.size() > kMostFiles) throw BadInput(path + " has more than 100,000 files");
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) pieces.push_back(read_file(name));
}

}  // namespace

std::vector<Piece> pieces_of(const std::vector<std::string>& files) {
  std::vector<Piece> pieces;
  for (const std::string& file : files) {
    if (file == "-") {
      pieces.push_back({"standard input", all_of(std::cin, "standard input")});
    } else if (std::filesystem::is_directory(file)) {
      add_folder(file, pieces);
    } else {
      pieces.push_back(read_file(file));
    }
  }
  std::vector<Piece> plain;
  size_t total = 0;
  for (Piece& piece : pieces) {
    if (may_be_packed(piece.bytes)) {
      unpack(piece, plain);
    } else {
      plain.push_back(std::move(piece));
    }
  }
  for (Piece& piece : plain) {
    if (is_journal(piece.bytes)) piece.bytes = journal_text(piece, kMost);
    total += piece.bytes.size();
  }
  if (total > kMost) throw BadInput("all the files together are longer than 256 MiB");
  gather_memmap(plain);
  return plain;
}

}  // namespace replay
