// Draws a node: one line of its addresses, which keys, wheel and pointer move along. To a screen
// reader it is a slider whose value is an address, told with all that has it.
'use strict';

const kSvg = 'http://www.w3.org/2000/svg';
// Rows of a node's picture, in pixels.
const kMarks = 14;
const kTypes = {top: 16, height: 9};
const kHolds = {top: 27, height: 40};
const kZones = {top: 69, height: 9};
const kMiddle = (kTypes.top + kZones.top + kZones.height) / 2;
const kTicks = 92;
const kHeight = 98;
const kNamesApart = 8;  // reservations' names that have a colour of their own

// Only text ever becomes part of the page: what a log says cannot be markup.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
function shape(name, attributes = {}, text = '') {
  const made = document.createElementNS(kSvg, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== '') made.textContent = text;
  return made;
}

const isFree = (item) => item.order !== undefined;

// The class that gives what is reserved or free its colour.
function colourOf(machine, item) {
  if (isFree(item)) return `free order${item.order}`;
  const place = machine.names.findIndex(({name}) => name === item.name);
  return place < kNamesApart ? `name name${place}` : 'name others';
}
const labelOf = (item) => (isFree(item) ? `order ${item.order}` : item.name);

class NodePicture {
  // `share`: how much of the width the node has when it is shown whole, of 1; `select(address)` is
  // told where it is pointed to.
  constructor(machine, node, share, foldLength, select) {
    this.machine = machine;
    this.node = node;
    this.share = share;
    this.select = select;
    this.view = new View(new Flow(node.pieces, foldLength), 64 * kPage);
    this.edges = machine.edges(node);
    this.holds = machine.holds(node.start, node.end);
    this.zones = node.zones.flatMap((zone) => zone.ranges.map((range) => ({...range, name: zone.name})));
    this.marked = machine.findings.flatMap((finding, i) => finding.where.map(
      (range) => ({...range, number: i + 1, text: finding.text})));
    this.address = this.edges.length === 0 ? node.start : this.edges[0];
    this.drawn = false;
    this.make();
  }

  make() {
    const free = this.node.zones.reduce((sum, zone) => sum + zone.free.reduce(
      (bytes, count, order) => bytes + count * kPage * 2 ** order, 0), 0);
    const heading = element('h3', {id: `node${this.node.id}`}, `Node ${this.node.id}`);
    const sizes = element('p', {class: 'sizes'}, `${sizeText(this.node.present)} of RAM, ${sizeText(free)} free`);
    this.svg = shape('svg', {class: 'node', height: kHeight, tabindex: 0, role: 'slider',
      'aria-labelledby': heading.id, 'aria-describedby': 'picture-help', 'aria-orientation': 'horizontal'});
    this.box = element('div', {class: 'node-box'}, element('div', {class: 'node-title'}, heading, sizes,
      this.button('+', 'Zoom in', () => this.zoom(2)), this.button('\u2212', 'Zoom out', () => this.zoom(1 / 2)),
      this.button('All', 'Show all', () => this.showAll())), this.svg);
    this.svg.addEventListener('keydown', (event) => this.key(event));
    this.svg.addEventListener('focus', () => this.select(this, this.address));
    this.svg.addEventListener('wheel', (event) => this.wheel(event), {passive: false});
    this.svg.addEventListener('pointermove', (event) => this.point(event));
    this.svg.addEventListener('pointerdown', (event) => this.grab(event));
    this.svg.addEventListener('pointerup', () => { this.held = null; });
    this.say();
  }

  button(text, what, act) {
    const made = element('button', {type: 'button', class: 'small',
      'aria-label': `${what}, node ${this.node.id}`, title: what}, text);
    made.addEventListener('click', act);
    return made;
  }

  // --- Where one is --------------------------------------------------------------------------------

  // What a screen reader reads for the place.
  say() {
    const owners = this.machine.owners(this.address);
    this.svg.setAttribute('aria-valuemin', this.node.start);
    this.svg.setAttribute('aria-valuemax', this.node.end - 1);
    this.svg.setAttribute('aria-valuenow', this.address);
    this.svg.setAttribute('aria-valuetext', [hex(this.address, 1), ...owners.map(
      ({station, what}) => (station === 'block' ? what : `${station} ${what}`))].join(', '));
  }

