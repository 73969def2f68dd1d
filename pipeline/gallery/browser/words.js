/* Elements and texts. Text is always inserted as text, never as HTML. */

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('aria-')) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const $ = (id) => document.getElementById(id);

const short = (key) => key.slice(key.lastIndexOf('.') + 1);
const plain = (value) => (value === null ? '–' : value);

const UNITS = {
  gain: (value) => `${value < 100 ? value.toFixed(2) : Math.round(value)}×`,
  flicker: (value) => value.toPrecision(2),
  pace: (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} s/frame`,
};
const NAMES = { gain: 'gain', flicker: 'flicker', pace: 'seconds per frame' };
const MEANINGS = {
  gain: 'How many times as strongly the network responds to the dream as to the source. Compare it within one look only.',
  flicker: 'Share of the dream that does not move with the picture: 0 is painted on, below 0.01 is calm, 1 is noise.',
  pace: 'Seconds of computation per frame.',
};
const STATES = {
  done: 'done', failed: 'failed', stopped: 'stopped', running: 'running',
  killed: 'killed', missing: 'not started',
};

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

/* Return the completed share of a job, 0 to 1; null: unknown. */
function share(card) {
  if (card.state === 'done') return 1;
  return card.done && card.frames ? Math.min(1, card.done / card.frames) : null;
}

/* Return the label on the picture of a job that is not done. */
function mark(card) {
  if (card.state === 'done') return '';
  const words = [STATES[card.state]];
  if (card.done) words.push(card.frames ? `${card.done} of ${card.frames} frames` : `${card.done} frames`);
  if (card.state === 'running' && card.left !== null) words.push(`${duration(card.left)} left`);
  return words.join(' · ');
}

function spoken(card, keys) {
  const said = keys.map((key, at) => `${short(key)} ${plain(card.settings[at])}`).join(', ');
  return `${said || card.name}, ${mark(card) || 'done'}`;
}

/* Return a value that the browser stores, or keeps until the page is closed if it does not permit storage. */
function stored(name, empty) {
  const key = `dreamreel ${location.pathname} ${name}`;
  let value = empty;
  try {
    value = JSON.parse(localStorage.getItem(key)) || empty;
  } catch { /* no storage, or invalid content */ }
  return {
    get: () => value,
    set(changed) {
      value = changed;
      try {
        localStorage.setItem(key, JSON.stringify(value));
      } catch { /* kept until the page is closed */ }
    },
  };
}

const stars = (() => {
  const store = stored('favourites', []);
  const names = new Set(store.get());
  return {
    has: (name) => names.has(name),
    toggle(name) {
      if (!names.delete(name)) names.add(name);
      store.set([...names]);
    },
  };
})();

const notes = (() => {
  const store = stored('notes', []); /* pairs of name and text: a name may be one that objects have */
  const texts = new Map(store.get());
  return {
    of: (name) => String(texts.get(name) || ''),
    set(name, text) {
      if (text) texts.set(name, text);
      else texts.delete(name);
      store.set([...texts]);
    },
  };
})();

/* Let the browser save a file with this text. */
function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = make('a', { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

async function copied(text, beside) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { /* the clipboard is available to secure pages only: copy a selection instead */
    const range = document.createRange();
    range.selectNodeContents(beside);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return document.execCommand('copy');
  }
  return true;
}
