// The view: zooming and moving, choosing an operation, and telling about it.

function show(from, to) {
  let span = Math.min(END, Math.max(SPAN_MIN, to - from));
  const middle = (from + to) / 2;
  view.from = Math.max(0, Math.min(END - span, middle - span / 2));
  view.to = view.from + span;
  redraw();
}

// Zooms by a factor (below 1 is closer) and keeps the moment at `px` where it is.
function zoom(factor, px = size.left + size.plot / 2) {
  const at = timeAt(Math.max(size.left, px));
  const span = Math.min(END, Math.max(SPAN_MIN, (view.to - view.from) * factor));
  const share = (at - view.from) / (view.to - view.from);
  show(at - share * span, at + (1 - share) * span);
}

const move = (share) => {
  const by = Math.max(-view.from, Math.min(END - view.to, share * (view.to - view.from)));
  show(view.from + by, view.to + by);
};

// Chooses an operation and tells about it; -1 lets go. With `closer` the view goes there.
function choose(i, { closer = false, say = true } = {}) {
  view.chosen = i;
  view.hover = -1;
  if (i >= 0 && closer) {
    const long = Math.max(endOf(i) - ops.called[i], SPAN_MIN / 10);
    const span = Math.max(SPAN_MIN, Math.min(view.to - view.from, long * 12));
    show(ops.called[i] + long / 2 - span / 2, ops.called[i] + long / 2 + span / 2);
  }
  if (i >= 0) scrollToLane(i);
  section.dataset.chosen = i >= 0 ? ops.index[i] : '';
  tell(i, say);
  redraw();
}

function scrollToLane(i) {
  const stand = standOf(i, view.lane);
  if (!stand) return;
  const top = stand.lane * size.lane;
  const tall = size.height - size.top;
  if (top < scroller.scrollTop || top + size.lane > scroller.scrollTop + tall) {
    scroller.scrollTop = Math.max(0, top - tall / 2 + size.lane);
  }
}

// All of an anomaly, with some room around it.
function jump(number) {
  const { positions, at } = anomalies[number];
  if (!positions.length) return;
  const from = ops.called[positions[0]];
  const to = positions.reduce((latest, i) => Math.max(latest, endOf(i)), from);
  const margin = Math.max((to - from) * 0.15, SPAN_MIN);
  show(from - margin, to + margin);
  choose(at >= 0 ? at : positions[positions.length - 1]);
}

const detail = find('.timeline-detail');
const said = find('.timeline-said');

// Everything that is known of an operation, as text.
function tell(i, say) {
  detail.replaceChildren();
  if (i < 0) {
    const words = 'Point at an operation, or choose one, to read all about it.';
    detail.append(element('p', words, { className: 'soft' }));
    if (say) said.textContent = '';
    return;
  }
  const again = () => { if (i === view.chosen || i === view.hover) tell(i, say); };
  const texts = textsOf(i, again);
  const words = texts ? sentence(i, texts) : `${functionOf(i)} …`;
  const title = element('p');
  title.append(element('strong', `#${ops.index[i]} `), element('code', words));
  detail.append(title, facts(i));
  if (i === view.chosen) {
    const buttons = element('div', undefined, { className: 'timeline-group' });
    buttons.append(
      element('button', 'Zoom to it', { type: 'button', onclick: () => choose(i, { closer: true }) }),
      element('button', 'Let go', { type: 'button', onclick: () => choose(-1) }),
    );
    detail.append(buttons);
  }
  if (say && texts) said.textContent = `Operation ${ops.index[i]}: ${words}, ${took(i)}`;
}

function facts(i) {
  const list = element('dl', undefined, { className: 'facts' });
  const fact = (name, value) => {
    if (!value) return;
    const pair = element('div');
    pair.append(element('dt', name), element('dd', value));
    list.append(pair);
  };
  fact('process', String(ops.process[i]));
  fact('node', nameOf(head.nodes, ops.node[i]));
  fact('key', keysOf(i).join(', '));
  fact('called', moment(ops.called[i], head.tick));
  fact('took', took(i));
  fact('outcome', OUTCOMES[ops.outcome[i]]);
  fact('error', nameOf(head.errors, ops.error[i]));
  const active = faultsDuring(i);
  const names = active.slice(0, 6).map((fault) => `${fault.f} ${fault.targets}`.trim());
  const more = active.length > 6 ? ` and ${active.length - 6} more` : '';
  fact('faults', names.join('; ') + more || 'none in force');
  const part = anomalies.flatMap(({ positions }, number) => (positions.includes(i) ? [number + 1] : []));
  fact('anomaly', part.join(', '));
  return list;
}

const count = find('.timeline-count');
const table = find('.timeline-table');
let later = 0;

// Says what is in view, at the end of a movement and not at every step of it.
function announceView() {
  section.dataset.from = Math.round(view.from);
  section.dataset.to = Math.round(view.to);
  const [from, to] = [firstAt(view.from), firstAt(view.to + 1)];
  const inside = runSums.all[to] - runSums.all[from];
  section.dataset.inView = inside;
  clearTimeout(later);
  later = setTimeout(() => {
    const step = (view.to - view.from) / 1000;
    const all = runSums.all[N];
    const filtered = all < N ? `${grouped(all)} of ${grouped(N)} pass the filters` : `${grouped(N)} operations`;
    const stretch = `from ${moment(view.from, step)} to ${moment(view.to, step)}`;
    const words = `${filtered}, ${grouped(inside)} in view, ${stretch}`;
    if (count.textContent !== words) count.textContent = words;
    if (table.open) fillTable(from, to);
  }, 250);
}

const ROWS_MAX = 200;

function fillTable(from, to) {
  const rows = [];
  for (let i = from; i < to && rows.length < ROWS_MAX; i++) {
    if (!passes[i]) continue;
    const texts = textsOf(i, redraw);
    const row = element('tr');
    const link = element('a', `#${ops.index[i]}`, { href: `#op-${ops.index[i]}` });
    const call = element('th', undefined, { scope: 'row' });
    call.append(link);
    const words = element('td');
    words.append(element('code', texts ? sentence(i, texts) : '…'));
    const number = (text) => element('td', text, { className: 'number' });
    row.append(call, words, number(moment(ops.called[i])), number(took(i)));
    row.append(number(String(ops.process[i])), element('td', nameOf(head.nodes, ops.node[i])));
    rows.push(row);
  }
  table.querySelector('tbody').replaceChildren(...rows);
}
