// Words of the timeline, as the rest of the report writes them.

const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ',');

// `0`, `850 ns`, `12.3 µs`, `4.21 ms`, `12.3 s`, `2 min 5 s`, `3 h 12 min`.
function duration(ns) {
  if (ns < 1) return '0';
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns >= 60e9) {
    const seconds = Math.floor(ns / 1e9);
    const minutes = Math.floor(seconds / 60);
    if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  }
  const [value, unit] = ns < 1e6 ? [ns / 1e3, 'µs'] : ns < 1e9 ? [ns / 1e6, 'ms'] : [ns / 1e9, 's'];
  const text = value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0);
  return `${text.includes('.') ? text.replace(/\.?0+$/, '') : text} ${unit}`;
}

// A moment of the run with as many decimals as tell moments apart that lie `step` from each other.
function moment(ns, step = 1e6) {
  const decimals = Math.min(9, Math.max(0, Math.ceil(-Math.log10(step / 1e9) - 1e-9)));
  return `${(ns / 1e9).toFixed(decimals)} s`;
}

const nameOf = (names, number) => (number ? names[number - 1] : '');
const functionOf = (i) => nameOf(head.functions, ops.f[i]) || '…';
const keysOf = (i) => {
  const keys = ops.key.subarray(ops.keyStart[i], ops.keyStart[i + 1]);
  return [...keys].map((key) => keyNames[key - 1]);
};

// `write 3 → ok`; with `key` as `write 7: 3 → ok` where the texts leave the key out.
function sentence(i, { asked, answered }, key = true) {
  const f = functionOf(i);
  const outcome = ops.outcome[i];
  const answer = outcome === 1 ? 'failed' : outcome === 2 ? '?' : answered || 'ok';
  const named = key && head.keyed && ops.keyStart[i] < ops.keyStart[i + 1];
  const what = named ? `${keysOf(i)[0]}${asked ? ': ' : ''}${asked}` : asked;
  return `${f}${what ? ' ' + what : ''} → ${answer}`;
}

function took(i) {
  if (ops.ended[i] < 0) return 'no answer';
  const long = duration(ops.ended[i] - ops.called[i]);
  return ops.outcome[i] === 2 ? `no answer, given up after ${long}` : long;
}

const faultEnd = (fault) => (fault.to === null ? head.end : fault.to);

// Faults that may have been in force at some time of an operation.
function faultsDuring(i) {
  const [from, to] = [ops.called[i], endOf(i)];
  return head.faults.filter((fault) => fault.from <= to && from <= faultEnd(fault));
}

// An element with text, which never becomes markup.
function element(name, text, properties = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return Object.assign(made, properties);
}
