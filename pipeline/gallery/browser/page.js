/* The page: the toolbar, the keyboard, and updates while the sweep runs. */

let data = JSON.parse($('data').textContent);
const views = new Map();
const watcher = new Watcher();
let order = [];

function show(news) {
  data = news;
  const names = new Set(data.cards.map((card) => card.name));
  for (const [name, view] of views) {
    if (names.has(name)) continue;
    watcher.forget(view.open);
    view.element.remove();
    views.delete(name);
  }
  for (const card of data.cards) {
    if (!views.has(card.name)) {
      const view = new CardView(() => open(view.card), () => favour(view.card));
      views.set(card.name, view);
      watcher.watch(view.open, view.screen);
    }
    views.get(card.name).show(card, data.keys);
  }
  sized();
  sorts();
  axes();
  watcher.settle();
  arrange();
  told();
  large.renew(data);
}

/* Show the filtered cards in order, in the chosen view. */
function arrange() {
  order = choice.of([...data.cards], data.keys);
  const element = (card) => views.get(card.name).element;
  const view = layout.view === 'cross' && !data.keys.length ? 'videos' : layout.view;
  $('grid').hidden = view === 'table';
  $('rolls').hidden = view !== 'table';
  $('axes').hidden = view !== 'cross';
  $('grid').classList.toggle('crossed', view === 'cross');
  if (view === 'table') layout.table(order, data.keys, open, sortBy);
  else if (view === 'cross') layout.cross(order, data.keys, element);
  else layout.place($('grid'), order.map(element));
  $('view').value = layout.view;
  $('sort').value = choice.sort;
  $('turn').textContent = choice.down ? '↓' : '↑';
  $('turn').setAttribute('aria-pressed', choice.down);
  $('save').hidden = !data.cards.some((card) => stars.has(card.name) || notes.of(card.name));
  addressed();
  $('none').hidden = order.length > 0 || !data.cards.length;
  $('filtered').textContent = choice.count() || '';
  $('stars').textContent = data.cards.filter((card) => stars.has(card.name)).length || '';
  $('starred').setAttribute('aria-pressed', choice.starred);
  state();
}

function state() {
  const all = data.cards.length;
  const count = (...states) => data.cards.filter((card) => states.includes(card.state)).length;
  const words = [order.length < all ? `${order.length} of ${all} shown` : `${all} ${all === 1 ? 'job' : 'jobs'}`];
  for (const name of ['done', 'running', 'failed', 'stopped', 'killed', 'missing']) {
    const number = count(name);
    if (number && (number < all || name !== 'done')) words.push(`${number} ${STATES[name]}`);
  }
  const text = words.join(' · ');
  if ($('state').textContent !== text) $('state').textContent = text; /* an unchanged text must not be announced again */
  const done = data.cards.reduce((sum, card) => sum + (card.state === 'failed' ? 1 : share(card) || 0), 0);
  document.title = `${data.live ? `${count('done', 'failed')} of ${all} · ` : ''}${data.title} · dreamreel`;
  $('whole').hidden = !data.live;
  $('whole').firstChild.style.setProperty('--share', `${(100 * done) / (all || 1)}%`);
  $('mosaic').hidden = !data.mosaic;
  if (data.mosaic) $('mosaic').href = data.mosaic;
}

/* Offer filters for the values that occur; the user's choices are kept. */
function told() {
  const values = data.cards.map((card) => [card.state, card.settings, FIGURES.map((name) => card[name] !== null)]);
  const stamp = JSON.stringify([data.keys, values]);
  if (stamp === told.stamp || $('filters').contains(document.activeElement)) return;
  told.stamp = stamp;
  $('filters').replaceChildren(...filters(data.cards, data.keys, arrange));
}

function sorts() {
  const options = [['plan', 'job order'], ...data.keys.map((key) => [`=${key}`, `by ${short(key)}`]),
    ['state', 'by state'], ...FIGURES.map((name) => [name, `by ${NAMES[name]}`])];
  const stamp = JSON.stringify(options);
  if (stamp === sorts.stamp) return;
  sorts.stamp = stamp;
  $('sort').replaceChildren(...options.map(([value, text]) => make('option', { value, textContent: text })));
  $('sort').value = choice.sort;
}

