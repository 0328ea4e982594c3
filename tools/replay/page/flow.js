// Where an address is on a line: a node's stretches of address space to scale, one behind the other,
// with a mark for each hole between them; and which part of that line is to be seen.
'use strict';

// A node's line. Its unit is the byte; a fold is as long as the `foldLength` that all have.
class Flow {
  constructor(pieces, foldLength) {
    this.length = 0;
    this.pieces = pieces.map((piece) => {
      const at = this.length;
      const length = piece.fold ? foldLength : piece.end - piece.start;
      this.length += length;
      return {...piece, at, length};
    });
  }

  // Null where the address is in no piece.
  of(address) {
    const piece = this.pieces.find((p) => p.start <= address && address < p.end);
    if (!piece) return null;
    return piece.fold ? piece.at + piece.length / 2 : piece.at + address - piece.start;
  }

  // The address at a place of the line; within a fold its beginning.
  address(at) {
    const piece = this.pieces.find((p) => at < p.at + p.length) || this.pieces[this.pieces.length - 1];
    if (piece.fold) return piece.start;
    return piece.start + Math.max(0, Math.min(Math.floor(at - piece.at), piece.end - piece.start - 1));
  }
}

// The part [from, to) of a flow, over `width` columns.
class View {
  constructor(flow, least) {
    this.flow = flow;
    this.least = least;  // that can be seen, in bytes
    this.all();
  }

  all() {
    this.from = 0;
    this.to = this.flow.length;
  }

  get whole() { return this.from === 0 && this.to === this.flow.length; }

  show(from, length) {
    const part = Math.min(Math.max(length, this.least), this.flow.length);
    this.from = Math.max(0, Math.min(from, this.flow.length - part));
    this.to = this.from + part;
  }

  // `at` stays where it is.
  zoom(factor, at) {
    const length = Math.min(Math.max((this.to - this.from) / factor, this.least), this.flow.length);
    const share = (at - this.from) / (this.to - this.from);
    this.show(at - share * length, length);
  }

  pan(by) { this.show(this.from + by, this.to - this.from); }

  // So that a place is seen, if it is not.
  include(at) {
    if (at < this.from || at >= this.to) this.show(at - (this.to - this.from) / 2, this.to - this.from);
  }

  column(at, width) { return (at - this.from) * width / (this.to - this.from); }
  place(column, width) { return this.from + column * (this.to - this.from) / width; }

  // [from, to) columns of what is to be seen of a range of addresses, in each piece; folds not.
  parts(range, width) {
    const parts = [];
    for (const piece of this.flow.pieces) {
      if (piece.fold || range.end <= piece.start || range.start >= piece.end) continue;
      const begin = Math.max(range.start, piece.start) - piece.start + piece.at;
      const end = Math.min(range.end, piece.end) - piece.start + piece.at;
      if (end <= this.from || begin >= this.to) continue;
      parts.push([Math.max(0, this.column(begin, width)), Math.min(width, this.column(end, width))]);
    }
    return parts;
  }
}

// What each column shows of many ranges: of those in it the one that `rank` puts highest, and among
// equals the one that has most of it. Gives runs of columns that show the same: {x, width, item};
// `same(a, b)` says what is the same.
function runsOf(view, items, width, rank, same) {
  const best = new Array(width).fill(null);
  const weight = new Float64Array(width);
  const level = new Float64Array(width).fill(-1);
  for (const item of items) {
    for (const [begin, end] of view.parts(item, width)) {
      for (let x = Math.floor(begin); x < Math.min(Math.max(end, begin + 1e-9), width); ++x) {
        const has = Math.min(end, x + 1) - Math.max(begin, x);
        const high = rank(item);
        if (high < level[x] || (high === level[x] && has <= weight[x])) continue;
        level[x] = high;
        weight[x] = has;
        best[x] = item;
      }
    }
  }
  const runs = [];
  for (let x = 0; x < width; ++x) {
    const item = best[x];
    const last = runs[runs.length - 1];
    if (!item) continue;
    if (last && last.x + last.width === x && same(last.item, item)) ++last.width;
    else runs.push({x, width: 1, item});
  }
  return runs;
}
