// The page: what it is given, and how its parts know of each other.
'use strict';

const kPaperWidth = 680;  // that A4 and Letter have room for, at 96 columns an inch

const at = (id) => document.getElementById(id);

class Page {
  // The machine that is shown; what was there is replaced.
  show(data) {
    const machine = new Machine(data);
    this.machine = machine;
    document.title = `${machine.title}: where its memory is`;
    at('title').textContent = machine.title;
    at('summary').textContent = this.summary();
    at('trouble').textContent = machine.open;
    at('limits').textContent = this.limits();
    at('answers').textContent = machine.answers;
    at('answered').hidden = machine.answers === '';
    at('finding-list').replaceChildren(...this.findings());
    this.makeNodes();
    at('legend').replaceChildren(...this.legend());
    at('tables').replaceChildren(at('tables-heading'), ...tablesOf(machine, (range) => this.jump(range)));
    at('owner').tBodies[0].replaceChildren();
    at('shown').hidden = false;
    for (const picture of this.pictures.slice(0, 8)) picture.draw(this.width);
  }

  summary() {
    const {nodes} = this.machine;
    const findings = this.machine.findings.filter(({note}) => note === 0);
    const ram = nodes.reduce((sum, node) => sum + node.present, 0);
    const of = (count, one, many) => `${count} ${count === 1 ? one : many}`;
    return `${sizeText(ram)} of RAM in ${of(nodes.length, 'node', 'nodes')}, ` +
      (findings.length === 0 ? 'no findings' : of(findings.length, 'finding', 'findings'));
  }

  // What the picture does not show as it is.
  limits() {
    const {leftOut, tablesBelow} = this.machine;
    return (tablesBelow === 0 ? '' : 'The allocator\u2019s own tables (MEMMAP, NODE_DATA and the like) lie below ' +
      `${sizeText(tablesBelow)} here, as there are no addresses for more; a kernel has them on their nodes. `) +
      (leftOut === 0 ? '' : `${leftOut} more nodes have no place here; their memory is in the tables. `);
  }

  findings() {
    const {findings} = this.machine;
    if (findings.length === 0) return [element('li', {class: 'none'}, 'None.')];
    return findings.map((finding) => element('li', {},
      element('p', {class: 'finding'}, finding.note === 1 ? `Worth knowing: ${finding.text}` : finding.text),
      ...(finding.advice === '' ? [] : [element('p', {class: 'advice'}, finding.advice)]),
      ...(finding.where.length === 0 ? [] : [element('p', {}, ...finding.where.flatMap(
        (range) => [rangeButton(range, (r) => this.jump(r)), ' ']))])));
  }

  makeNodes() {
    const {nodes} = this.machine;
    const length = (node) => node.pieces.reduce((sum, p) => sum + (p.fold ? 0 : p.end - p.start), 0);
    const longest = Math.max(1, ...nodes.map(length));
    const fold = longest / 25;
    const line = (node) => length(node) + fold * node.pieces.filter((p) => p.fold).length;
    const whole = Math.max(1, ...nodes.map(line));
    this.pictures = nodes.filter((node) => node.pieces.length !== 0).map((node) => new NodePicture(
      this.machine, node, line(node) / whole, fold, (picture, address) => this.explain(address)));
    at('nodes').replaceChildren(...this.pictures.map((picture) => picture.box));
    // Of many nodes the others are drawn when they come near.
    if (this.watch) this.watch.disconnect();
    this.watch = new IntersectionObserver((seen) => {
      for (const {target, isIntersecting} of seen) {
        const picture = this.pictures.find((p) => p.box === target);
        if (isIntersecting && picture && !picture.drawn) picture.draw(this.width);
      }
    }, {rootMargin: '300px'});
    for (const picture of this.pictures) this.watch.observe(picture.box);
  }

  get width() { return Math.floor(at('nodes').clientWidth); }

  // Again, where the width is another.
  drawAll() {
    for (const picture of this.pictures || []) if (picture.drawn) picture.draw(this.width);
  }

  drawForPaper() {
    for (const picture of this.pictures || []) picture.draw(kPaperWidth);
  }

  legend() {
    const {machine} = this;
    const item = (colour, text, order) => {
      const box = element('span', {class: `swatch ${colour}`});
      if (order !== undefined) box.style.setProperty('--order', order);
      return element('li', {}, box, text);
    };
    const ranks = new Set(machine.e820.map((e) => e.rank));
    const types = machine.types.filter((t) => ranks.delete(t.rank));
    const others = machine.names.slice(kNamesApart);
    return [...types.map((t) => item(`type type${t.rank}`, t.name)),
      ...[0, 6, 12, 18].map((order) => item('free', `free, order ${order}`, order)),
      ...machine.names.slice(0, kNamesApart).map(({name, size}, i) => item(`name name${i}`, `${name} ${sizeText(size)}`)),
      ...(others.length === 0 ? [] : [item('name others', `${others.length} other names`)])];
  }

  // --- A place -------------------------------------------------------------------------------------

