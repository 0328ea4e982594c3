// A replayed machine as the page has it (docs/replay-page.md): who has an address, and which
// stretches lie where. Addresses are numbers of bytes, below 2^52 and so exact; ranges end before `end`.
'use strict';

const kPage = 4096;
const kPageblock = 512 * kPage;

const hex = (address, digits = 12) => '0x' + address.toString(16).padStart(digits, '0');
const rangeText = (start, end) => `${hex(start)} to ${hex(end - 1)}`;

// `15.9 GiB`; below 10 KiB in bytes.
function sizeText(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let number = bytes;
  while (number >= (unit === 0 ? 10240 : 1024) && unit < units.length - 1) {
    number /= 1024;
    ++unit;
  }
  const whole = Number.isInteger(number) || number >= 100;
  return `${whole ? Math.floor(number) : Math.floor(number * 10) / 10} ${units[unit]}`;
}

// Of sorted, disjoint things with start and end: the place of the first that ends behind the address.
function placeIn(sorted, address) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle].end <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
function findIn(sorted, address) {
  const found = sorted[placeIn(sorted, address)];
  return found && found.start <= address ? found : null;
}

class Machine {
  // Throws an Error that says what is wrong with the data.
  constructor(data) {
    if (data.format !== 'baton-page') throw new Error('This is no machine that the page can show.');
    if (data.version !== 1) {
      throw new Error(`The machine's data has version ${data.version}, and the page knows 1.`);
    }
    const types = data.types;
    const typed = ([start, end, type]) => ({start, end, type: types[type].name, rank: types[type].rank});
    this.title = data.title;
    this.answers = data.answers;
    this.remarks = data.remarks;
    this.findings = data.findings.map((f) => (
      {...f, where: f.where.map(([start, end]) => ({start, end}))}));
    this.types = types;
    this.firmware = data.firmware.map(typed);
    this.e820 = data.e820.map(typed);
    this.taken = data.taken.map(([start, end, why]) => ({start, end, why}));
    this.reservations = data.reservations.map(([start, end, name]) => ({start, end, name}));
    this.srat = data.srat.map(([start, end, node, words]) => ({start, end, node, words}));
    this.nodes = data.nodes.map((node) => ({
      ...node,
      start: node.span[0],
      end: node.span[1],
      ram: node.ram.map(([start, end]) => ({start, end})),
      zones: node.zones.map((zone) => ({...zone, start: zone.span[0], end: zone.span[1],
        ranges: zone.ranges.map(([start, end]) => ({start, end}))})),
      pieces: node.pieces.map(([start, end, fold]) => ({start, end, fold: fold === 1})),
    }));
    // Free blocks of one order in a row.
    this.runs = data.free.map(([start, order, count, migratetype]) => (
      {start, end: start + kPage * 2 ** order * count, order, migratetype}));
    this.migratetype = data.migratetype;  // of pageblocks without free blocks
    this.leftOut = data.left_out;
    this.tablesBelow = data.tables_below;  // 0: where a kernel has them
    this.ledger = data.ledger;
    this.open = data.open;
    this.log = data.log;
    this.names = this.namesBySize();
  }

  // Reservations' names, that with most bytes first.
  namesBySize() {
    const bytes = new Map();
    for (const r of this.reservations) bytes.set(r.name, (bytes.get(r.name) || 0) + r.end - r.start);
    return [...bytes].sort((a, b) => b[1] - a[1]).map(([name, size]) => ({name, size}));
  }

  nodeOf(address) {
    return this.nodes.find((node) => findIn(node.ram, address)) ||
      this.nodes.find((node) => node.start <= address && address < node.end) || null;
  }

  // Everybody who has the address, from the firmware on: {station, what, start, end}; start and end
  // are missing where the station has nothing there.
  owners(address) {
    const owners = [];
    const add = (station, what, range) => owners.push({station, what, ...(range && {start: range.start, end: range.end})});
    const has = (range) => range.start <= address && address < range.end;
    const said = this.firmware.filter(has);
    for (const entry of said) add('firmware', entry.type, entry);
    if (said.length === 0) add('firmware', 'not in its map');
    for (const taken of this.taken.filter(has)) add('taken', taken.why, taken);
    const now = findIn(this.e820, address);
    add('e820', now ? now.type : 'a gap', now);
    const reservation = findIn(this.reservations, address);
    if (reservation) add('reservation', reservation.name, reservation);
    for (const entry of this.srat.filter(has)) add('SRAT', `node ${entry.node}${entry.words}`, entry);
    this.addFrame(address, add, has);
    return owners;
  }

  addFrame(address, add, has) {
    const node = this.nodeOf(address);
    if (!node) {
      add('block', "in no node's mem_map");
      return;
    }
    add('node', `${node.id}`, node);
    const zone = node.zones.find((z) => findIn(z.ranges, address)) || node.zones.find(has);
    if (zone) add('zone', zone.name, zone);
    const run = findIn(this.runs, address);
    const pageblock = address - address % kPageblock;
    add('pageblock', run ? run.migratetype : this.migratetype, {start: pageblock, end: pageblock + kPageblock});
    if (run) {
      const size = kPage * 2 ** run.order;
      const start = address - address % size;
      add('block', `free, in a block of order ${run.order}`, {start, end: start + size});
    } else if (findIn(node.ram, address)) {
      add('block', "reserved: not the allocator's");
    } else {
      add('block', 'a hole: no RAM is there');
    }
  }

  // What there is in a range of addresses, sorted: what is reserved and what is free; they are disjoint.
  holds(start, end) {
    const inside = (list) => {
      const part = [];
      for (let i = placeIn(list, start); i < list.length && list[i].start < end; ++i) part.push(list[i]);
      return part;
    };
    return [...inside(this.reservations), ...inside(this.runs)].sort((a, b) => a.start - b.start);
  }

  // Where something begins or ends in the node's pieces, sorted.
  edges(node) {
    const edges = new Set();
    const add = (range) => edges.add(range.start).add(range.end);
    for (const list of [this.e820, this.reservations, this.runs, node.zones, node.ram]) list.forEach(add);
    return [...edges].filter((edge) => node.pieces.some(
      (piece) => !piece.fold && piece.start <= edge && edge < piece.end)).sort((a, b) => a - b);
  }
}
