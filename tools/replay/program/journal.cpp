#include "tools/replay/program/journal.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <vector>

namespace replay {
namespace {

// A folder of our own that is gone afterwards.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "replay-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw BadInput("there is no room for a temporary file");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

struct Ended {
  bool started = false;
  int status = 0;
  std::string output;
};

// Runs a program of the PATH; of its output no more than `most` bytes and one.
Ended run(std::vector<std::string> words, size_t most) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  pid_t child = 0;
  Ended ended;
  ended.started =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::array<char, 65536> part{};
  while (ended.started && ended.output.size() <= most) {
    const ssize_t count = read(ends[0], part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    ended.output.append(part.data(), static_cast<size_t>(count));
  }
  close(ends[0]);  // one that has more to say ends by that
  while (ended.started && waitpid(child, &ended.status, 0) < 0 && errno == EINTR) {
  }
  return ended;
}

}  // namespace

bool is_journal(std::string_view bytes) { return bytes.starts_with("LPKSHHRH"); }

std::string journal_text(const Piece& journal, size_t most) {
  const Folder folder;
  const std::string path = folder.file("given.journal");
  std::ofstream file(path, std::ios::binary);
  file << journal.bytes << std::flush;
  if (!file) throw BadInput("there is no room for a temporary file");
  Ended ended = run({"journalctl", "--file", path, "--quiet", "--no-pager", "--output=export",
                     "_TRANSPORT=kernel"},
                    most);
  const std::string what = journal.name + " is a systemd journal in its own form";
  const bool found =
      ended.started && !(WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 127);
  if (!found) {
    throw BadInput(what +
                   ", which journalctl reads; it is not installed here. Where it is: journalctl "
                   "--file JOURNAL --output=export > journal.txt, and replay journal.txt");
  }
  if (ended.output.size() > most) throw BadInput(what + ", and longer than 256 MiB");
  if (ended.output.empty()) throw BadInput(what + "; journalctl finds no word of a kernel in it");
  const bool whole = WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 0;
  // A part of it would be taken for all.
  if (!whole) throw BadInput(what + ", which journalctl cannot read whole");
  return ended.output;
}

}  // namespace replay
