// Drawing: the overview, the axis, the faults, and the lanes as densities or as bars.

const canvas = find('.timeline-lanes');
const overview = find('.timeline-overview');
const room = find('.timeline-room');
const scroller = find('.timeline-scroll');

const AXIS = 24;
const FAULT_ROW = 15;
const FAULT_ROWS = 4;
const FONT = '11px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace';
const LABEL_FONT = '11.5px ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
// The shortest stretch of time that is shown, in nanoseconds.
const SPAN_MIN = Math.max(1000, 10 * head.tick);
const END = Math.max(head.end, SPAN_MIN);

// What is in view.
const view = { from: 0, to: END, hover: -1, chosen: -1, hits: [] };

// Sizes in CSS pixels, set by `measure`.
const size = { width: 0, height: 0, left: 0, top: 0, plot: 0, lane: 26, character: 6.7 };

const faultKinds = [...new Set(head.faults.map((fault) => fault.f))].slice(0, FAULT_ROWS);
// Kinds beyond the last row share it.
const faultRow = (fault) => (faultKinds.includes(fault.f) ? faultKinds.indexOf(fault.f) : FAULT_ROWS - 1);

// Colours of the page, light or dark.
let colours = {};

function readColours() {
  const style = getComputedStyle(section);
  const names = ['ink', 'soft', 'line', 'paper', 'ok', 'fail', 'info', 'band', 'invalid', 'link'];
  for (const name of names) {
    colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
  colours.outcome = [colours.ok, colours.fail, colours.info];
  colours.rgb = colours.outcome.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
}

const x = (time) => size.left + ((time - view.from) / (view.to - view.from)) * size.plot;
const timeAt = (px) => view.from + ((px - size.left) / size.plot) * (view.to - view.from);

function measure() {
  const width = Math.floor(scroller.clientWidth);
  const rows = faultKinds.length * FAULT_ROW;
  size.width = Math.max(240, width);
  size.left = size.width < 560 ? 62 : 84;
  size.plot = size.width - size.left;
  size.top = AXIS + rows + 4;
  // Calls on one key overlap, and each wants room for its text.
  size.lane = lanes.by === 'key' && lanes.shelves.some((many) => many > 1) ? 54 : 26;
  const most = size.width < 560 ? 360 : 460;
  const wanted = size.top + lanes.count * size.lane + 4;
  size.height = Math.min(most, wanted);
  scroller.style.height = `${size.height}px`;
  room.style.height = `${wanted}px`;
  for (const [one, height] of [[canvas, size.height], [overview, 64]]) {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    one.width = Math.round(size.width * ratio);
    one.height = Math.round(height * ratio);
    one.style.width = `${size.width}px`;
    one.style.height = `${height}px`;
    one.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
  }
  const context = canvas.getContext('2d');
  context.font = FONT;
  size.character = context.measureText('0123456789').width / 10;
  histogram = null;
}

let asked = false;
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    if (!lanes) return;
    paint();
    paintOverview();
    announceView();
  });
}

function paint() {
  const context = canvas.getContext('2d');
  context.clearRect(0, 0, size.width, size.height);
  paintBands(context);
  paintGrid(context);
  paintLanes(context);
  paintAxis(context);
}

// Stretches in which something was broken, and those that are not in this page.
function paintBands(context) {
  for (const fault of head.faults) {
    if (fault.from > view.to || faultEnd(fault) < view.from) continue;
    const [from, to] = [Math.max(size.left, x(fault.from)), Math.min(size.width, x(faultEnd(fault)))];
    const width = Math.max(1, to - from);
    context.globalAlpha = 0.1;
    context.fillStyle = colours.band;
    context.fillRect(from, size.top, width, size.height - size.top);
    context.globalAlpha = 1;
  }
  context.font = LABEL_FONT;
  for (const [from, to, count] of head.gaps) {
    if (from > view.to || to < view.from) continue;
    const [left, right] = [Math.max(size.left, x(from)), Math.min(size.width, x(to))];
    context.globalAlpha = 0.16;
    context.fillStyle = colours.soft;
    context.fillRect(left, size.top, Math.max(1, right - left), size.height - size.top);
    context.globalAlpha = 1;
    context.fillStyle = colours.ink;
    const words = `${grouped(count)} operations are not in this page`;
    if (right - left > words.length * 6) context.fillText(words, left + 8, size.height - 10);
  }
}

// Moments that have a line and a label.
function ticks() {
  const step = tickStep();
  const times = [];
  for (let n = Math.ceil(view.from / step); n * step <= view.to; n++) times.push(n * step);
  return times;
}

function paintGrid(context) {
  context.strokeStyle = colours.line;
  for (const time of ticks()) {
    const at = Math.round(x(time)) + 0.5;
    line(context, at, size.top, at, size.height);
  }
}

// The axis and the faults' names, above everything else.
function paintAxis(context) {
  context.fillStyle = colours.paper;
  context.fillRect(0, 0, size.width, size.top);
  context.strokeStyle = colours.line;
  context.fillStyle = colours.soft;
  context.font = LABEL_FONT;
  context.textBaseline = 'middle';
  const step = tickStep();
  for (const time of ticks()) {
    const at = Math.round(x(time)) + 0.5;
    line(context, at, AXIS - 6, at, size.top);
    context.textAlign = at + 60 > size.width ? 'right' : 'left';
    context.fillText(moment(time, step), at + (context.textAlign === 'right' ? -4 : 4), AXIS / 2);
  }
  context.textAlign = 'left';
  line(context, 0, size.top - 0.5, size.width, size.top - 0.5);
  for (const fault of head.faults) paintFault(context, fault);
  context.fillStyle = colours.soft;
  faultKinds.forEach((f, row) => {
    const middle = AXIS + row * FAULT_ROW + FAULT_ROW / 2;
    context.fillText(f.slice(0, Math.floor(size.left / 6.4)), 2, middle, size.left - 4);
  });
}