  go(address, told = true) {
    this.address = address;
    this.say();
    this.drawCursor();
    if (told) this.select(this, address);
  }

  // Shows a range with something on both sides of it. False where the node has no place for it.
  show(range) {
    const flow = this.view.flow;
    const piece = flow.pieces.find((p) => !p.fold && p.start < range.end && range.start < p.end);
    if (!piece) return false;
    const start = Math.max(range.start, piece.start);
    const length = Math.min(range.end, piece.end) - start;
    this.view.show(flow.of(start) - length, 3 * length);
    this.draw();
    this.go(start);
    return true;
  }

  at(event) {
    if (!this.drawn) this.draw();
    const box = this.svg.getBoundingClientRect();
    return this.view.place(event.clientX - box.left, this.width);
  }

  // --- Keys and pointer ----------------------------------------------------------------------------

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const edges = this.edges;
    const acts = {
      ArrowRight: () => this.step(edges.find((edge) => edge > this.address)),
      ArrowLeft: () => this.step(edges.filter((edge) => edge < this.address).pop()),
      ArrowUp: () => this.step(edges.find((edge) => edge > this.address)),
      ArrowDown: () => this.step(edges.filter((edge) => edge < this.address).pop()),
      Home: () => this.step(edges[0]),
      End: () => this.step(edges[edges.length - 1]),
      PageUp: () => this.zoom(2),
      PageDown: () => this.zoom(1 / 2),
      '+': () => this.zoom(2),
      '=': () => this.zoom(2),
      '-': () => this.zoom(1 / 2),
      Escape: () => this.showAll(),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  step(address) {
    if (address === undefined) return;
    this.view.include(this.view.flow.of(address));
    this.draw();
    this.go(address);
  }

  zoom(factor, at = this.view.flow.of(this.address)) {
    this.view.zoom(factor, at);
    this.draw();
  }

  showAll() {
    this.view.all();
    this.draw();
  }

  wheel(event) {
    if (event.deltaY === 0 || (event.deltaY > 0 && this.view.whole)) return;  // the page's own
    event.preventDefault();
    this.zoom(2 ** (-Math.sign(event.deltaY) / 2), this.at(event));
  }

  grab(event) {
    this.held = {x: event.clientX, from: this.view.from};
    this.svg.setPointerCapture(event.pointerId);
    this.go(this.view.flow.address(this.at(event)));
  }

  point(event) {
    if (this.held && event.buttons !== 0) {
      const moved = (this.held.x - event.clientX) * (this.view.to - this.view.from) / this.width;
      this.view.show(this.held.from + moved, this.view.to - this.view.from);
      this.draw();
    } else {
      this.held = null;
      this.go(this.view.flow.address(this.at(event)));
    }
  }

  // --- Drawing -------------------------------------------------------------------------------------

  get width() {
    return Math.max(1, Math.floor(this.whole * (this.view.whole ? this.share : 1)));
  }

  // `whole`: columns of the longest node.
  draw(whole = this.whole || this.box.clientWidth) {
    this.whole = whole;
    this.drawn = true;
    const width = this.width;
    this.svg.setAttribute('width', width);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${kHeight}`);
    const parts = [...this.drawLane(this.machine.e820, kTypes, (e) => e.rank, (a, b) => a.rank === b.rank,
      (e) => `type type${e.rank}`, (e) => e.type),
      ...this.drawLane(this.holds, kHolds, () => 0, (a, b) => labelOf(a) === labelOf(b),
        (item) => colourOf(this.machine, item), labelOf),
      ...this.drawLane(this.zones, kZones, () => 0, (a, b) => a.name === b.name,
        (zone) => `zone zone-${zone.name.toLowerCase()}`, (zone) => zone.name),
      ...this.drawFolds(), ...this.drawTicks(), ...this.drawMarks()];
    this.cursor = shape('line', {class: 'cursor', y1: kMarks, y2: kTicks - 10});
    this.svg.replaceChildren(...parts, this.cursor);
    this.drawCursor();
  }

  // A lane's boxes, each with its name where there is room.
  drawLane(items, lane, rank, same, colour, label) {
    const parts = [];
    for (const run of runsOf(this.view, items, this.width, rank, same)) {
      const box = shape('rect', {class: colour(run.item), x: run.x, y: lane.top, width: run.width, height: lane.height});
      if (isFree(run.item)) box.style.setProperty('--order', run.item.order);
      parts.push(box);
      const text = label(run.item);
      if (lane !== kHolds || text.length * 7 + 6 > run.width) continue;
      const name = shape('text', {class: `label ${colour(run.item)}`, x: run.x + run.width / 2,
        y: lane.top + lane.height / 2 + 4}, text);
      if (isFree(run.item)) name.style.setProperty('--order', run.item.order);
      parts.push(name);
    }
    return parts;
  }

  drawFolds() {
    const parts = [];
    for (const piece of this.view.flow.pieces) {
      if (!piece.fold) continue;
      const begin = this.view.column(piece.at, this.width);
      const length = this.view.column(piece.at + piece.length, this.width) - begin;
      if (begin + length < 0 || begin > this.width) continue;
      const middle = begin + length / 2;
      const path = `M${begin + 2} ${kTypes.top} v${kZones.top + kZones.height - kTypes.top}` +
        `M${begin + length - 2} ${kTypes.top} v${kZones.top + kZones.height - kTypes.top}`;
      const fold = shape('g', {class: 'fold'});
      fold.append(shape('path', {d: path}),
        shape('text', {class: 'size', x: middle, y: kMiddle, transform: `rotate(-90 ${middle} ${kMiddle}) translate(0 4)`},
          sizeText(piece.end - piece.start)),
        shape('title', {}, `A hole of ${sizeText(piece.end - piece.start)}: ${rangeText(piece.start, piece.end)}`));
      parts.push(fold);
    }
    return parts;
  }

  // Addresses beneath: where pieces begin, and round ones between, as many as there is room for.
  drawTicks() {
    const parts = [];
    const room = 104;
    const step = 2 ** Math.ceil(Math.log2((this.view.to - this.view.from) * room / this.width));
    let free = 0;
    const tick = (address) => {
      const column = this.view.column(this.view.flow.of(address), this.width);
      if (column < free || column + room > this.width) return;
      parts.push(shape('line', {class: 'tick', x1: column + 0.5, x2: column + 0.5, y1: kTicks - 13, y2: kTicks - 1}),
        shape('text', {class: 'tick', x: column + 3, y: kTicks}, hex(address, 1)));
      free = column + room;
    };
    for (const piece of this.view.flow.pieces) {
      if (piece.fold || piece.at + piece.length <= this.view.from || piece.at >= this.view.to) continue;
      const begin = Math.max(piece.start, this.view.from - piece.at + piece.start);
      const end = Math.min(piece.end, this.view.to - piece.at + piece.start);
      if (begin === piece.start) tick(begin);
      for (let at = Math.ceil(begin / step) * step; at < end; at += step) tick(at);
    }
    return parts;
  }

  drawMarks() {
    const parts = [];
    for (const mark of this.marked) {
      for (const [begin, end] of this.view.parts(mark, this.width)) {
        const width = Math.max(end - begin, 2);
        const group = shape('g', {class: 'mark'});
        group.append(shape('rect', {x: begin, y: kMarks - 3, width, height: 3}),
          shape('text', {x: Math.min(begin, this.width - 8), y: kMarks - 4}, `${mark.number}`),
          shape('title', {}, `Finding ${mark.number}: ${mark.text}`));
        parts.push(group);
      }
    }
    return parts;
  }

  drawCursor() {
    if (!this.cursor) return;
    const at = this.view.flow.of(this.address);
    const column = at === null ? -9 : this.view.column(at, this.width);
    this.cursor.setAttribute('x1', column);
    this.cursor.setAttribute('x2', column);
  }
}
