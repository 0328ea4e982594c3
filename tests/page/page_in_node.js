// What the replay's page computes, without a browser:
//   node page_in_node.js replay PAGE.html       the program within the page, on standard input
//   node page_in_node.js owners PAGE.html ADDR...   who has these addresses of the page's machine
'use strict';

const fs = require('fs');
const vm = require('vm');

const [, , what, file, ...words] = process.argv;
const page = fs.readFileSync(file, 'utf8');
const inside = (id) => page.match(new RegExp(`id="${id}">([^<]*)</script>`))[1];
const context = vm.createContext({TextDecoder, WebAssembly, DataView, Uint8Array});
// All but the last, which begins by looking for its elements.
const scripts = [...page.matchAll(/<script>([^]*?)<\/script>/g)].map((match) => match[1]).slice(0, -1);
for (const script of scripts) vm.runInContext(script, context);

async function replay() {
  context.program = Buffer.from(inside('wasm'), 'base64');
  context.input = new Uint8Array(fs.readFileSync(0));
  const ended = await vm.runInContext('WebAssembly.compile(program).then((module) => runProgram(module, input))', context);
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
