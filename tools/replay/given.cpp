#include "tools/replay/given.h"

#include <filesystem>
#include <fstream>
#include <iostream>

#include "tools/replay/log_reader.h"
#include "tools/replay/log_text.h"
#include "tools/replay/machine_file.h"

namespace replay {
namespace {

std::string all_of(std::istream& from, const std::string& name) {
  constexpr size_t kMost = 256 * mm::kMiB;
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

std::string contents(const std::string& path) {
  if (path == "-") return all_of(std::cin, "standard input");
  if (std::filesystem::is_directory(path)) throw BadInput(path + " is a folder");
  std::ifstream file(path, std::ios::binary);
  return all_of(file, path);
}

std::string line_of(const std::string& name, const Remark& remark) {
  std::string text = name + ":";
  if (remark.line != 0) text += std::to_string(remark.line) + ":";
  return text + " " + remark.text;
}

Given given_log(const std::string& name, const std::string& bytes, unsigned boot) {
  Log log = read_log(bytes, boot);
  Given given{.name = name, .machine = {}, .said = {}};
  for (const Remark& remark : log.remarks) given.said.push_back(line_of(name, remark));
  if (!log.refused.empty()) throw BadInput(line_of(name, log.refused.front()));
  if (log.boots != 0 && log.boot == 0) {
    throw BadInput(name + " has " + std::to_string(log.boots) + " boots, no number " +
                   std::to_string(boot));
  }
  if (log.boot == 0) {
    const char* kind = known_kind(bytes, lines_of(bytes));
    throw BadInput(name + " has no e820 list that can be read" +
                   (kind == nullptr ? std::string() : std::string("; it looks like ") + kind) +
                   ". The log of a Linux boot (dmesg) has one");
  }
  given.machine = std::move(log);
  return given;
}

}  // namespace

Given read_given(const std::vector<std::string>& files, unsigned boot) {
  if (files.size() != 1) throw BadInput("one file, please");
  const std::string& path = files.front();
  if (path.ends_with(".machine")) {
    return {.name = path, .machine = MachineFile(path).machine(), .said = {}};
  }
  return given_log(path == "-" ? "standard input" : path, contents(path), boot);
}

}  // namespace replay
