// Filters and search. Both go through all operations in pieces, and the newest one wins.

const filters = Object.fromEntries(findAll('[data-filter]').map((one) => [one.dataset.filter, one]));

function fillFilters() {
  const add = (name, words) => words.forEach((word, at) => {
    filters[name].append(element('option', word, { value: String(at) }));
  });
  add('outcome', OUTCOMES);
  add('function', head.functions);
  add('node', head.nodes);
}

// Whether an operation passes, as the controls stand now.
function wanted() {
  const number = (name) => (filters[name].value.trim() === '' ? -1 : Number(filters[name].value));
  const [outcome, f, node, process] = ['outcome', 'function', 'node', 'process'].map(number);
  const worker = head.workers && process < head.workers;
  return (i) => (outcome < 0 || ops.outcome[i] === outcome)
    && (f < 0 || ops.f[i] === f + 1)
    && (node < 0 || ops.node[i] === node + 1)
    && (process < 0 || (worker ? ops.process[i] % head.workers : ops.process[i]) === process);
}

// One thing at a time changes what lanes and sums hold; what is asked for meanwhile comes after.
let turn = Promise.resolve();
const inTurn = (work) => (turn = turn.then(work).catch((error) => { console.error(error); }));

let filterAsked = 0;

function filter() {
  const mine = ++filterAsked;
  return inTurn(async () => {
    if (mine !== filterAsked) return;
    const passing = wanted();
    await inPieces(N, (from, to) => {
      for (let i = from; i < to; i++) passes[i] = passing(i) ? 1 : 0;
    });
    await addUpAll();
    redraw();
  });
}

async function addUpAll() {
  await addUp(runSums, N, (i) => i);
  if (lanes) await addUp(lanes.sums, lanes.list.length, (place) => lanes.list[place]);
  histogram = null;
  section.dataset.passing = runSums.all[N];
}

function laneBy(by) {
  return inTurn(async () => {
    await arrange(by);
    view.lane = -1;
    scroller.scrollTop = 0;
    for (const button of findAll('[data-lanes]')) {
      button.setAttribute('aria-pressed', String(button.dataset.lanes === by));
    }
    section.dataset.lanes = by;
    measure();
    if (view.chosen >= 0) scrollToLane(view.chosen);
    redraw();
  });
}

const searches = Object.fromEntries(findAll('[data-search]').map((one) => [one.dataset.search, one]));
let searchAsked = 0;
let hitAt = -1;

// A pattern that finds words as a whole, in any case: 7 is not in 17.
function patternOf(words) {
  const escaped = words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const letter = '[\\p{L}\\p{N}_]';
  const before = new RegExp(`^${letter}`, 'u').test(words) ? `(?<!${letter})` : '';
  const after = new RegExp(`${letter}$`, 'u').test(words) ? `(?!${letter})` : '';
  return before + escaped + after;
}

function numbersOf(names, pattern) {
  const numbers = new Set();
  names.forEach((name, at) => { if (pattern.test(name)) numbers.add(at + 1); });
  return numbers;
}

async function search() {
  const mine = ++searchAsked;
  const words = searches.words.value.trim();
  setHits([]);
  section.dataset.searched = '';
  if (!words) {
    searches.hits.textContent = '';
    return;
  }
  if (/^#\d+$/.test(words)) {
    const i = positionOf(Number(words.slice(1)));
    finish(words, i < 0 ? [] : [i]);
    return;
  }
  const key = /^key:/i.test(words) ? words.slice(4).trim() : null;
  const pattern = new RegExp(patternOf(key === null ? words : key), 'iu');
  const keys = key === null ? numbersOf(keyNames, pattern) : new Set([keyNames.indexOf(key) + 1]);
  const errors = key === null ? numbersOf(head.errors, pattern) : new Set();
  const hits = [];
  for (const block of blocks) {
    const marks = new Uint8Array(block.count);
    if (key === null) {
      const texts = block.texts || await loadTexts(block);
      for (const part of [texts.asked, texts.answered]) await markLines(part, pattern, marks);
    }
    markNumbers(block, keys, errors, marks);
    if (mine !== searchAsked) return;
    for (let n = 0; n < block.count; n++) if (marks[n]) hits.push(block.start + n);
    searches.hits.textContent = `${grouped(hits.length)} so far`;
    await breathe();
  }
  // An operation of several keys is looked for in the lane of the one that was asked for.
  const [only] = keys;
  view.lane = keys.size === 1 && lanes.by === 'key' && only > 0 ? lanes.laneOf[only] : -1;
  finish(words, hits);
}

// Marks the lines in which the pattern is, and breathes now and then.
async function markLines({ text, starts }, pattern, marks) {
  const finder = new RegExp(pattern.source, 'giu');
  let [line, began] = [0, performance.now()];
  for (;;) {
    const hit = finder.exec(text);
    if (!hit) return;
    while (starts[line + 1] <= hit.index) line++;
    marks[line] = 1;
    // One hit a line is enough.
    finder.lastIndex = starts[line + 1];
    if (performance.now() - began > 20) {
      await breathe();
      began = performance.now();
    }
  }
}

function markNumbers(block, keys, errors, marks) {
  if (!keys.size && !errors.size) return;
  for (let n = 0; n < block.count; n++) {
    const i = block.start + n;
    if (errors.has(ops.error[i])) marks[n] = 1;
    for (let at = ops.keyStart[i]; keys.size && at < ops.keyStart[i + 1]; at++) {
      if (keys.has(ops.key[at])) marks[n] = 1;
    }
  }
}

function setHits(hits) {
  view.hits = hits;
  hitAt = -1;
  section.dataset.hits = hits.length;
  searches.previous.disabled = searches.next.disabled = !hits.length;
  redraw();
}

// The first hit that is in view, or the first one of all, is gone to.
function finish(words, hits) {
  setHits(hits);
  // Not what is in the field by now: somebody may have typed on.
  section.dataset.searched = words;
  if (!hits.length) {
    searches.hits.textContent = 'nothing found';
    return;
  }
  const near = hits.findIndex((i) => ops.called[i] >= view.from);
  toHit(Math.max(0, near));
}

function toHit(at) {
  const hits = view.hits;
  hitAt = (at + hits.length) % hits.length;
  searches.hits.textContent = `${grouped(hitAt + 1)} of ${grouped(hits.length)}`;
  choose(hits[hitAt], { closer: true });
}

function setUpFinding() {
  fillFilters();
  for (const control of Object.values(filters)) control.addEventListener('input', filter);
  let typing = 0;
  searches.words.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(search, 300);
  });
  searches.words.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    clearTimeout(typing);
    if (view.hits.length) toHit(hitAt + (event.shiftKey ? -1 : 1)); else search();
  });
  searches.previous.addEventListener('click', () => toHit(hitAt - 1));
  searches.next.addEventListener('click', () => toHit(hitAt + 1));
  for (const button of findAll('[data-lanes]')) {
    button.addEventListener('click', () => laneBy(button.dataset.lanes));
    if (button.dataset.lanes === 'key' && !head.keys) {
      button.disabled = true;
      button.title = 'no operation names a key';
    }
  }
}
