// Runs the replay's WebAssembly: as much of WASI (preview 1) as a program needs that reads its
// arguments and its standard input and writes to two outputs.
'use strict';

const kBadDescriptor = 8;
const kNotSeekable = 70;
const kNoSystem = 52;
const kCharacterDevice = 2;

class Exit {
  constructor(status) { this.status = status; }
}

class World {
  constructor(module, input, words) {
    this.input = input;
    this.words = words.map((word) => new TextEncoder().encode(`${word}\0`));
    this.read = 0;
    this.written = [[], [], []];
    const calls = {
      fd_read: (fd, vectors, count, result) => this.fdRead(fd, vectors, count, result),
      fd_write: (fd, vectors, count, result) => this.fdWrite(fd, vectors, count, result),
      fd_fdstat_get: (fd, stat) => this.fdStat(fd, stat),
      args_get: (places, bytes) => this.argsGet(places, bytes),
      args_sizes_get: (count, bytes) => {
        this.memory.setUint32(count, this.words.length, true);
        this.memory.setUint32(bytes, this.words.reduce((sum, word) => sum + word.length, 0), true);
        return 0;
      },
      fd_close: () => 0,
      fd_seek: () => kNotSeekable,
      environ_get: () => 0,
      environ_sizes_get: (count, bytes) => {
        this.memory.setUint32(count, 0, true);
        this.memory.setUint32(bytes, 0, true);
        return 0;
      },
      proc_exit: (status) => { throw new Exit(status); },
    };
    // What the library could do beside that, it cannot do here.
    for (const {name} of WebAssembly.Module.imports(module)) calls[name] ||= () => kNoSystem;
    this.imports = {wasi_snapshot_preview1: calls};
  }

  get memory() { return new DataView(this.instance.exports.memory.buffer); }

  // The parts of memory that `count` vectors name, as bytes.
  * vectors(at, count) {
    for (let i = 0; i < count; ++i) {
      const start = this.memory.getUint32(at + 8 * i, true);
      const length = this.memory.getUint32(at + 8 * i + 4, true);
      yield new Uint8Array(this.instance.exports.memory.buffer, start, length);
    }
  }

  fdRead(fd, vectors, count, result) {
    if (fd !== 0) return kBadDescriptor;
    let total = 0;
    for (const bytes of this.vectors(vectors, count)) {
      const part = this.input.subarray(this.read, this.read + bytes.length);
      bytes.set(part);
      this.read += part.length;
      total += part.length;
    }
    this.memory.setUint32(result, total, true);
    return 0;
  }

  fdWrite(fd, vectors, count, result) {
    if (fd !== 1 && fd !== 2) return kBadDescriptor;
    let total = 0;
    for (const bytes of this.vectors(vectors, count)) {
      this.written[fd].push(bytes.slice());
      total += bytes.length;
    }
    this.memory.setUint32(result, total, true);
    return 0;
  }

  argsGet(places, bytes) {
    for (const [i, word] of this.words.entries()) {
      this.memory.setUint32(places + 4 * i, bytes, true);
      new Uint8Array(this.instance.exports.memory.buffer, bytes, word.length).set(word);
      bytes += word.length;
    }
    return 0;
  }

  fdStat(fd, stat) {
    if (fd > 2) return kBadDescriptor;
    new Uint8Array(this.instance.exports.memory.buffer, stat, 24).fill(0);
    this.memory.setUint8(stat, kCharacterDevice);
    return 0;
  }

  text(fd) {
    const decoder = new TextDecoder();
    return this.written[fd].map((part) => decoder.decode(part, {stream: true})).join('') + decoder.decode();
  }
}

// {status, output, errors} of one run of the module with these bytes as its input and these
// arguments behind its name. Throws an Error with the program's last words where it came to no end of
// its own.
async function runProgram(module, input, words) {
  const world = new World(module, input, ['replay', ...words]);
  world.instance = await WebAssembly.instantiate(module, world.imports);
  let status = 0;
  try {
    world.instance.exports._start();
  } catch (end) {
    if (!(end instanceof Exit)) throw new Error(`${world.text(2)}The replay broke off: ${end.message}`);
    status = end.status;
  }
  return {status, output: world.text(1), errors: world.text(2)};
}
