// What is covered with Secure Boot on: hashes, the manifest, words.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernel/options.h"
#include "loader/trust/manifest.h"
#include "loader/trust/sha256.h"
#include "loader/trust/words.h"
#include "tests/unit/acpi_bytes.h"

namespace loader {
namespace {

using acpi_test::Log;

std::span<const uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string hash_of(std::string_view text) {
  const auto hex = hex_of(sha256(bytes(text)));
  return {hex.data(), hex.size()};
}

// NIST's examples (FIPS 180-2, appendix B), and lengths around the end of a block, by sha256sum.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash_of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(hash_of(std::string(55, 'x')),
            "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072");
  EXPECT_EQ(hash_of(std::string(56, 'x')),
            "04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e");
  EXPECT_EQ(hash_of(std::string(64, 'x')),
            "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c");
  EXPECT_EQ(hash_of(std::string(119, 'x')),
            "000b48d4edf0fa7bee3c6236ecd2785baa5db4eeb8bb54341b029e0d9fa5fb0c");
}

TEST(Sha256, HexadecimalDigitsOfEitherCase) {
  const Digest digest = sha256(bytes("abc"));
  std::string hex = hash_of("abc");
  EXPECT_EQ(digest_of(hex), digest);
  for (char& c : hex) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(digest_of(hex), digest);
  EXPECT_FALSE(digest_of(hex + "0"));
  EXPECT_FALSE(digest_of(hex.substr(1)));
  EXPECT_FALSE(digest_of("g" + hex.substr(1)));
  EXPECT_FALSE(digest_of(""));
}

// As tools/signing.py makes one, with `sections` before .baton.
std::vector<uint8_t> image_of(std::string_view text, unsigned sections = 1) {
  constexpr size_t kPe = 0x40, kOptional = 240, kStart = 0x400;
  std::vector<uint8_t> image(kStart + text.size());
  const auto put = [&](size_t at, const auto& value) {
    std::memcpy(&image[at], &value, sizeof value);
  };
  put(0, uint16_t{0x5a4d});
  put(0x3c, uint32_t{kPe});
  put(kPe, uint32_t{0x4550});
  put(kPe + 6, static_cast<uint16_t>(sections + 1));
  put(kPe + 20, static_cast<uint16_t>(kOptional));
  const size_t at = kPe + 24 + kOptional + 40 * sections;
  std::memcpy(&image[at], ".baton\0\0", 8);
  put(at + 16, static_cast<uint32_t>(text.size()));
  put(at + 20, static_cast<uint32_t>(kStart));
  std::copy(text.begin(), text.end(), image.begin() + kStart);
  return image;
}

std::string fault_of(const std::vector<uint8_t>& image) {
  const auto manifest = Manifest::read(image, "manifest");
  Log log;
  if (!manifest.ok()) log.printer().line("{}", manifest.error());
  return log.text();
}

const std::string kHash = hash_of("abc");

TEST(Manifest, CoversAFileUnderItsPathOnly) {
  const auto image =
      image_of("# a comment\r\n\nsha256 " + kHash + " \\EFI\\baton\\my initrd.img\n");
  const auto manifest = Manifest::read(image, "manifest");
  ASSERT_TRUE(manifest.ok()) << fault_of(image);
  const Digest digest = sha256(bytes("abc"));
  EXPECT_TRUE(manifest.value().covers_file("\\EFI\\baton\\my initrd.img", digest));
  EXPECT_TRUE(manifest.value().covers_file("efi/BATON/my initrd.img", digest));
  EXPECT_FALSE(manifest.value().covers_file("\\EFI\\baton\\my initrd.im", digest));
  EXPECT_FALSE(manifest.value().covers_file("\\EFI\\baton\\my initrd.img2", digest));
  EXPECT_FALSE(manifest.value().covers_file("\\EFI\\baton\\kernel.elf", digest));
  EXPECT_FALSE(manifest.value().covers_file("\\EFI\\baton\\my initrd.img", sha256(bytes("abd"))));
}

TEST(Manifest, CoversWords) {
  const auto image = image_of("options mem=2G \"memmap=1M$0\"\noptions nopae");
  const auto manifest = Manifest::read(image, "manifest");
  ASSERT_TRUE(manifest.ok()) << fault_of(image);
  EXPECT_TRUE(manifest.value().covers_word("mem=2G"));
  EXPECT_TRUE(manifest.value().covers_word("\"memmap=1M$0\""));
  EXPECT_TRUE(manifest.value().covers_word("nopae"));
  EXPECT_FALSE(manifest.value().covers_word("mem=3G"));
  EXPECT_FALSE(manifest.value().covers_word("mem"));
  EXPECT_FALSE(manifest.value().covers_word("options"));
  EXPECT_FALSE(Manifest().covers_word("nopae"));
}

// NULs pad the section; what is behind them is not read.
TEST(Manifest, EndsAtTheFirstNul) {
  const auto image = image_of(std::string("options a\n\0options b\n", 22), 0);
  const auto manifest = Manifest::read(image, "manifest");
  ASSERT_TRUE(manifest.ok());
  EXPECT_TRUE(manifest.value().covers_word("a"));
  EXPECT_FALSE(manifest.value().covers_word("b"));
}

