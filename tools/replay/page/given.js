// What a person gives to the page, as pieces {name, bytes}: archives and compressed files are taken
// apart, as far as a browser can (gzip, zip, tar).
'use strict';

const kMostBytes = 256 * 1024 * 1024;

// What else begins so, and no browser can take apart.
const kPacked = [
  {magic: [0x28, 0xb5, 0x2f, 0xfd], how: 'zstd', by: 'unzstd'}, {magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], how: 'xz', by: 'unxz'},
  {magic: [0x42, 0x5a, 0x68], how: 'bzip2', by: 'bunzip2'}, {magic: [0x37, 0x7a, 0xbc, 0xaf], how: '7-Zip', by: '7z x'},
];

const beginsWith = (bytes, magic, at = 0) => magic.every((byte, i) => bytes[at + i] === byte);

async function inflated(name, bytes, format) {
  const reader = new Response(bytes).body.pipeThrough(new DecompressionStream(format)).getReader();
  const parts = [];
  let length = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      length += part.value.length;
      if (length > kMostBytes) throw new RangeError('longer than 256 MiB');
    }
  } catch (error) {
    throw new Error(`${name} cannot be unpacked: ${error.message || 'it is damaged'}.`);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const isTar = (bytes) => beginsWith(bytes, [0x75, 0x73, 0x74, 0x61, 0x72], 257);

// POSIX's ustar, with GNU's and pax's long names.
function untarred(name, bytes) {
  const text = (at, length) => new TextDecoder().decode(bytes.subarray(at, at + length)).replace(/\0.*$/s, '');
  const pieces = [];
  let long = '';
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const size = parseInt(text(at + 124, 12).trim() || '0', 8);
    const end = at + 512 + size;
    if (!(end <= bytes.length)) throw new Error(`${name} is cut: an archive that ends within a file.`);
    const type = String.fromCharCode(bytes[at + 156] || 0x30);
    const prefix = text(at + 345, 155);
    if (type === 'L') long = text(at + 512, size);
    else if (type === 'x') long = /(?:^|\n)\d+ path=(.*)\n/.exec(text(at + 512, size))?.[1] || long;
    else {
      const file = long || (prefix === '' ? '' : `${prefix}/`) + text(at, 100);
      if (type === '0') pieces.push({name: `${name}:${file}`, bytes: bytes.subarray(at + 512, end)});
      long = '';
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return pieces;
}

// PKWARE's APPNOTE: the central directory at the end says where each file is.
async function unzipped(name, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const broken = () => new Error(`${name} is no zip archive that can be read here.`);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) --end;
  if (end < 0) throw broken();
  const pieces = [];
  let at = view.getUint32(end + 16, true);
  try {
    for (let count = view.getUint16(end + 10, true); count > 0; --count) {
      const [method, size] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true)];
      const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
      const file = `${name}:${new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength))}`;
      const local = view.getUint32(at + 42, true);
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const stored = bytes.subarray(start, start + size);
      if (method !== 0 && method !== 8) throw new Error(`${file} is compressed in a way that is not known here.`);
      if (!file.endsWith('/')) {
        pieces.push({name: file, bytes: method === 0 ? stored : await inflated(file, stored, 'deflate-raw')});
      }
      at += 46 + nameLength + extra + comment;
    }
  } catch (error) {
    throw error instanceof RangeError ? broken() : error;
  }
  return pieces;
}

async function unpacked(name, bytes) {
  const packed = kPacked.find(({magic}) => beginsWith(bytes, magic));
  if (packed) throw new Error(`${name} is compressed (${packed.how}), which a browser cannot take apart; ${packed.by} unpacks it, or replay takes it as it is.`);
  if (beginsWith(bytes, [0x4c, 0x50, 0x4b, 0x53, 0x48, 0x48, 0x52, 0x48])) {
    throw new Error(`${name} is a systemd journal in its own form; journalctl --file JOURNAL --output=export prints it.`);
  }
  if (beginsWith(bytes, [0x1f, 0x8b])) {
    const inside = await inflated(name, bytes, 'gzip');
    return isTar(inside) ? untarred(name, inside) : [{name, bytes: inside}];
  }
  if (beginsWith(bytes, [0x50, 0x4b, 3, 4])) return unzipped(name, bytes);
  return isTar(bytes) ? untarred(name, bytes) : [{name, bytes}];
}

// Pieces as the program wants them (tools/replay/wasm/main.cpp).
function framed(pieces) {
  const heads = pieces.map(({name, bytes}) => new TextEncoder().encode(`${name.replaceAll('\0', '')}\0${bytes.length}\0`));
  const all = new Uint8Array(pieces.reduce((sum, {bytes}, i) => sum + heads[i].length + bytes.length, 0));
  let at = 0;
  for (const [i, {bytes}] of pieces.entries()) {
    all.set(heads[i], at);
    all.set(bytes, at + heads[i].length);
    at += heads[i].length + bytes.length;
  }
  return all;
}
