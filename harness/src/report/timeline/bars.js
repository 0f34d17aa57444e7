// Drawing of the lanes: of many calls a density by pixel, of few a bar for each.

// Bars are drawn for a lane with at most so many calls in view; of one lane, and for their texts.
const BARS_MAX = 300;
const TEXT_MIN = 26;
// How many calls before the view are looked at, for those that reach into it.
const BACK_MAX = 64;

const density = document.createElement('canvas');

// The lanes in view, from the first to the one after the last.
function lanesInView() {
  const first = Math.floor(scroller.scrollTop / size.lane);
  const many = Math.ceil((size.height - size.top) / size.lane) + 1;
  return [first, Math.min(lanes.count, first + many)];
}

const laneTop = (lane) => size.top + lane * size.lane - scroller.scrollTop;

// Places of a lane's list from the first call that may reach into the view to the last one in it.
function placesInView(lane) {
  const [start, end] = [lanes.start[lane], lanes.start[lane + 1]];
  const from = placeAt(lanes.list, start, end, view.from);
  const to = placeAt(lanes.list, from, end, view.to);
  return [from, to, start];
}

function paintLanes(context) {
  const [first, last] = lanesInView();
  context.strokeStyle = colours.line;
  const dense = [];
  const sparse = [];
  for (let lane = first; lane < last; lane++) {
    const bottom = Math.round(laneTop(lane) + size.lane) - 0.5;
    line(context, 0, bottom, size.width, bottom);
    const [from, to] = placesInView(lane);
    const many = lanes.sums.all[to] - lanes.sums.all[from];
    (many > Math.min(BARS_MAX, size.plot / 4) ? dense : sparse).push(lane);
  }
  if (dense.length) paintDensity(context, dense, first, last);
  context.save();
  context.beginPath();
  context.rect(size.left, size.top, size.plot, size.height - size.top);
  context.clip();
  for (const lane of sparse) paintBars(context, lane);
  paintAnomalies(context);
  paintChosen(context);
  context.restore();
  paintLabels(context, first, last);
}

function paintLabels(context, first, last) {
  context.font = LABEL_FONT;
  context.textBaseline = 'middle';
  const letters = Math.floor((size.left - 8) / 6.4);
  for (let lane = first; lane < last; lane++) {
    context.fillStyle = colours.paper;
    context.fillRect(0, laneTop(lane), size.left - 1, size.lane - 1);
    context.fillStyle = colours.soft;
    context.fillText(lanes.name(lane).slice(0, letters), 2, laneTop(lane) + size.lane / 2);
  }
}

// Pixels are written by hand: a frame costs the same however many calls there are.
function paintDensity(context, dense, first, last) {
  const width = Math.max(1, Math.floor(size.plot));
  const height = (last - first) * size.lane;
  density.width = width;
  density.height = height;
  const pixels = density.getContext('2d');
  const image = pixels.createImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  // As many calls as a pixel of a lane has twice over the whole run have the full colour.
  const column = (view.to - view.from) / width;
  const full = Math.log2(2 + (2 * lanes.list.length * column) / END / Math.max(1, lanes.count));
  for (const lane of dense) {
    let place = placesInView(lane)[0];
    const end = lanes.start[lane + 1];
    for (let at = 0; at < width; at++) {
      const time = view.from + (at + 1) * column;
      const next = gallop(place, end, time);
      cell(words, width, at, (lane - first) * size.lane, cellOf(lane, place, next, time - column, full));
      place = next;
    }
  }
  pixels.putImageData(image, 0, 0);
  context.drawImage(density, size.left, laneTop(first));
}

// The same as `placeAt`, for a place that is not far.
function gallop(low, high, time) {
  let step = 1;
  while (low + step < high && ops.called[lanes.list[low + step]] < time) step *= 2;
  return placeAt(lanes.list, low, Math.min(high, low + step), time);
}

// Heights of ok, failed and unknown in a pixel of a lane, and how strong they are; null for none.
function cellOf(lane, place, next, from, full) {
  const { all, failed, unknown } = lanes.sums;
  const total = all[next] - all[place];
  const tall = size.lane - 6;
  if (!total) {
    const before = place - 1;
    if (before < lanes.start[lane]) return null;
    const i = lanes.list[before];
    if (!passes[i] || endOf(i) < from) return null;
    const heights = [0, 0, 0];
    heights[ops.outcome[i]] = tall;
    return [heights, 0.3];
  }
  const share = (count) => (count ? Math.max(4, Math.round((tall * count) / total)) : 0);
  const [bad, open] = [share(failed[next] - failed[place]), share(unknown[next] - unknown[place])];
  const strength = 0.35 + 0.65 * Math.min(1, Math.log2(1 + total) / full);
  return [[Math.max(0, tall - bad - open), Math.min(tall, bad), Math.min(tall, open)], strength];
}

function cell(words, width, column, top, drawn) {
  if (!drawn) return;
  const [heights, strength] = drawn;
  let row = top + size.lane - 4;
  heights.forEach((tall, outcome) => {
    const [red, green, blue] = colours.rgb[outcome];
    // What went wrong is never faint.
    const alpha = Math.round(255 * (outcome ? Math.max(0.8, strength) : strength));
    const word = ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    for (let n = 0; n < tall && row > top; n++, row--) words[row * width + column] = word;
  });
}