TEST(Manifest, ALineThatCannotBeReadIsNamed) {
  EXPECT_EQ(fault_of(image_of("options a\nkernel x\n")),
            "manifest: line 2 cannot be read, neither sha256 nor options\n");
  EXPECT_EQ(fault_of(image_of("sha256 abc \\x\n")),
            "manifest: line 1 cannot be read, no SHA-256 of 64 hexadecimal digits\n");
  EXPECT_EQ(fault_of(image_of("sha256 " + kHash + "\n")),
            "manifest: line 1 cannot be read, no path behind the SHA-256\n");
  EXPECT_EQ(fault_of(image_of("options a\tb")),
            "manifest: line 1 cannot be read, not printable ASCII\n");
}

TEST(Manifest, AnImageThatIsNone) {
  const auto whole = image_of("options a\n");
  EXPECT_EQ(fault_of({}), "manifest: is no PE image\n");
  EXPECT_EQ(fault_of({'M', 'Z'}), "manifest: is no PE image\n");
  auto image = whole;
  image[0x40] = 'X';
  EXPECT_EQ(fault_of(image), "manifest: is no PE image\n");
  image = whole;
  std::memset(&image[0x3c], 0xff, 4);
  EXPECT_EQ(fault_of(image), "manifest: is no PE image\n");
  image = whole;
  image.resize(0x46);
  EXPECT_EQ(fault_of(image), "manifest: its headers are cut off\n");
  image = whole;
  image.resize(0x180);
  EXPECT_EQ(fault_of(image), "manifest: its headers are cut off (sections 2, in the file 1)\n");
  image = whole;
  image.pop_back();
  EXPECT_EQ(fault_of(image),
            "manifest: its section .baton is not in the file (from 0x400, bytes 10)\n");
  image = whole;
  image[0x40 + 24 + 240 + 40 + 1] = 'B';
  EXPECT_EQ(fault_of(image), "manifest: has no section .baton (sections 2)\n");
}

std::string trusted(std::string_view text, std::string_view covered, std::string& said) {
  const auto image = image_of(covered);
  const auto manifest = Manifest::read(image, "manifest");
  EXPECT_TRUE(manifest.ok());
  std::vector<char> out(text.size() + 1, '~');
  Log log;
  keep_trusted_words(text, manifest.value(), out, log.printer());
  said = log.text();
  return out.data();
}

TEST(TrustedWords, HarmlessOnesStay) {
  std::string said;
  EXPECT_EQ(trusted("  selftest=efi.*  poweroff\tmemtest=quick,3 ", "", said),
            "selftest=efi.* poweroff memtest=quick,3");
  EXPECT_EQ(said, "");
  EXPECT_EQ(trusted("", "", said), "");
}

TEST(TrustedWords, OthersAreNamedAndLeftOut) {
  std::string said;
  EXPECT_EQ(trusted("mem=2G poweroff \"memmap=1M$0\" unheard-of", "", said), "poweroff");
  EXPECT_EQ(said,
            "Secure Boot: option mem=2G ignored: no signature covers it\n"
            "Secure Boot: option \"memmap=1M$0\" ignored: no signature covers it\n"
            "Secure Boot: option unheard-of ignored: no signature covers it\n");
}

TEST(TrustedWords, CoveredOnesStay) {
  std::string said;
  EXPECT_EQ(trusted("mem=2G poweroff mem=1G", "options mem=2G nopae\n", said), "mem=2G poweroff");
  EXPECT_EQ(said, "Secure Boot: option mem=1G ignored: no signature covers it\n");
}

// All that follows the quote would be the word's, whatever it is.
TEST(TrustedWords, AnOpenQuoteIsNotHarmless) {
  std::string said;
  EXPECT_EQ(trusted("poweroff selftest=\"a mem=2G", "", said), "poweroff");
  EXPECT_EQ(said, "Secure Boot: option selftest=\"a mem=2G ignored: no signature covers it\n");
}

TEST(TrustedWords, EachKnownOptionHasBeenJudged) {
  const auto to_cover = words_to_cover();
  for (const kernel::OptionRow& row : kernel::known_options()) {
    const bool judged = std::find(to_cover.begin(), to_cover.end(), row.name) != to_cover.end();
    EXPECT_NE(is_harmless(row.name), judged)
        << row.name << " must be one of the two (loader/trust/words.cpp)";
  }
}

TEST(TrustedWords, AnotherSystemsInitrdIsNotReadAgain) {
  std::vector<char> out(100, '~');
  Log log;
  drop_initrd_words("root=/dev/sda1 initrd=\\evil x.initrd=\\evil \"a initrd=b\" quiet initrd", out,
                    log.printer());
  EXPECT_STREQ(out.data(), "root=/dev/sda1 quiet initrd");
  EXPECT_EQ(std::count(log.text().begin(), log.text().end(), '\n'), 3);
}

}  // namespace
}  // namespace loader
