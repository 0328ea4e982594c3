// Doubly linked lists of blocks, through the `next` and `prev` of their first Pages.
//
// A list belongs to one node; links are indexes into its mem_map. Newest first: add_head() and the
// head are hot, add_tail() and the tail cold.
#pragma once

#include "mm/page.h"

namespace mm {

struct FrameList {
  FrameIndex head,
      tail;  // kNoFrame when empty; trivial, so that arrays of them cost nothing to make

  [[nodiscard]] bool empty() const { return head == kNoFrame; }

  void add_head(Page* mem_map, FrameIndex frame) {
    Page& page = mem_map[frame];
    page.prev = kNoFrame;
    page.next = head;
    if (head == kNoFrame) {
      tail = frame;
    } else {
      mem_map[head].prev = frame;
    }
    head = frame;
  }

  void add_tail(Page* mem_map, FrameIndex frame) {
    Page& page = mem_map[frame];
    page.next = kNoFrame;
    page.prev = tail;
    if (tail == kNoFrame) {
      head = frame;
    } else {
      mem_map[tail].next = frame;
    }
    tail = frame;
  }

  void remove(Page* mem_map, FrameIndex frame) {
    const Page& page = mem_map[frame];
    if (page.prev == kNoFrame) {
      head = page.next;
    } else {
      mem_map[page.prev].next = page.next;
    }
    if (page.next == kNoFrame) {
      tail = page.prev;
    } else {
      mem_map[page.next].prev = page.prev;
    }
  }
};

// A list for one CPU, whose use costs least: the newest block's `prev` and, of an empty list, the
// tail mean nothing.
struct HotList {
  FrameIndex head, tail;

  [[nodiscard]] bool empty() const { return head == kNoFrame; }

  void push(Page* mem_map, FrameIndex frame) {
    mem_map[frame].next = head;
    if (head == kNoFrame) {
      tail = frame;
    } else {
      mem_map[head].prev = frame;
    }
    head = frame;
  }
  // The newest. Only when not empty.
  FrameIndex pop(const Page* mem_map) {
    const FrameIndex frame = head;
    head = mem_map[frame].next;
    return frame;
  }
  void add_oldest(Page* mem_map, FrameIndex frame) {
    mem_map[frame].next = kNoFrame;
    if (head == kNoFrame) {
      head = frame;
    } else {
      mem_map[tail].next = frame;
      mem_map[frame].prev = tail;
    }
    tail = frame;
  }
  // Takes the oldest, `most` at most, and calls visit(frame) for each, the oldest first.
  template <class Visit>
  [[gnu::always_inline]] void take_oldest(Page* mem_map, unsigned most, Visit visit) {
    if (empty()) return;
    FrameIndex frame = tail;
    for (; most != 0; --most) {
      const bool last = frame == head;
      const FrameIndex before = mem_map[frame].prev;  // of the last it means nothing
      visit(frame);
      if (last) {
        head = kNoFrame;
        return;
      }
      frame = before;
    }
    tail = frame;
    mem_map[frame].next = kNoFrame;
  }
};

}  // namespace mm
