// Lanes: which operations stand in a line, and how many of them pass the filters.

// By process or by key. `list` has the operations of lane after lane, each in order of calls;
// those of lane n are from `start[n]` to `start[n + 1]`. The sums count, up to each place of the
// list, operations that pass the filters, and those of them that failed or are unknown: what lies
// between two moments is then the difference of two numbers.
let lanes = null;
const passes = new Uint8Array(N).fill(1);
let sums = newSums(N);

function newSums(n) {
  return { all: new Uint32Array(n + 1), failed: new Uint32Array(n + 1), unknown: new Uint32Array(n + 1) };
}

function processLanes() {
  const of = (process) => (head.workers ? process % head.workers : process);
  const numbers = new Set();
  for (let i = 0; i < N; i++) numbers.add(of(ops.process[i]));
  const sorted = [...numbers].sort((a, b) => a - b);
  const lane = new Map(sorted.map((number, at) => [number, at]));
  return {
    by: 'process',
    count: sorted.length,
    name: (at) => (head.workers ? 'worker ' : 'process ') + sorted[at],
    each: (i, put) => put(lane.get(of(ops.process[i]))),
    uses: N,
  };
}

// A browser shows no page of more than some tens of millions of pixels.
const LANES_MAX = 300000;
// Sorting more would be felt.
const SORTED_MAX = 50000;

// In order of first use, or of size where keys are numbers.
function keyLanes() {
  const count = Math.min(LANES_MAX, keyNames.length);
  const order = Array.from({ length: count }, (_, at) => at);
  const numbers = keyNames.map(Number);
  if (count <= SORTED_MAX && numbers.every(Number.isFinite)) order.sort((a, b) => numbers[a] - numbers[b]);
  const laneOf = new Uint32Array(count + 1);
  order.forEach((key, lane) => { laneOf[key + 1] = lane; });
  return {
    by: 'key',
    count,
    name: (at) => keyNames[order[at]],
    laneOf,
    each: (i, put) => {
      for (let n = ops.keyStart[i]; n < ops.keyStart[i + 1]; n++) {
        if (ops.key[n] && ops.key[n] <= count) put(laneOf[ops.key[n]]);
      }
    },
    uses: ops.key.length,
  };
}

async function arrange(by) {
  const made = by === 'key' ? keyLanes() : processLanes();
  const start = new Uint32Array(made.count + 2);
  await inPieces(N, (from, to) => {
    for (let i = from; i < to; i++) made.each(i, (lane) => { start[lane + 2]++; });
  });
  for (let lane = 2; lane < start.length; lane++) start[lane] += start[lane - 1];
  const list = new Uint32Array(made.uses);
  // While it is filled, `start[lane + 1]` is where the lane's next operation goes.
  await inPieces(N, (from, to) => {
    for (let i = from; i < to; i++) made.each(i, (lane) => { list[start[lane + 1]++] = i; });
  });
  made.start = start.subarray(0, made.count + 1);
  made.list = list;
  await stack(made);
  made.sums = newSums(list.length);
  await addUp(made.sums, list.length, (place) => list[place]);
  lanes = made;
}

// Operations of a lane that overlap in time lie on shelves above each other, at most four.
const SHELVES_MAX = 4;

async function stack(made) {
  made.shelf = new Uint8Array(made.list.length);
  made.shelves = new Uint8Array(made.count).fill(1);
  const free = new Float64Array(SHELVES_MAX);
  await inPieces(made.count, (from, to) => {
    for (let lane = from; lane < to; lane++) {
      free.fill(-1);
      for (let place = made.start[lane]; place < made.start[lane + 1]; place++) {
        const i = made.list[place];
        let shelf = 0;
        while (shelf < SHELVES_MAX - 1 && free[shelf] > ops.called[i]) shelf++;
        free[shelf] = Math.max(free[shelf], endOf(i));
        made.shelf[place] = shelf;
        if (made.shelves[lane] <= shelf) made.shelves[lane] = shelf + 1;
      }
    }
  });
}

const endOf = (i) => Math.max(ops.called[i], ops.ended[i]);

async function addUp(into, n, at) {
  await inPieces(n, (from, to) => {
    for (let place = from; place < to; place++) {
      const i = at(place);
      const counts = passes[i];
      into.all[place + 1] = into.all[place] + counts;
      into.failed[place + 1] = into.failed[place] + (counts && ops.outcome[i] === 1 ? 1 : 0);
      into.unknown[place + 1] = into.unknown[place] + (counts && ops.outcome[i] === 2 ? 1 : 0);
    }
  });
}

// The first place from `low` to `high` of the list whose operation was called at `time` or later.
function placeAt(list, low, high, time) {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ops.called[list[middle]] < time) low = middle + 1; else high = middle;
  }
  return low;
}

// The same among all operations.
function firstAt(time, low = 0, high = N) {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ops.called[middle] < time) low = middle + 1; else high = middle;
  }
  return low;
}

// The operation with this index in the history, or -1.
function positionOf(index) {
  let [low, high] = [0, N];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ops.index[middle] < index) low = middle + 1; else high = middle;
  }
  return low < N && ops.index[low] === index ? low : -1;
}

// Where an operation stands: `{lane, place}`, or null when it has no lane. Of several lanes, the
// one wanted, or the first.
function standOf(i, wanted = -1) {
  let lane = -1;
  lanes.each(i, (one) => { if (lane < 0 || one === wanted) lane = one; });
  if (lane < 0) return null;
  let place = placeAt(lanes.list, lanes.start[lane], lanes.start[lane + 1], ops.called[i]);
  while (place < lanes.start[lane + 1] && lanes.list[place] !== i) place++;
  return { lane, place };
}
