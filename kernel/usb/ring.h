// Rings of transfer request blocks (xHCI 1.2, section 4.9): the driver's, to which it appends, and
// the controller's, from which it takes events.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/usb/hardware.h"
#include "kernel/usb/xhci_form.h"

namespace kernel::usb {

struct Trb {
  uint64_t parameter = 0;
  uint32_t status = 0;
  uint32_t control = 0;
};
inline constexpr uint64_t kTrbBytes = 16;
constexpr uint32_t trb_type(xhci::TrbType type) { return static_cast<uint32_t>(type) << 10; }

// A block where it lies; the controller may write it meanwhile.
using TrbWords = volatile uint32_t;

// Of commands, or of an endpoint's transfers. Never full: few are under way at a time.
class Ring {
 public:
  Ring() = default;
  // `count` blocks of zeroes, of which the last leads back to the first.
  Ring(const Hardware& hardware, mm::Phys at, unsigned count)
      : words_(hardware.map.at<TrbWords>(at)),
        at_(at),
        count_(count),
        order_(hardware.order),
        context_(hardware.context) {}

  // All at once: the first becomes the controller's last. Where each lies, which is what its event
  // says, is in `lie`, which is as long.
  void push(std::span<const Trb> trbs, std::span<mm::Phys> lie) {
    const unsigned first = next_;
    const uint32_t control = trbs[0].control | cycle();
    for (size_t i = 0; i < trbs.size(); ++i) {
      lie[i] = at_ + next_ * kTrbBytes;
      write(next_, trbs[i], i == 0 ? cycle() ^ xhci::kCycle : cycle());
      if (++next_ != count_ - 1) continue;
      write(next_, {at_.v, 0, trb_type(xhci::TrbType::Link) | xhci::kToggle}, cycle());
      next_ = 0;
      cycle_ = !cycle_;
    }
    order_(context_);
    words_[size_t{first} * 4 + 3] = control;
  }
  mm::Phys push(const Trb& trb) {
    mm::Phys lies{};
    push({&trb, 1}, {&lies, 1});
    return lies;
  }
  // Where the controller is to go on, and with which cycle bit, as contexts and commands have it.
  [[nodiscard]] uint64_t next() const { return (at_ + next_ * kTrbBytes).v | cycle(); }
  // What was appended cannot be had back: nothing more is.
  void abandon() { abandoned_ = true; }
  [[nodiscard]] bool is_abandoned() const { return abandoned_; }

 private:
  [[nodiscard]] uint32_t cycle() const { return cycle_ ? xhci::kCycle : 0; }
  void write(unsigned index, const Trb& trb, uint32_t cycle) const {
    TrbWords* const words = words_ + size_t{index} * 4;
    words[0] = static_cast<uint32_t>(trb.parameter);
    words[1] = static_cast<uint32_t>(trb.parameter >> 32);
    words[2] = trb.status;
    words[3] = trb.control | cycle;
  }

  TrbWords* words_ = nullptr;
  mm::Phys at_{};
  unsigned count_ = 0, next_ = 0;
  bool cycle_ = true, abandoned_ = false;
  void (*order_)(void* context) = nullptr;  // Hardware's
  void* context_ = nullptr;
};

class EventRing {
 public:
  EventRing() = default;
  EventRing(const mm::DirectMap& map, mm::Phys at, unsigned count)
      : words_(map.at<TrbWords>(at)), at_(at), count_(count) {}

  // Whether there is one, which is taken.
  bool take(const Hardware& hardware, Trb& out) {
    const TrbWords* const words = words_ + size_t{next_} * 4;
    if (((words[3] & xhci::kCycle) != 0) != cycle_) return false;
    hardware.order(hardware.context);  // the rest is read after that bit
    out = {uint64_t{words[1]} << 32 | words[0], words[2], words[3]};
    if (++next_ == count_) {
      next_ = 0;
      cycle_ = !cycle_;
    }
    return true;
  }
  // Up to where all are taken.
  [[nodiscard]] mm::Phys taken() const { return at_ + next_ * kTrbBytes; }

 private:
  const TrbWords* words_ = nullptr;
  mm::Phys at_{};
  unsigned count_ = 0, next_ = 0;
  bool cycle_ = true;
};

}  // namespace kernel::usb
