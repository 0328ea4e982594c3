// Replays a machine: takes what its firmware said about memory through mm/, and says what is wrong
// with it, the log that makes and where everything lies.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/replay/diff.h"
#include "tools/replay/findings.h"
#include "tools/replay/machine_text.h"
#include "tools/replay/must.h"
#include "tools/replay/picture/page.h"
#include "tools/replay/picture/page_data.h"
#include "tools/replay/picture/still.h"
#include "tools/replay/program/arguments.h"
#include "tools/replay/program/asked.h"
#include "tools/replay/program/given.h"
#include "tools/replay/program/json.h"
#include "tools/replay/replayed.h"
#include "tools/replay/say.h"

namespace {

using replay::Arguments;
using replay::Form;
using replay::Replayed;
using replay::Verb;

constexpr int kClean = 0;
constexpr int kFindings = 1;
constexpr int kBadInput = 2;

// With the log up to where the machine could not go on.
std::unique_ptr<Replayed> replay_of(replay::Machine machine, const Arguments& arguments) {
  const replay::ReplayOptions options = replay::as_asked(arguments, machine);
  auto replayed = std::make_unique<Replayed>();
  const auto result = replayed->run(std::move(machine), options);
  if (!result.ok()) {
    std::cout << replayed->log();
    throw replay::BadInput(replay::describe(result.error()));
  }
  if (!replayed->open().empty()) {
    std::cout << replayed->log() << replayed->ledger();
    throw std::runtime_error(replayed->open());
  }
  return replayed;
}

replay::Given given_of(const std::vector<std::string>& files, const Arguments& arguments) {
  return replay::read_given(replay::pieces_of(files), arguments.boot, [](const std::string& line) {
    std::cerr << "replay: " << line << "\n";
  });
}

int diff(const Arguments& arguments) {
  const replay::Given before = given_of({arguments.files[0]}, arguments);
  const replay::Given after = given_of({arguments.files[1]}, arguments);
  const replay::Diff found = diff_of(before.machine, after.machine);
  std::cout << found.text;
  return found.same ? kClean : kFindings;
}

void print(const Replayed& replayed, const std::vector<replay::Finding>& findings,
           const std::string& name, const Arguments& arguments) {
  switch (arguments.form) {
    case Form::Text: {
      std::cout << findings_text(findings);
      const mm::Printer out([](void*, std::string_view text) { std::cout << text; }, nullptr);
      print_log(replayed, arguments.columns, out);
      return;
    }
    case Form::Json:
      std::cout << json_text(replayed, findings, name);
      return;
    case Form::Facts:
      std::cout << facts_text(replayed.machine(), name);
      return;
    case Form::Qemu:
      std::cout << replay::must(qemu_text(replayed)) + "\n";
      return;
  }
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (!file) throw std::runtime_error(path + " cannot be written");
}

// Into the files that were asked for. False when none was.
// Pages are handed on: they say the file's name, not where it lies here.
bool draw(const Arguments& arguments, replay::PageWords words, const Replayed& replayed,
          const std::vector<replay::Finding>& findings) {
  words.title = std::filesystem::path(words.title).filename().string();
  if (!arguments.html.empty()) {
    write_file(arguments.html, replay::page_of(replay::page_data(words, replayed, findings)));
  }
  if (!arguments.svg.empty()) {
    write_file(arguments.svg, replay::still_of(words.title, replayed, findings));
  }
  return !arguments.html.empty() || !arguments.svg.empty();
}

int run(const Arguments& arguments) {
  if (arguments.verb == Verb::Diff) return diff(arguments);
  replay::Given given = given_of(arguments.files, arguments);
  const auto replayed = replay_of(std::move(given.machine), arguments);
  const std::vector<replay::Finding> findings = findings_of(*replayed);
  const std::string asked = answers(*replayed, arguments);
  const bool drawn = draw(arguments, {given.name, asked}, *replayed, findings);
  if (arguments.verb == Verb::Explain) {
    std::cout << explain_text(*replayed, arguments.address);
    return kClean;
  }
  if (!asked.empty()) {
    std::cout << asked;
    return kClean;
  }
  if (!drawn || arguments.form != Form::Text) {
    print(*replayed, findings, given.name, arguments);
  } else {
    std::cout << findings_text(findings);
  }
  const bool wrong = std::any_of(findings.begin(), findings.end(),
                                 [](const replay::Finding& finding) { return !finding.note; });
  return wrong ? kFindings : kClean;
}

}  // namespace

int main(int count, char** words) {
  try {
    const Arguments arguments = replay::parse(count, words);
    if (arguments.verb == Verb::Help) {
      std::cout << replay::usage() << "\n\n" << replay::help() << "\n";
      return kClean;
    }
    return run(arguments);
  } catch (const std::exception& error) {
    std::cout.flush();
    std::cerr << "replay: " << error.what() << "\n";
    return kBadInput;
  }
}
