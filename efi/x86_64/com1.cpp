#include "efi/x86_64/com1.h"

#include "efi/x86_64/cpu.h"

namespace efi {
namespace {

// A 16550's registers.
constexpr uint16_t kBase = 0x3f8;
constexpr uint16_t kData = kBase, kInterrupts = kBase + 1, kFifo = kBase + 2, kLine = kBase + 3,
                   kModem = kBase + 4, kStatus = kBase + 5, kScratch = kBase + 7;
constexpr uint8_t kDivisorLatch = 0x80, k8n1 = 3, kReady = 0x20;

// A character takes 87 microseconds at 115200 baud, a port access about one.
constexpr unsigned kMaxPolls = 100'000;

}  // namespace

void Com1::set_up() {
  write_port(kScratch, 0x5a);
  const bool there = read_port(kScratch) == 0x5a && read_port(kStatus) != 0xff;
  state_ = there ? State::Ready : State::Dead;
  if (!there) return;
  write_port(kInterrupts, 0);
  write_port(kLine, kDivisorLatch | k8n1);
  write_port(kData, 1);
  write_port(kInterrupts, 0);
  write_port(kLine, k8n1);
  write_port(kFifo, 1);
  write_port(kModem, 3);  // DTR and RTS
}

void Com1::sink(void* self, std::string_view text) {
  if (static_cast<Com1*>(self)->state_ == State::Untouched) static_cast<Com1*>(self)->set_up();
  for (const char c : text) {
    if (c == '\n') static_cast<Com1*>(self)->put('\r');
    static_cast<Com1*>(self)->put(c);
  }
}

void Com1::put(char c) {
  for (unsigned polls = 0; state_ == State::Ready; ++polls) {
    if ((read_port(kStatus) & kReady) != 0) {
      write_port(kData, static_cast<uint8_t>(c));
      return;
    }
    if (polls == kMaxPolls) state_ = State::Dead;
  }
}

}  // namespace efi