function paintFault(context, fault) {
  if (fault.from > view.to || faultEnd(fault) < view.from) return;
  const top = AXIS + faultRow(fault) * FAULT_ROW;
  const [from, to] = [Math.max(size.left, x(fault.from)), Math.min(size.width, x(faultEnd(fault)))];
  context.fillStyle = colours.band;
  context.globalAlpha = 0.45;
  context.fillRect(from, top + 1, Math.max(1.5, to - from), FAULT_ROW - 2);
  context.globalAlpha = 1;
  const letters = Math.floor((to - from - 8) / 6.2);
  if (letters < 2) return;
  context.fillStyle = colours.ink;
  context.fillText(fault.targets.slice(0, letters), from + 4, top + FAULT_ROW / 2 + 0.5);
}

function line(context, fromX, fromY, toX, toY) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

// 1, 2 or 5 times a power of ten nanoseconds, so that labels have room.
function tickStep() {
  const span = view.to - view.from;
  const wanted = span / Math.max(2, size.plot / (span < 1e6 ? 150 : 110));
  const power = 10 ** Math.floor(Math.log10(wanted));
  return Math.max(1, [1, 2, 5, 10].map((one) => one * power).find((one) => one >= wanted));
}

// Calls by pixel of the overview, made anew after a change of filters or of size.
let histogram = null;
const runSums = newSums(N);

function makeHistogram() {
  const columns = Math.max(1, Math.floor(size.plot));
  const made = { columns, counts: [], most: 1 };
  let place = 0;
  for (let column = 0; column < columns; column++) {
    const next = column + 1 === columns ? N : firstAt(((column + 1) / columns) * END, place);
    const counts = ['all', 'failed', 'unknown'].map((name) => runSums[name][next] - runSums[name][place]);
    made.counts.push(counts);
    made.most = Math.max(made.most, counts[0]);
    place = next;
  }
  return made;
}

function paintOverview() {
  const context = overview.getContext('2d');
  const [top, height] = [2, 48];
  histogram ||= makeHistogram();
  const at = (time) => size.left + (time / END) * size.plot;
  context.clearRect(0, 0, size.width, 64);
  context.fillStyle = colours.paper;
  context.fillRect(size.left, 0, size.plot, 64);
  context.fillStyle = colours.band;
  context.globalAlpha = 0.22;
  for (const fault of head.faults) {
    context.fillRect(at(fault.from), 0, Math.max(1, at(faultEnd(fault)) - at(fault.from)), 64);
  }
  context.globalAlpha = 1;
  for (let column = 0; column < histogram.columns; column++) {
    const [all, failed, unknown] = histogram.counts[column];
    const scale = (count) => (count ? Math.max(1.5, (height * count) / histogram.most) : 0);
    const parts = [[all - failed - unknown, colours.ok], [failed, colours.fail], [unknown, colours.info]];
    let bottom = top + height;
    for (const [count, colour] of parts) {
      const tall = scale(count);
      if (!tall) continue;
      context.fillStyle = colour;
      context.fillRect(size.left + column, bottom - tall, 1, tall);
      bottom -= tall;
    }
  }
  paintMarks(context, at);
  paintWindow(context, at);
}

// Hits of a search, anomalies, and the names of phases.
function paintMarks(context, at) {
  context.fillStyle = colours.link;
  const stride = Math.max(1, Math.ceil(view.hits.length / 4000));
  for (let n = 0; n < view.hits.length; n += stride) context.fillRect(at(ops.called[view.hits[n]]), 50, 1, 4);
  context.fillStyle = colours.invalid;
  for (const { positions } of anomalies) {
    if (!positions.length) continue;
    const middle = at(ops.called[positions[positions.length - 1]]);
    triangle(context, middle, 9, 5);
    context.fillRect(middle - 0.5, 0, 1, 50);
  }
  context.fillStyle = colours.soft;
  context.font = '10.5px ' + LABEL_FONT.slice(LABEL_FONT.indexOf('ui-sans'));
  context.textBaseline = 'bottom';
  let free = size.left;
  for (const [name, from] of head.phases) {
    const left = Math.max(free, at(from) + 2);
    const width = context.measureText(name).width;
    if (left + width > size.width) continue;
    context.fillText(name, left, 64);
    free = left + width + 8;
  }
}

function triangle(context, middle, bottom, half) {
  context.beginPath();
  context.moveTo(middle - half, bottom - 2 * half + 1);
  context.lineTo(middle + half, bottom - 2 * half + 1);
  context.lineTo(middle, bottom);
  context.fill();
}

function paintWindow(context, at) {
  const [from, to] = [at(view.from), at(view.to)];
  context.fillStyle = colours.ink;
  context.globalAlpha = 0.12;
  context.fillRect(size.left, 0, Math.max(0, from - size.left), 52);
  context.fillRect(to, 0, Math.max(0, size.width - to), 52);
  context.globalAlpha = 1;
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.5;
  const wide = Math.max(3, Math.min(to, size.width - 0.75) - from);
  context.strokeRect(Math.max(size.left + 0.75, from), 0.75, wide, 50.5);
  context.lineWidth = 1;
}
