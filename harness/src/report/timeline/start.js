// The beginning: reads the data, and listens to pointer, wheel and keys.

let anomalies = [];

const pointers = new Map();
let dragged = 0;

const placeOf = (event) => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

function hover(event) {
  const i = operationAt(...placeOf(event));
  if (i === view.hover) return;
  view.hover = i;
  tell(i >= 0 ? i : view.chosen, false);
  redraw();
}

// One pointer moves, two zoom and move; both keep the moments under them where they are.
function drag(event) {
  const last = pointers.get(event.pointerId);
  if (!last) return;
  const now = placeOf(event);
  const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
  dragged += Math.abs(now[0] - last[0]) + Math.abs(now[1] - last[1]);
  if (others.length) {
    const [was, is] = [Math.abs(last[0] - others[0][0]), Math.abs(now[0] - others[0][0])];
    if (was > 8 && is > 8) zoom(was / is, others[0][0]);
  } else if (dragged > 4) {
    move((last[0] - now[0]) / size.plot);
    if (event.pointerType === 'mouse') scroller.scrollTop -= now[1] - last[1];
  }
  pointers.set(event.pointerId, now);
}

function setUpPointer() {
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, placeOf(event));
    if (pointers.size === 1) dragged = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (pointers.size) drag(event); else hover(event);
  });
  const end = (event) => {
    const was = pointers.delete(event.pointerId);
    if (was && event.type === 'pointerup' && dragged <= 4) choose(operationAt(...placeOf(event)));
  };
  canvas.addEventListener('pointerup', end);
  canvas.addEventListener('pointercancel', end);
  canvas.addEventListener('pointerleave', () => {
    if (view.hover < 0) return;
    view.hover = -1;
    tell(view.chosen, false);
    redraw();
  });
  canvas.addEventListener('dblclick', (event) => zoom(0.25, placeOf(event)[0]));
  canvas.addEventListener('wheel', wheel, { passive: false });
  scroller.addEventListener('scroll', redraw);
}

// The wheel scrolls the page until the timeline has the focus; otherwise nobody could pass it.
function wheel(event) {
  const lines = event.deltaMode === 1 ? 16 : 1;
  const aside = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    move((aside * lines) / size.plot);
    return;
  }
  const focused = document.activeElement === canvas;
  const whole = view.to - view.from >= END;
  if (!event.ctrlKey && (!focused || (whole && event.deltaY > 0))) return;
  event.preventDefault();
  const by = event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002);
  zoom(Math.exp(Math.max(-1, Math.min(1, by))), placeOf(event)[0]);
}

// The next operation of the same lane that passes the filters, forwards or back.
function neighbour(step) {
  if (view.chosen < 0) {
    const first = firstAt(view.from);
    for (let i = first; i < N; i++) if (passes[i]) return i;
    return -1;
  }
  const stand = standOf(view.chosen, view.lane);
  if (!stand) return -1;
  const [start, end] = [lanes.start[stand.lane], lanes.start[stand.lane + 1]];
  for (let place = stand.place + step; place >= start && place < end; place += step) {
    if (passes[lanes.list[place]]) return lanes.list[place];
  }
  return -1;
}

function toNeighbour(step) {
  const i = neighbour(step);
  if (i < 0) return;
  choose(i);
  if (ops.called[i] < view.from || ops.called[i] > view.to) {
    const half = (view.to - view.from) / 2;
    show(ops.called[i] - half, ops.called[i] + half);
  }
}

const KEYS = {
  '+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2), '−': () => zoom(2),
  ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2),
  PageUp: () => move(-0.9), PageDown: () => move(0.9),
  ArrowUp: () => { scroller.scrollTop -= size.lane; }, ArrowDown: () => { scroller.scrollTop += size.lane; },
  Home: () => show(0, view.to - view.from), End: () => show(END - (view.to - view.from), END),
  0: () => show(0, END),
  n: () => toNeighbour(1), p: () => toNeighbour(-1),
  Enter: () => { if (view.chosen >= 0) choose(view.chosen, { closer: true }); },
  Escape: () => choose(-1),
};

function setUpKeys() {
  canvas.addEventListener('keydown', (event) => {
    const does = KEYS[event.key];
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    does();
  });
  const zooms = { in: () => zoom(0.4), out: () => zoom(2.5), all: () => show(0, END) };
  for (const button of findAll('[data-zoom]')) button.addEventListener('click', zooms[button.dataset.zoom]);
  for (const button of findAll('[data-anomaly]')) {
    const { title } = head.anomalies[button.dataset.anomaly];
    button.title = title;
    button.addEventListener('click', () => jump(Number(button.dataset.anomaly)));
  }
}

// A press on the overview takes the view there, and goes on while the pointer moves.
function setUpOverview() {
  const go = (event) => {
    const box = overview.getBoundingClientRect();
    const at = ((event.clientX - box.left - size.left) / size.plot) * END;
    const half = (view.to - view.from) / 2;
    show(at - half, at + half);
  };
  overview.addEventListener('pointerdown', (event) => {
    overview.setPointerCapture(event.pointerId);
    go(event);
  });
  overview.addEventListener('pointermove', (event) => { if (event.buttons) go(event); });
}

// Operation numbers of the anomalies lead here, and so does an address that ends with `#op-123`.
function setUpLinks() {
  for (const one of document.querySelectorAll('.anomaly .op, .anomaly tbody th')) {
    const number = /^#(\d+)$/.exec(one.textContent.trim());
    if (!number || positionOf(Number(number[1])) < 0) continue;
    const link = element('a', one.textContent.trim(), { href: `#op-${number[1]}` });
    link.dataset.op = number[1];
    one.replaceChildren(link);
  }
  const follow = () => {
    const number = /^#op-(\d+)$/.exec(location.hash);
    const i = number ? positionOf(Number(number[1])) : -1;
    if (i < 0) return;
    choose(i, { closer: true });
    section.scrollIntoView();
  };
  table.addEventListener('toggle', redraw);
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[href^="#op-"]') : null;
    // Also when the address has it already.
    if (link && link.getAttribute('href') === location.hash) follow();
  });
  window.addEventListener('hashchange', follow);
  follow();
}

async function start() {
  // Read the page before the data.
  await breathe();
  const off = find('.timeline-off');
  await load((done) => { off.textContent = `Reading operations: ${grouped(done)} of ${grouped(N)}`; });
  anomalies = head.anomalies.map(({ operations, at }) => ({
    positions: operations.map(positionOf).filter((i) => i >= 0),
    at: at === null ? -1 : positionOf(at),
  }));
  await addUpAll();
  await arrange('process');
  off.hidden = true;
  find('.timeline-on').hidden = false;
  section.dataset.lanes = 'process';
  readColours();
  measure();
  setUpPointer();
  setUpKeys();
  setUpOverview();
  setUpFinding();
  tell(-1, false);
  setUpLinks();
  redraw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { readColours(); redraw(); });
  new ResizeObserver(() => {
    if (scroller.clientWidth !== size.width) { measure(); redraw(); }
  }).observe(find('.timeline-on'));
  section.dataset.ready = 'true';
}

if (section && typeof DecompressionStream === 'function') {
  start().catch((error) => {
    find('.timeline-off').hidden = false;
    find('.timeline-off').textContent = `The timeline could not be read: ${error.message}`;
    throw error;
  });
}
