// The data of the timeline: from blocks in the page to typed arrays, a block at a time.

const section = document.getElementById('timeline');
const head = JSON.parse(document.getElementById('timeline-head').textContent);
const find = (selector) => section.querySelector(selector);
const findAll = (selector) => [...section.querySelectorAll(selector)];

const OUTCOMES = ['ok', 'failed', 'unknown'];
const N = head.count;

// What is known of each operation, in order of calls. Times are nanoseconds since the run began;
// `ended` is -1 for a call that its client never saw the end of.
const ops = {
  index: new Uint32Array(N),
  called: new Float64Array(N),
  ended: new Float64Array(N),
  process: new Uint32Array(N),
  f: new Uint16Array(N),
  outcome: new Uint8Array(N),
  node: new Uint16Array(N),
  error: new Uint16Array(N),
  // Keys of operation i are `key[keyStart[i]]` to `key[keyStart[i + 1]]`.
  keyStart: new Uint32Array(N + 1),
  key: new Uint32Array(head.keyUses),
};
let keyNames = [];

// Where blocks begin, and their texts once they were asked for.
const blocks = [];
for (const [count, index, ticks] of head.blocks) {
  const last = blocks[blocks.length - 1];
  blocks.push({ start: last ? last.start + last.count : 0, count, index, ticks, texts: null, loading: null });
}

// Lets the browser do other things: input, drawing.
const breathe = () => new Promise((resolve) => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => { channel.port1.close(); resolve(); };
  channel.port2.postMessage(0);
});

// Does `work(from, to)` for all of 0 to n in pieces, and breathes when it took long.
async function inPieces(n, work) {
  const piece = 32768;
  let began = performance.now();
  for (let from = 0; from < n; from += piece) {
    work(from, Math.min(n, from + piece));
    if (performance.now() - began > 20) {
      await breathe();
      began = performance.now();
    }
  }
}

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

async function inflate(element) {
  const packed = new Blob([bytesOf(element.textContent)]);
  const stream = packed.stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const decoder = new TextDecoder();

function sizeAt(bytes, at) {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

// The columns of a block, each a function that gives its next number.
function columnsOf(bytes) {
  const columns = [];
  for (let at = 0; at < bytes.length;) {
    const size = sizeAt(bytes, at);
    let next = at + 4;
    columns.push(() => {
      let byte = bytes[next++];
      if (byte < 128) return byte;
      let number = byte & 127;
      let scale = 128;
      do {
        byte = bytes[next++];
        number += (byte & 127) * scale;
        scale *= 128;
      } while (byte >= 128);
      return number;
    });
    at += 4 + size;
  }
  return columns;
}

function unpack(block, bytes) {
  const [index, called, took, process, f, outcome, node, keys, key, error] = columnsOf(bytes);
  const nodes = new Map();
  let [lastIndex, lastTicks, lastKey] = [block.index, block.ticks, 0];
  for (let i = block.start; i < block.start + block.count; i++) {
    ops.index[i] = lastIndex += index();
    ops.called[i] = (lastTicks += called()) * head.tick;
    const ticks = took();
    ops.ended[i] = ticks === 0 ? -1 : (lastTicks + ticks - 1) * head.tick;
    ops.process[i] = process();
    ops.f[i] = f();
    ops.outcome[i] = outcome();
    const moved = node();
    if (moved) nodes.set(ops.process[i], moved - 1);
    ops.node[i] = nodes.get(ops.process[i]) || 0;
    const many = keys();
    const start = ops.keyStart[i];
    for (let n = 0; n < many; n++) {
      const zigzag = key();
      lastKey += zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
      ops.key[start + n] = lastKey;
    }
    ops.keyStart[i + 1] = start + many;
    ops.error[i] = error();
  }
}

async function load(progress) {
  const elements = [...document.querySelectorAll('script.timeline-columns')];
  for (const [number, block] of blocks.entries()) {
    unpack(block, await inflate(elements[number]));
    progress(block.start + block.count);
    await breathe();
  }
  const names = decoder.decode(await inflate(document.getElementById('timeline-keys')));
  keyNames = head.keys ? names.split('\n') : [];
}

// The texts of a block: two long texts with a line for each operation, and where lines begin.
async function unpackTexts(block) {
  const element = document.querySelectorAll('script.timeline-texts')[blocks.indexOf(block)];
  const bytes = await inflate(element);
  const size = sizeAt(bytes, 0);
  await breathe();
  const asked = lines(decoder.decode(bytes.subarray(4, 4 + size)), block.count);
  await breathe();
  const answered = lines(decoder.decode(bytes.subarray(4 + size)), block.count);
  block.texts = { asked, answered };
  return block.texts;
}

function lines(text, count) {
  const starts = new Uint32Array(count + 1);
  for (let i = 0, at = 0; i < count; i++) starts[i + 1] = at = text.indexOf('\n', at) + 1;
  return { text, starts };
}

const loadTexts = (block) => (block.loading ||= unpackTexts(block));

function blockOf(i) {
  let [low, high] = [0, blocks.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (blocks[middle].start <= i) low = middle; else high = middle - 1;
  }
  return blocks[low];
}

// Question and answer of an operation, or null when they have to be unpacked first; `then` is
// called when they are there.
function textsOf(i, then) {
  const block = blockOf(i);
  if (!block.texts) {
    loadTexts(block).then(then);
    return null;
  }
  const line = ({ text, starts }) => text.slice(starts[i - block.start], starts[i - block.start + 1] - 1);
  return { asked: line(block.texts.asked), answered: line(block.texts.answered) };
}