// Places of the list that are drawn as bars, with those that began before the view.
function barsOf(lane) {
  const [from, to, start] = placesInView(lane);
  const places = [];
  for (let place = Math.max(start, from - BACK_MAX); place < from; place++) {
    if (endOf(lanes.list[place]) >= view.from) places.push(place);
  }
  for (let place = from; place < to; place++) places.push(place);
  return places.filter((place) => passes[lanes.list[place]]);
}

function boxOf(lane, place) {
  const i = lanes.list[place];
  const shelves = lanes.shelves[lane];
  const tall = (size.lane - 6) / shelves;
  const left = Math.max(size.left - 4, x(ops.called[i]));
  const right = Math.min(size.width + 4, x(endOf(i)));
  const top = laneTop(lane) + 3 + lanes.shelf[place] * tall;
  return { i, left, top, width: Math.max(2, right - left), tall };
}

function paintBars(context, lane) {
  for (const place of barsOf(lane)) {
    const box = boxOf(lane, place);
    const outcome = ops.outcome[box.i];
    const colour = colours.outcome[outcome];
    context.fillStyle = colour;
    if (box.width < 5) {
      context.globalAlpha = 0.85;
      context.fillRect(box.left, box.top, box.width, box.tall - 1);
      context.globalAlpha = 1;
      continue;
    }
    context.globalAlpha = 0.2;
    context.fillRect(box.left, box.top, box.width, box.tall - 1);
    context.globalAlpha = 1;
    context.strokeStyle = colour;
    context.setLineDash(outcome === 1 ? [4, 3] : []);
    context.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.tall - 2);
    context.setLineDash([]);
    if (outcome === 2) arrow(context, box);
    if (box.width >= TEXT_MIN && box.tall >= 9) paintText(context, box);
  }
}

// An unknown call has no end: it may take effect at any later time.
function arrow(context, { left, top, width, tall }) {
  const [tip, middle] = [left + width + 7, top + (tall - 1) / 2];
  context.beginPath();
  context.moveTo(left + width, top);
  context.lineTo(tip, middle);
  context.lineTo(left + width, top + tall - 1);
  context.fill();
}

function paintText(context, box) {
  const texts = textsOf(box.i, redraw);
  if (!texts) return;
  const from = Math.max(size.left, box.left) + 4;
  const letters = Math.floor((box.left + box.width - from - 2) / size.character);
  if (letters < 3) return;
  const words = sentence(box.i, texts, lanes.by !== 'key');
  context.font = FONT;
  context.textBaseline = 'middle';
  context.fillStyle = colours.ink;
  const short = words.length > letters ? words.slice(0, letters - 1) + '…' : words;
  context.fillText(short, from, box.top + box.tall / 2);
}

// Operations of anomalies are red, above all others.
function paintAnomalies(context) {
  const [first, last] = lanesInView();
  context.strokeStyle = colours.invalid;
  context.fillStyle = colours.invalid;
  context.lineWidth = 2;
  for (const { positions } of anomalies) {
    for (const i of positions) {
      if (ops.called[i] > view.to || endOf(i) < view.from) continue;
      const stand = standOf(i, view.lane);
      if (!stand || stand.lane < first || stand.lane >= last) continue;
      const box = boxOf(stand.lane, stand.place);
      context.strokeRect(box.left, box.top, Math.max(2, box.width), box.tall - 1);
      triangle(context, Math.max(size.left + 5, box.left), box.top + 2, 4);
    }
  }
  context.lineWidth = 1;
}

function paintChosen(context) {
  for (const i of [view.hover, view.chosen]) {
    const stand = i >= 0 ? standOf(i, view.lane) : null;
    if (!stand) continue;
    const box = boxOf(stand.lane, stand.place);
    context.strokeStyle = colours.ink;
    if (i === view.chosen) {
      context.lineWidth = 2;
      const at = Math.round(x(ops.called[i])) + 0.5;
      context.setLineDash([2, 3]);
      line(context, at, size.top, at, size.height);
      context.setLineDash([]);
    }
    context.strokeRect(box.left - 1, box.top - 1, box.width + 2, box.tall + 1);
    context.lineWidth = 1;
  }
}

// The operation at a point of the canvas, or -1; a little beside it is near enough.
function operationAt(px, py) {
  const lane = Math.floor((py - size.top + scroller.scrollTop) / size.lane);
  if (px < size.left || py < size.top || lane < 0 || lane >= lanes.count) return -1;
  const [from, , start] = placesInView(lane);
  const middle = gallop(from, lanes.start[lane + 1], timeAt(px));
  let [best, least] = [-1, 8];
  for (let place = Math.max(start, middle - BACK_MAX); place < middle + BACK_MAX; place++) {
    if (place >= lanes.start[lane + 1]) break;
    if (!passes[lanes.list[place]]) continue;
    const box = boxOf(lane, place);
    const aside = Math.max(0, box.left - px, px - box.left - box.width);
    const above = lanes.shelves[lane] > 1 ? Math.max(0, box.top - py, py - box.top - box.tall) : 0;
    if (aside + above < least) [best, least] = [box.i, aside + above];
  }
  return best;
}