/* Offer the settings that vary as rows and as columns. */
function axes() {
  const stamp = JSON.stringify(data.keys);
  if (stamp === axes.stamp) return;
  axes.stamp = stamp;
  for (const axis of ['rows', 'columns']) {
    $(axis).replaceChildren(...data.keys.map((key, at) => make('option', { value: at, textContent: short(key), title: key })));
    layout[axis] = Math.max(0, Math.min(layout[axis], data.keys.length - 1));
    $(axis).value = layout[axis];
  }
}

function sortBy(name) {
  choice.down = choice.sort === name && !choice.down;
  choice.sort = name;
  arrange();
}

/* Open the large view of a card. */
function open(card) {
  large.show(card, data);
  addressed();
}

function addressed() {
  address.write(data.keys, large.dialog.open ? large.card : null);
}

/* Show what the address names. */
function restore() {
  const name = address.read(data.keys);
  axes.stamp = '';
  axes();
  told.stamp = '';
  told();
  openNamed(name);
  arrange();
}

function openNamed(name) {
  const card = data.cards.find((one) => one.name === name);
  if (card) open(card);
  else if (large.dialog.open) large.dialog.close();
}

/* Save the favourites and notes as a file. */
function exported() {
  const jobs = data.cards.filter((card) => stars.has(card.name) || notes.of(card.name))
    .map((card) => ({ job: card.name, favourite: stars.has(card.name), note: notes.of(card.name),
      settings: Object.fromEntries(data.keys.map((key, at) => [key, card.settings[at]])) }));
  save(`${data.title}-notes.json`, `${JSON.stringify({ sweep: data.title, jobs }, null, 2)}\n`);
}

function sized() {
  const known = data.cards.find((card) => card.width && card.height);
  if (known) document.documentElement.style.setProperty('--ratio', `${known.width} / ${known.height}`);
}

function favour(card) {
  stars.toggle(card.name);
  views.get(card.name).annotate();
  arrange();
  if (large.dialog.open) large.draw();
}

/* Advance the videos. The clock starts over after the duration of the longest video shown. */
function tick() {
  const open = large.dialog.open;
  const videos = open ? large.videos() : watcher.videos();
  const known = order.map((card) => card.seconds || 0);
  const loaded = videos.map((video) => video.duration || 0).filter(Number.isFinite);
  const length = Math.max(0, ...known, ...loaded);
  if (Math.abs(length - clock.length) > 0.001) clock.change({ length });
  const time = clock.now();
  for (const video of videos) follow(video, time);
  if (open) for (const video of watcher.videos()) if (!video.paused) video.pause();
  $('time').max = length || 1;
  if (!tick.held) $('time').value = time;
  $('moment').textContent = `${time.toFixed(1)} s`;
}

function play(playing) {
  clock.change({ playing });
  $('play').setAttribute('aria-pressed', playing);
  $('play').setAttribute('aria-label', playing ? 'Pause all' : 'Play all');
  tick();
}

/* Move by frames of the first known rate, to the middle of a frame, so that seeking is exact. */
function step(by) {
  const rate = (order.find((card) => card.rate) || { rate: 25 }).rate;
  play(false);
  clock.set((Math.floor(clock.now() * rate + 0.01) + by + 0.5) / rate);
  tick();
}

/* Move the focus to the next card in the direction of an arrow key. */
function walk(key) {
  const buttons = [...$('grid').querySelectorAll('.open')];
  const at = buttons.indexOf(document.activeElement);
  if (at < 0) {
    const seen = buttons.find((button) => button.getBoundingClientRect().bottom > 80);
    if (seen) seen.focus();
    return;
  }
  const top = (button) => Math.round(button.getBoundingClientRect().top);
  const columns = Math.max(1, buttons.filter((button) => top(button) === top(buttons[0])).length);
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[key];
  const next = buttons[at + by];
  if (next) next.focus();
}