  explain(address) {
    at('address').value = hex(address, 1);
    at('go-trouble').textContent = '';
    at('owner').caption.textContent = `Who has ${hex(address)}`;
    at('owner').tBodies[0].replaceChildren(...this.machine.owners(address).map(
      ({station, what, start, end}) => element('tr', {}, element('th', {scope: 'row'}, station),
        element('td', {}, what), element('td', {}, ...(start === undefined ? [] : [
          `${rangeText(start, end)}, ${sizeText(end - start)}`])))));
  }

  jump(range) {
    const picture = this.pictures.find((p) => p.node.ram.some(
      (ram) => ram.start < range.end && range.start < ram.end) && p.show(range)) ||
      this.pictures.find((p) => p.show(range));
    if (!picture) {
      this.explain(range.start);
      at('go-trouble').textContent = 'The place is in no part of the picture: a hole, or no RAM is near it.';
      at('place').scrollIntoView({block: 'center'});
      at('address').focus();
      return;
    }
    picture.svg.focus({preventScroll: true});
    picture.box.scrollIntoView({block: 'center'});
  }

  go(text) {
    const word = text.trim();
    const address = /^(0x)?[0-9a-f]{1,13}$/i.test(word) ? parseInt(word, 16) : NaN;
    if (!(address < 2 ** 52)) {
      at('go-trouble').textContent = 'That is no address; write it in hexadecimal, as 0x100000.';
      return;
    }
    const page = address - address % kPage;
    for (const picture of this.pictures) {
      const place = picture.view.flow.of(address);
      if (place === null || picture.view.flow.pieces.some((p) => p.fold && p.start <= address && address < p.end)) continue;
      if (!picture.drawn) picture.draw(this.width);
      picture.view.include(picture.view.flow.of(page) ?? place);
      picture.draw();
      picture.go(address, false);
      break;
    }
    this.explain(address);
  }
}

// --- What is pasted or dropped ----------------------------------------------------------------------

class Giver {
  constructor(page, base64) {
    this.page = page;
    this.base64 = base64;
    this.files = [];
    at('give').hidden = false;
    at('ask').addEventListener('submit', (event) => {
      event.preventDefault();
      this.replay();
    });
    at('log').addEventListener('input', () => { this.files = []; });
    at('log').addEventListener('paste', () => setTimeout(() => this.replay()));
    at('file').addEventListener('change', (event) => this.take(event.target.files));
    document.addEventListener('dragover', (event) => event.preventDefault());
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      this.take(event.dataTransfer.files);
    });
  }

  async take(files) {
    if (files.length === 0) return;
    this.files = [...files];
    at('log').value = '';
    await this.replay();
  }

  // The files that were given last, or what is in the field.
  async pieces() {
    const pasted = at('log').value;
    if (this.files.length === 0 || pasted !== '') {
      return [{name: 'The pasted log', bytes: new TextEncoder().encode(pasted)}];
    }
    const pieces = [];
    for (const file of this.files) pieces.push(...await unpacked(file.name, new Uint8Array(await file.arrayBuffer())));
    return pieces;
  }

  // replay's own words for what the fields ask.
  words() {
    const words = [];
    for (const field of document.querySelectorAll('#what-if input')) {
      const value = field.value.trim();
      if (value !== '') words.push(`--${field.dataset.word}=${value}`);
    }
    return [...words, '-'];
  }

  async replay() {
    at('trouble').textContent = '';
    at('shown').hidden = true;
    try {
      this.module ||= await WebAssembly.compile(Uint8Array.from(atob(this.base64), (c) => c.charCodeAt(0)));
      const input = framed(await this.pieces());
      const {status, output, errors} = await runProgram(this.module, input, this.words());
      if (status > 1) throw new Error(errors.trim() || `The replay ended with status ${status}.`);
      const data = JSON.parse(output);
      this.page.show(this.files.length > 1 ? {...data, title: this.files.map(({name}) => name).join(', ')} : data);
    } catch (error) {
      at('trouble').textContent = error.message;
    }
  }
}

function start() {
  const page = new Page();
  const data = at('machine').textContent.trim();
  const wasm = at('wasm').textContent.trim();
  let width = 0;
  new ResizeObserver(() => {
    if (page.width === width || !page.pictures || page.width === 0) return;
    width = page.width;
    page.drawAll();
  }).observe(at('nodes'));
  // On paper all is to be read.
  let closed = [];
  window.addEventListener('beforeprint', () => {
    closed = [...document.querySelectorAll('details:not([open])')];
    for (const details of closed) details.open = true;
    page.drawForPaper();
  });
  window.addEventListener('afterprint', () => {
    for (const details of closed) details.open = false;
    page.drawAll();
  });
  at('go').addEventListener('submit', (event) => {
    event.preventDefault();
    page.go(at('address').value);
  });
  if (wasm !== '') window.giver = new Giver(page, wasm);
  if (data === '') return;
  try {
    page.show(JSON.parse(data));
  } catch (error) {
    at('trouble').textContent = error.message;
  }
}

start();
