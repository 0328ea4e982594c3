// GNU-EFI's library where Debian has none for the CPU: as much of it as is called here.
#include <cstdarg>
#include <cstring>

#include "tests/boot/faulty/faulty.h"

EFI_SYSTEM_TABLE* ST = nullptr;

namespace {

CHAR16 small(CHAR16 letter) {
  return letter >= u'A' && letter <= u'Z' ? static_cast<CHAR16>(letter - u'A' + u'a') : letter;
}

UINTN length_of(const EFI_DEVICE_PATH* node) {
  return static_cast<UINTN>(node->Length[0] | node->Length[1] << 8);
}

void put_node(UINT8* at, UINT8 type, UINT8 sub_type, UINTN length) {
  at[0] = type;
  at[1] = sub_type;
  at[2] = static_cast<UINT8>(length);
  at[3] = static_cast<UINT8>(length >> 8);
}

void say(const char16_t* text) { ST->ConOut->OutputString(ST->ConOut, faulty::utf16(text)); }

}  // namespace

extern "C" {

VOID InitializeLib(EFI_HANDLE /*image*/, EFI_SYSTEM_TABLE* system) { ST = system; }

UINTN StrLen(CONST CHAR16* text) {
  UINTN length = 0;
  while (text[length] != 0) ++length;
  return length;
}

INTN StriCmp(CONST CHAR16* a, CONST CHAR16* b) {
  while (*a != 0 && small(*a) == small(*b)) {
    ++a;
    ++b;
  }
  return small(*a) - small(*b);
}

VOID CopyMem(VOID* to, CONST VOID* from, UINTN size) { std::memcpy(to, from, size); }

// The volume's path, a node for the file, and the end (UEFI 2.10, sections 10.3.1 and 10.3.5.4).
EFI_DEVICE_PATH* FileDevicePath(EFI_HANDLE volume, CHAR16* name) {
  constexpr UINTN kHead = 4;
  constexpr UINTN kRoom = 1024;
  static UINT8 path[kRoom];
  EFI_GUID guid = DEVICE_PATH_PROTOCOL;
  void* found = nullptr;
  if (EFI_ERROR(ST->BootServices->HandleProtocol(volume, &guid, &found))) return nullptr;
  const auto* const start = static_cast<const UINT8*>(found);
  UINTN size = 0;
  while (start[size] != END_DEVICE_PATH_TYPE) {
    size += length_of(reinterpret_cast<const EFI_DEVICE_PATH*>(start + size));
  }
  const UINTN name_size = (StrLen(name) + 1) * sizeof(CHAR16);
  if (size + kHead + name_size + kHead > kRoom) return nullptr;
  std::memcpy(path, start, size);
  put_node(path + size, MEDIA_DEVICE_PATH, MEDIA_FILEPATH_DP, kHead + name_size);
  std::memcpy(path + size + kHead, name, name_size);
  put_node(path + size + kHead + name_size, END_DEVICE_PATH_TYPE, END_ENTIRE_DEVICE_PATH_SUBTYPE,
           kHead);
  return reinterpret_cast<EFI_DEVICE_PATH*>(path);
}

// Of what may be in a format, %r alone: a status.
UINTN Print(CONST CHAR16* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  char16_t letter[2] = {};
  for (const CHAR16* at = format; *at != 0; ++at) {
    if (at[0] == u'%' && at[1] == u'r') {
      const auto status = va_arg(arguments, EFI_STATUS);
      say(status == EFI_SUCCESS      ? u"Success"
          : status == EFI_LOAD_ERROR ? u"Load Error"
          : status == EFI_NOT_FOUND  ? u"Not Found"
                                     : u"another error");
      ++at;
      continue;
    }
    if (*at == u'\n') say(u"\r");
    letter[0] = static_cast<char16_t>(*at);
    say(letter);
  }
  va_end(arguments);
  return 0;
}

}  // extern "C"
