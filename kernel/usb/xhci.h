// A USB host controller with the interface xHCI (revision 1.2), polled: commands, transfers on
// endpoint 0, root ports, and events of whatever else was asked for.
//
// Every wait has a limit and no value of the controller's is followed as an address. What it answers
// late, or not, is an error; after some of those it is broken() and does nothing any more.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "kernel/usb/hardware.h"
#include "kernel/usb/ring.h"
#include "kernel/usb/xhci_form.h"
#include "mm/result.h"

namespace kernel::usb {

// A request on endpoint 0 (USB 2.0, section 9.3).
struct Request {
  uint8_t type = 0;  // 0x80: the device answers
  uint8_t request = 0;
  uint16_t value = 0, index = 0, length = 0;
};

// What else is to be done before a device that did not answer well is asked again.
struct AfterFailure {
  void (*run)(void* context) = nullptr;  // null: nothing
  void* context = nullptr;
};

// What has come from an endpoint that is not endpoint 0.
struct Report {
  mm::Phys asked{};                // where the block lies that it was asked for with
  uint8_t slot = 0, endpoint = 0;  // its device context index
  uint8_t code = 0;                // of completion
  uint32_t missing = 0;            // bytes of those asked for
};

class Xhci {
 public:
  static constexpr unsigned kMostSlots = 24;  // devices at a time
  static constexpr size_t kBufferBytes = 1024;

  explicit Xhci(const Hardware& hardware) : hw_(hardware) {}
  Xhci(const Xhci&) = delete;
  Xhci& operator=(const Xhci&) = delete;

  // Takes it over from the firmware, resets it, and has it run; where that fails it is stopped.
  mm::Result<> start();
  // Stops it, cuts it off, and gives its memory back; devices' memory is whoever took it's to give,
  // afterwards.
  void stop();
  // Why it does nothing any more.
  [[nodiscard]] const std::optional<mm::Error>& broken() const { return broken_; }
  // Cut off from memory: nothing of it is the controller's any more.
  [[nodiscard]] bool is_stopped() const { return stopped_; }
  // Whether it still says that it is well; for once in a while.
  void look_after();

  [[nodiscard]] unsigned ports() const { return ports_; }  // numbered from 1
  [[nodiscard]] bool is_connected(unsigned port) const;
  // Makes a device that is connected listen to address 0. How fast it is.
  mm::Result<xhci::Speed> reset_port(unsigned port);
  // A port of which something has changed, once; `plugged`: what is connected there, or that
  // something is.
  struct PortChange {
    unsigned port;
    bool plugged;
  };
  std::optional<PortChange> take_changed_port();

  // Fails with its completion code, or where it does not end and is aborted. The slot that it is
  // about, or that it gave.
  mm::Result<uint8_t> command(xhci::TrbType type, mm::Phys input = {}, uint8_t slot = 0,
                              uint8_t endpoint = 0);
  // The slot is free, and of its device nothing comes any more.
  mm::Result<> disable_slot(uint8_t slot);
  // Endpoint `endpoint`, which was `halted` or is to be stopped, goes on with the next of its ring.
  mm::Result<> restart(uint8_t slot, uint8_t endpoint, const Ring& ring, bool halted);
  // `data` is written or read, as request.type says; where fewer bytes come the rest are zeroes.
  // Where a request that failed cannot be had back, its ring is abandoned: free the device.
  // `failed` is run where it failed otherwise than by the device's refusal, and may ask others.
  mm::Result<> control(uint8_t slot, Ring& ring, const Request& request, std::span<uint8_t> data,
                       const AfterFailure& failed = {});
  void ring_doorbell(uint8_t slot, uint8_t endpoint);
  // The next report, if any came. Also sees to ports' changes.
  std::optional<Report> take_report();

  // Where a device's slot says its context is; 0: nowhere.
  void set_context(uint8_t slot, mm::Phys context);
  // For commands: an input context of zeroes, and how many bytes a context has.
  [[nodiscard]] volatile uint32_t* clear_input();
  [[nodiscard]] mm::Phys input() const { return pages_[kInput].at; }
  [[nodiscard]] size_t context_words() const { return context_bytes_ / 4; }

  // A page of zeroes that the controller reaches.
  mm::Result<mm::Phys> take_page();
  void give_page(mm::Phys page);
  [[nodiscard]] unsigned pages_held() const { return pages_held_; }
  [[nodiscard]] const Hardware& hardware() const { return hw_; }

 private:
  struct Block {
    mm::Phys at{};
    unsigned order = 0;
    bool taken = false;
  };
  enum Page : uint8_t { kTables, kEvents, kInput, kScratchList, kPageKinds };

  [[nodiscard]] uint32_t operational(uint32_t at) const {
    return hw_.read(hw_.context, base_ + at);
  }
  void set_operational(uint32_t at, uint32_t value) const {
    hw_.write(hw_.context, base_ + at, value);
  }
  void set_wide(uint32_t at, mm::Phys value) const;
  [[nodiscard]] uint32_t port_at(unsigned port) const;
  [[nodiscard]] uint32_t take_changes(unsigned port) const;
  void note_changed(unsigned port);

  mm::Result<> find_registers();
  void take_from_firmware() const;
  mm::Result<> reset();
  mm::Result<> lay_out();
  mm::Result<> lay_out_scratch();
  void give_scratch();
  mm::Result<> run();
  bool halt() const;
  mm::Result<mm::Phys> take_block(Block& block, unsigned order);
  void give_block(Block& block);
  mm::Error note_broken(const mm::Error& error);
  // One event of whatever kind; false: there is none.
  bool take_event();
  void take_events();
  void sort(const Trb& event);
  // Whether what is awaited has come.
  bool await(uint64_t most_microseconds);
  bool abort_command();
  uint8_t try_request(uint8_t slot, Ring& ring, const Request& request, mm::Phys place);

  Hardware hw_;
  std::optional<mm::Error> broken_;
  bool stopped_ = false;
  uint32_t base_ = 0, runtime_ = 0, doorbells_ = 0;  // offsets of registers
  uint32_t capability_ = 0;
  unsigned ports_ = 0, slots_ = 0, scratch_ = 0, scratch_order_ = 0, context_bytes_ = 32;
  unsigned pages_held_ = 0;
  std::array<Block, kPageKinds> pages_{};
  Ring commands_;
  EventRing events_;
  std::array<bool, 256> changed_{};    // ports
  std::array<bool, 256> replugged_{};  // of those, seen already
  unsigned changed_count_ = 0;

  struct Awaited {
    mm::Phys command{};  // 0: none
    uint8_t slot = 0;    // whose endpoint 0; 0: none
    // Where the request's blocks lie that can have events; 0: none. The status is the last to come.
    std::array<mm::Phys, 3> request{};
    mm::Phys status{};
    bool done = false;
    uint8_t code = 0, given = 0;

    [[nodiscard]] bool is_ended_by(const Trb& event, uint8_t event_code) const;
  };
  Awaited awaited_;
  bool commands_stopped_ = false;  // as told, since somebody wanted to know
  std::array<Report, 64> reports_{};
  size_t report_start_ = 0, report_end_ = 0;
};

}  // namespace kernel::usb
