// What the replay's page computes, without a browser:
//   node page_in_node.js replay PAGE.html [WORD...] [-- FILE...]   the program within the page, with replay's words; on
//                                                   standard input, or on files that the page takes apart
//   node page_in_node.js owners PAGE.html ADDR...   who has these addresses of the page's machine
'use strict';

const fs = require('fs');
const path = require('path');
const vm = require('vm');

const [, , what, file, ...words] = process.argv;
const page = fs.readFileSync(file, 'utf8');
const inside = (id) => page.match(new RegExp(`id="${id}">([^<]*)</script>`))[1];
const context = vm.createContext({TextDecoder, TextEncoder, WebAssembly, DataView, Uint8Array, Response, DecompressionStream});
// All but the last, which begins by looking for its elements.
const scripts = [...page.matchAll(/<script>([^]*?)<\/script>/g)].map((match) => match[1]).slice(0, -1);
for (const script of scripts) vm.runInContext(script, context);

const piece = (name, from) => ({name, bytes: new Uint8Array(fs.readFileSync(from))});

async function replay() {
  const at = words.indexOf('--');
  context.given = at < 0 ? [piece('standard input', 0)] : words.slice(at + 1).map((f) => piece(path.basename(f), f));
  context.program = Buffer.from(inside('wasm'), 'base64');
  context.words = [...(at < 0 ? words : words.slice(0, at)), '-'];
  const ended = await vm.runInContext(`(async () => {
    try {
      const pieces = [];
      for (const {name, bytes} of given) pieces.push(...await unpacked(name, bytes));
      return await runProgram(await WebAssembly.compile(program), framed(pieces), words);
    } catch (error) {
      return {status: 2, output: '', errors: error.message};
    }
  })()`, context);
  process.stdout.write(JSON.stringify(ended));
}

function owners() {
  context.data = JSON.parse(inside('machine'));
  context.addresses = words.map(Number);
  const found = vm.runInContext('{const machine = new Machine(data); addresses.map((a) => machine.owners(a))}', context);
  process.stdout.write(JSON.stringify(found));
}

if (what === 'replay') replay();
else owners();