function keys(event) {
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  const typing = event.target.matches('input, select, summary, textarea');
  if ($('manual').open) return;
  if (event.key === ' ' && !event.target.matches('input[type="number"], select, summary, textarea, button:not(.open)')) play(!clock.playing);
  else if (event.key === ',' && !typing) step(-1);
  else if (event.key === '.' && !typing) step(1);
  else if (event.key === '?' && !typing) $('manual').showModal();
  else if (large.dialog.open || typing) return;
  else if (event.key.startsWith('Arrow') && layout.view !== 'table') walk(event.key);
  else if (event.key === 'f' && event.target.matches('.open')) favour(views.get(event.target.closest('.card').dataset.name).card);
  else return;
  event.preventDefault();
}

function wire() {
  const on = (id, event, act) => $(id).addEventListener(event, act);
  on('play', 'click', () => play(!clock.playing));
  on('back', 'click', () => step(-1));
  on('on', 'click', () => step(1));
  on('speed', 'change', () => clock.change({ speed: Number($('speed').value) }));
  on('time', 'input', () => { clock.set(Math.min(Number($('time').value), clock.length - 0.001)); tick(); });
  on('sort', 'change', () => { choice.sort = $('sort').value; arrange(); });
  on('turn', 'click', () => { choice.down = !choice.down; arrange(); });
  on('view', 'change', () => { layout.view = $('view').value; arrange(); });
  for (const axis of ['rows', 'columns']) on(axis, 'change', () => { layout[axis] = Number($(axis).value); arrange(); });
  on('help', 'click', () => $('manual').showModal());
  on('save', 'click', exported);
  $('meanings').replaceChildren(...FIGURES.flatMap((name) => [make('dt', { textContent: NAMES[name] }), make('dd', { textContent: MEANINGS[name] })]));
  addEventListener('hashchange', () => { if (location.hash.slice(1) !== address.text) restore(); });
  on('filter', 'click', () => {
    $('filters').hidden = !$('filters').hidden;
    $('filter').setAttribute('aria-expanded', !$('filters').hidden);
  });
  on('starred', 'click', () => { choice.starred = !choice.starred; arrange(); });
  on('all', 'click', () => { choice.clear(); told.stamp = ''; told(); arrange(); });
  on('size', 'input', resize);
  document.addEventListener('keydown', keys);
  large.begin((by) => {
    const at = order.findIndex((card) => card.name === large.card.name);
    const next = order[(at + by + order.length) % order.length];
    if (next) open(next);
  }, favour, () => play(!clock.playing), (card) => { views.get(card.name).annotate(); arrange(); });
  large.closed = (card, focus) => {
    const view = views.get(card.name);
    if (focus && view) view.open.focus();
    addressed();
  };
}

function resize() {
  const size = Number($('size').value);
  document.documentElement.style.setProperty('--cell', `${size}px`);
  $('grid').classList.toggle('small', size < 260);
}

/* Load new data while the sweep runs: as a script, because a page on disk may read no other files. */
const news = (() => {
  const address = (stamp) => `./gallery/live.js?${Number(stamp)}`;
  const policy = window.trustedTypes ? trustedTypes.createPolicy('dreamreel', { createScriptURL: address }) : { createScriptURL: address };
  const [SOON, LATE] = [3000, 60000];
  let pause = SOON;
  let last = '';
  window.dreamreelGallery = (told) => {
    const text = JSON.stringify(told);
    pause = text === last ? Math.min(LATE, pause * 1.2) : SOON;
    last = text;
    show(told);
  };
  return function ask() {
    if (!data.live) return;
    const script = document.createElement('script');
    const again = () => { script.remove(); setTimeout(ask, pause); };
    script.onload = again;
    script.onerror = again;
    script.src = policy.createScriptURL(Date.now());
    document.head.append(script);
  };
})();

wire();
if (matchMedia('(max-width: 760px)').matches) $('size').value = 320;
resize();
const named = address.read(data.keys); /* before the page shows, and writes, what it was without it */
openNamed(named);
show(data);
setInterval(tick, 100);
setTimeout(news, 1000);
if (!matchMedia('(prefers-reduced-motion: reduce)').matches) play(true);
