// The bends that a file names: see chosen/chosen.h.
#include <span>

#include "tests/boot/faulty/chosen/chosen.h"

namespace faulty {
namespace chosen {
namespace {

UINT64 baton_start = 0;
UINT64 baton_end = 0;

// A word's number, behind its '='; what is no number counts as 0.
UINT64 number_in(const char* text) {
  UINT64 base = 10;
  if (text[0] == '0' && text[1] == 'x') {
    base = 16;
    text += 2;
  }
  UINT64 number = 0;
  for (; *text != '\0'; ++text) {
    const auto digit = static_cast<UINT64>(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    number = number * base + digit;
  }
  return number;
}

bool same(const char* a, const char* b) {
  for (; *a != '\0' && *a == *b; ++a) ++b;
  return *a == *b;
}

const Bend* find(const char* name) {
  for (const auto bends :
       {map_bends(), memory_bends(), file_bends(), option_bends(), console_bends(), screen_bends(),
        table_bends(), protocol_bends(), service_bends()}) {
    for (const Bend& bend : bends) {
      if (same(bend.name, name)) return &bend;
    }
  }
  return nullptr;
}

EFI_STATUS bend_one(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, char* word) {
  UINT64 number = 0;
  for (char* at = word; *at != '\0'; ++at) {
    if (*at != '=') continue;
    *at = '\0';
    number = number_in(at + 1);
    break;
  }
  const Bend* const bend = find(word);
  if (bend == nullptr) {
    Print(utf16(u"faulty: a bend that nobody knows\n"));
    return EFI_NOT_FOUND;
  }
  return bend->bend(services, baton, number);
}

EFI_STATUS read_words(EFI_BOOT_SERVICES& services, const EFI_LOADED_IMAGE& baton,
                      std::span<char> words) {
  EFI_GUID file_system = SIMPLE_FILE_SYSTEM_PROTOCOL;
  void* found = nullptr;
  EFI_STATUS status = services.HandleProtocol(baton.DeviceHandle, &file_system, &found);
  if (EFI_ERROR(status)) return status;
  auto* const volume = static_cast<EFI_FILE_IO_INTERFACE*>(found);
  EFI_FILE* root = nullptr;
  status = volume->OpenVolume(volume, &root);
  if (EFI_ERROR(status)) return status;
  EFI_FILE* file = nullptr;
  status = root->Open(root, &file, utf16(u"\\EFI\\BOOT\\BENDS.TXT"), EFI_FILE_MODE_READ, 0);
  if (!EFI_ERROR(status)) {
    UINTN size = words.size() - 1;
    status = file->Read(file, &size, words.data());
    if (!EFI_ERROR(status)) words[size] = '\0';
    file->Close(file);
  }
  root->Close(root);
  return status;
}

EFI_RUNTIME_SERVICES* runtime = nullptr;
EFI_RUNTIME_SERVICES true_runtime;
EFI_EXIT_BOOT_SERVICES exit_as_bent = nullptr;

// What is ours is free memory afterwards, and the kernel may ask runtime services.
EFI_STATUS EFIAPI exit_straight(EFI_HANDLE image, UINTN key) {
  *runtime = true_runtime;
  return exit_as_bent(image, key);
}

}  // namespace

bool in_baton(const void* address) {
  const auto at = reinterpret_cast<UINTN>(address);
  return at >= baton_start && at < baton_end;
}

}  // namespace chosen

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  static char words[512];
  EFI_STATUS status = chosen::read_words(services, baton, words);
  chosen::baton_start = reinterpret_cast<UINTN>(baton.ImageBase);
  chosen::baton_end = chosen::baton_start + baton.ImageSize;
  chosen::runtime = baton.SystemTable->RuntimeServices;
  chosen::true_runtime = *chosen::runtime;
  for (char* at = words; !EFI_ERROR(status) && *at != '\0';) {
    char* const word = at;
    while (*at > ' ') ++at;
    if (*at != '\0') *at++ = '\0';
    if (*word != '\0') status = chosen::bend_one(services, baton, word);
  }
  if (EFI_ERROR(status)) Print(utf16(u"faulty: could not bend: %r\n"), status);
  if (EFI_ERROR(status)) return status;
  chosen::exit_as_bent = services.ExitBootServices;
  services.ExitBootServices = chosen::exit_straight;
  return seal(services);
}

}  // namespace faulty
