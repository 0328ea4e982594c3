// What fuzzing has found worth keeping: each target is given each file of its corpus once.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

namespace fs = std::filesystem;

const fs::path kCorpora = "tests/fuzz/corpus";

class Corpus : public testing::TestWithParam<const fuzz::Target*> {};

TEST_P(Corpus, Holds) {
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(kCorpora / GetParam()->name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const fuzz::Bytes bytes{std::istreambuf_iterator<char>(file), {}};
    ++files;
    try {
      GetParam()->run(bytes.data(), bytes.size());
    } catch (const std::exception& wrong) {
      ADD_FAILURE() << entry.path() << ": " << wrong.what();
    }
  }
  EXPECT_NE(files, 0U);
}

// Targets enter themselves before main(), and so may do it after this: asked for when tests are made.
INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, testing::ValuesIn(fuzz::targets()),
                         [](const auto& target) { return std::string(target.param->name); });

TEST(Corpora, EveryFolderHasItsTarget) {
  std::set<std::string> folders, names;
  for (const auto& entry : fs::directory_iterator(kCorpora)) {
    folders.insert(entry.path().filename());
  }
  for (const fuzz::Target* target : fuzz::targets()) names.insert(target->name);
  EXPECT_EQ(folders, names);
}

}  // namespace
