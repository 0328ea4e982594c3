#include "tests/firmware/pretend.h"

#include <cstring>

#include "tests/firmware/services.h"

namespace pretend {

Machine* machine = nullptr;

namespace {

unsigned open_events = 0;
int volume_handle, image_handle, screen_handle;  // only their addresses matter

bool same(const EFI_GUID& a, const EFI_GUID& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

constexpr EFI_GUID kLoadedImage = EFI_LOADED_IMAGE_PROTOCOL_GUID;
constexpr EFI_GUID kFileSystem = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
constexpr EFI_GUID kDevicePath = EFI_DEVICE_PATH_PROTOCOL_GUID;
constexpr EFI_GUID kGraphics = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;

EFI_LOADED_IMAGE loaded;
uint8_t end_of_path[] = {0x7f, 0xff, 4, 0};
EFI_GRAPHICS_OUTPUT_MODE_INFORMATION mode_info;
EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE mode;
EFI_GRAPHICS_OUTPUT_PROTOCOL graphics;

// --- Protocols ---

EFI_STATUS EFIAPI handle_protocol(EFI_HANDLE handle, EFI_GUID* protocol, void** interface) {
  void* there = nullptr;
  if (handle == &image_handle && same(*protocol, kLoadedImage)) there = &loaded;
  if (handle == &volume_handle && same(*protocol, kFileSystem)) there = &volume;
  if (handle == &volume_handle && same(*protocol, kDevicePath)) there = end_of_path;
  if (handle == &screen_handle && same(*protocol, kGraphics)) there = &graphics;
  if (machine->fails(there != nullptr ? "HandleProtocol" : "HandleProtocol of what is not there")) {
    return machine->plan.status;
  }
  *interface = there;
  return there == nullptr ? EFI_UNSUPPORTED : EFI_SUCCESS;
}

EFI_STATUS EFIAPI locate_protocol(EFI_GUID* /*protocol*/, void* /*registration*/,
                                  void** interface) {
  if (machine->fails("LocateProtocol")) return machine->plan.status;
  *interface = nullptr;
  return EFI_NOT_FOUND;
}

EFI_STATUS EFIAPI locate_handle_buffer(EFI_LOCATE_SEARCH_TYPE /*how*/, EFI_GUID* /*protocol*/,
                                       void* /*key*/, UINTN* count, EFI_HANDLE** handles) {
  if (machine->fails("LocateHandleBuffer")) return machine->plan.status;
  void* room = nullptr;
  const EFI_STATUS status = allocate_pool(EfiBootServicesData, sizeof(EFI_HANDLE), &room);
  if (status != EFI_SUCCESS) return status;
  *handles = static_cast<EFI_HANDLE*>(room);
  (*handles)[0] = &screen_handle;
  *count = 1;
  return EFI_SUCCESS;
}

// --- Events and time ---

EFI_STATUS EFIAPI create_event(UINT32, EFI_TPL, EFI_EVENT_NOTIFY, void*, EFI_EVENT* event) {
  if (machine->fails("CreateEvent")) return machine->plan.status;
  ++open_events;
  *event = new int;
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI close_event(EFI_EVENT event) {
  const bool fails = machine->fails("CloseEvent");
  --open_events;
  delete static_cast<int*>(event);
  return fails ? machine->plan.status : EFI_SUCCESS;
}
EFI_STATUS EFIAPI set_timer(EFI_EVENT, EFI_TIMER_DELAY, UINT64) {
  return machine->fails("SetTimer") ? machine->plan.status : EFI_SUCCESS;
}
EFI_STATUS EFIAPI check_event(EFI_EVENT) {
  return machine->fails("CheckEvent") ? machine->plan.status : EFI_NOT_READY;
}
// Nobody presses a key while there is a timer, which is the last of what is waited for. Where there is none
// somebody has to choose, and presses Enter.
bool pressed = false;
EFI_STATUS EFIAPI wait_for_event(UINTN count, EFI_EVENT* /*events*/, UINTN* happened) {
  if (machine->fails("WaitForEvent")) return machine->plan.status;
  *happened = count - 1;
  pressed = count == 1;
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI stall(UINTN) {
  return machine->fails("Stall") ? machine->plan.status : EFI_SUCCESS;
}
EFI_STATUS EFIAPI set_watchdog(UINTN, UINT64, UINTN, CHAR16*) {
  return machine->fails("SetWatchdogTimer") ? machine->plan.status : EFI_SUCCESS;
}
EFI_STATUS EFIAPI get_time(EFI_TIME* time, EFI_TIME_CAPABILITIES*) {
  if (machine->fails("GetTime")) return machine->plan.status;
  *time = {};
  time->Year = 2026;
  time->Month = 2;
  time->Day = 1;
  return EFI_SUCCESS;
}

// --- Variables: none ---

// There is one at most, SecureBoot.
EFI_STATUS EFIAPI get_variable(CHAR16* name, EFI_GUID*, UINT32*, UINTN* size, void* value) {
  if (machine->fails("GetVariable")) return machine->plan.status;
  const std::u16string_view asked(reinterpret_cast<const char16_t*>(name));
  if (!machine->plan.secure_boot || asked != u"SecureBoot") return EFI_NOT_FOUND;
  *static_cast<uint8_t*>(value) = 1;
  *size = 1;
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI set_variable(CHAR16*, EFI_GUID*, UINT32, UINTN, void*) {
  return machine->fails("SetVariable") ? machine->plan.status : EFI_SUCCESS;
}
// It comes back, and reset_hard() has to do it.
EFI_STATUS EFIAPI reset_system(EFI_RESET_TYPE, EFI_STATUS, UINTN, CHAR16*) { return EFI_SUCCESS; }

// --- Console ---

EFI_STATUS EFIAPI output_string(SIMPLE_TEXT_OUTPUT_INTERFACE*, CHAR16* text) {
  if (machine->fails("OutputString")) return machine->plan.status;
  for (; *text != 0; ++text) machine->outcome.said += static_cast<char>(*text);
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI query_mode(SIMPLE_TEXT_OUTPUT_INTERFACE*, UINTN, UINTN* columns, UINTN* rows) {
  if (machine->fails("QueryMode")) return machine->plan.status;
  *columns = 80;
  *rows = 25;
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI set_attribute(SIMPLE_TEXT_OUTPUT_INTERFACE*, UINTN) {
  return machine->fails("SetAttribute") ? machine->plan.status : EFI_SUCCESS;
}
EFI_STATUS EFIAPI clear_screen(SIMPLE_TEXT_OUTPUT_INTERFACE*) {
  return machine->fails("ClearScreen") ? machine->plan.status : EFI_SUCCESS;
}
EFI_STATUS EFIAPI set_cursor(SIMPLE_TEXT_OUTPUT_INTERFACE*, UINTN, UINTN) {
  return machine->fails("SetCursorPosition") ? machine->plan.status : EFI_SUCCESS;
}
EFI_STATUS EFIAPI enable_cursor(SIMPLE_TEXT_OUTPUT_INTERFACE*, BOOLEAN) {
  return machine->fails("EnableCursor") ? machine->plan.status : EFI_SUCCESS;
}
EFI_STATUS EFIAPI read_key(SIMPLE_INPUT_INTERFACE*, EFI_INPUT_KEY* key) {
  if (machine->fails("ReadKeyStroke")) return machine->plan.status;
  if (!pressed) return EFI_NOT_READY;
  pressed = false;
  *key = {SCAN_NULL, '\r'};
  return EFI_SUCCESS;
}

// --- The tables ---

EFI_BOOT_SERVICES boot;
EFI_RUNTIME_SERVICES runtime;
EFI_SYSTEM_TABLE system_table;
SIMPLE_TEXT_OUTPUT_INTERFACE output;
SIMPLE_TEXT_OUTPUT_MODE output_mode;
SIMPLE_INPUT_INTERFACE input;
CHAR16 vendor[] = {'p', 'r', 'e', 't', 'e', 'n', 'd', 0};

void set_up_services() {
  boot = {};
  boot.AllocatePages = allocate_pages;
  boot.FreePages = free_pages;
  boot.GetMemoryMap = get_memory_map;
  boot.AllocatePool = allocate_pool;
  boot.FreePool = free_pool;
  boot.ExitBootServices = exit_boot_services;
  boot.HandleProtocol = handle_protocol;
  boot.LocateProtocol = locate_protocol;
  boot.LocateHandleBuffer = locate_handle_buffer;
  boot.CreateEvent = create_event;
  boot.CloseEvent = close_event;
  boot.SetTimer = set_timer;
  boot.CheckEvent = check_event;
  boot.WaitForEvent = wait_for_event;
  boot.Stall = stall;
  boot.SetWatchdogTimer = set_watchdog;
  runtime = {};
  runtime.GetTime = get_time;
  runtime.GetVariable = get_variable;
  runtime.SetVariable = set_variable;
  runtime.ResetSystem = reset_system;
}

void set_up_console() {
  output = {};
  output_mode = {};
  output.Mode = &output_mode;
  output.OutputString = output_string;
  output.QueryMode = query_mode;
  output.SetAttribute = set_attribute;
  output.ClearScreen = clear_screen;
  output.SetCursorPosition = set_cursor;
  output.EnableCursor = enable_cursor;
  input = {};
  input.ReadKeyStroke = read_key;
  input.WaitForKey = &input;
  mode_info = {};
  mode_info.HorizontalResolution = 800;
  mode_info.VerticalResolution = 600;
  mode_info.PixelsPerScanLine = 800;
  mode_info.PixelFormat = PixelBlueGreenRedReserved8BitPerColor;
  mode = {};
  mode.Info = &mode_info;
  mode.FrameBufferBase = 0xc000'0000;
  mode.FrameBufferSize = UINTN{800} * 600 * 4;
  graphics = {};
  graphics.Mode = &mode;
}

void set_up() {
  set_up_services();
  set_up_console();
  loaded = {};
  loaded.DeviceHandle = &volume_handle;
  loaded.ImageBase = reinterpret_cast<void*>(kImage);
  loaded.ImageSize = kImagePages * kPage;
  system_table = {};
  system_table.Hdr.Revision = 2u << 16 | 70;
  system_table.FirmwareVendor = vendor;
  system_table.BootServices = &boot;
  system_table.RuntimeServices = &runtime;
  system_table.ConOut = &output;
  system_table.ConIn = &input;
  open_events = 0;
  reset_memory();
  reset_files();
}

}  // namespace

bool Machine::fails(const char* service, bool allocates) {
  if (ended) return false;
  if (left) fault(std::string(service) + " was called after ExitBootServices");
  if (plan.only_allocations && !allocates) return false;
  const bool is_it = ++outcome.calls == plan.fails;
  if (is_it) outcome.failed = service;
  return is_it;
}

Outcome start(const Plan& plan) {
  Outcome outcome;
  Machine here{plan, outcome};
  machine = &here;
  set_up();
  try {
    outcome.status = efi_main(&image_handle, &system_table);
  } catch (const Jumped&) {
    outcome.end = End::Jumped;
  } catch (const Reset&) {
    outcome.end = End::Reset;
  }
  outcome.pages = pages_taken();
  outcome.pools = pools_taken();
  outcome.files = files_open();
  outcome.events = open_events;
  machine = nullptr;
  return outcome;
}

}  // namespace pretend
