// What the picture shows, as tables.
'use strict';

function table(caption, columns, rows) {
  const head = element('tr', {}, ...columns.map((column) => element('th', {scope: 'col'}, column)));
  const body = rows.map((row) => element('tr', {}, ...row.map(
    (cell, i) => element(i === 0 ? 'th' : 'td', i === 0 ? {scope: 'row'} : {}, cell))));
  return element('table', {}, element('caption', {}, caption), element('thead', {}, head),
    element('tbody', {}, ...body));
}

// A range that can be gone to.
function rangeButton(range, jump) {
  const made = element('button', {type: 'button', class: 'range', title: 'Show it in the picture'},
    rangeText(range.start, range.end));
  made.addEventListener('click', () => jump(range));
  return made;
}

function folded(title, ...contents) {
  return element('details', {}, element('summary', {}, title), ...contents);
}

function zoneTable(machine) {
  const orders = Math.max(0, ...machine.nodes.flatMap((n) => n.zones.map((z) => z.free.length)));
  const columns = ['Node, zone', 'RAM', 'Managed', ...Array.from({length: orders}, (_, i) => `${i}`)];
  return table('Zones, and their free blocks by order (a block of order n has 2^n pages of 4 KiB)', columns,
    machine.nodes.flatMap((node) => node.zones.map((zone) => [`${node.id}, ${zone.name}`,
      sizeText(zone.present), sizeText(zone.managed), ...zone.free.map(String)])));
}

function rangeTable(caption, name, ranges, word, jump) {
  return table(caption, ['Range', 'Size', name], ranges.map(
    (range) => [rangeButton(range, jump), sizeText(range.end - range.start), word(range)]));
}

// The section's contents.
function tablesOf(machine, jump) {
  const parts = [
    folded('Nodes, zones and free blocks', zoneTable(machine)),
    folded(`e820: ${machine.e820.length} ranges`, rangeTable('What the machine\u2019s memory is', 'Type',
      machine.e820, (e) => e.type, jump)),
    folded(`Reservations: ${machine.reservations.length}`, rangeTable('What is not the allocator\u2019s, and whose it is',
      'Name', machine.reservations, (r) => r.name, jump)),
    folded(`Nodes\u2019 RAM: ${machine.nodes.reduce((sum, n) => sum + n.ram.length, 0)} ranges`,
      rangeTable('Which node has which RAM', 'Node', machine.nodes.flatMap(
        (node) => node.ram.map((ram) => ({...ram, node: node.id}))), (r) => `${r.node}`, jump)),
    folded(`Free blocks: ${machine.runs.length} rows of equal ones`, rangeTable(
      'Free blocks of one order in a row', 'Blocks', machine.runs, (run) => `${
        (run.end - run.start) / (kPage * 2 ** run.order)} of order ${run.order}`, jump)),
  ];
  if (machine.taken.length !== 0) {
    parts.push(folded(`RAM that was taken away: ${machine.taken.length} ranges`, rangeTable(
      'RAM that the firmware gave and that is not used', 'Why', machine.taken, (t) => t.why, jump)));
  }
  if (machine.remarks.length !== 0) {
    parts.push(folded(`Remarks on the log: ${machine.remarks.length}`, element('ul', {}, ...machine.remarks.map(
      ({line, text}) => element('li', {}, line === 0 ? text : `Line ${line}: ${text}`)))));
  }
  parts.push(folded('The ledger', element('pre', {tabindex: 0}, machine.ledger)),
    folded('The log, as Baton would print it', element('pre', {tabindex: 0}, machine.log)));
  return parts;
}
