/* The large view: one job with all its details, or two jobs next to each other. */

const large = {
  dialog: $('large'),
  held: null, /* the card that is compared with the current one; null: no comparison */
  card: null,
  screens: [],
  wiped: false, /* whether the source covers the left part of the picture */
  wipe: 50, /* width of that part, in percent */
  actual: false, /* whether every pixel is shown, instead of the whole picture */

  /* Set the callbacks. step(by): show the next card in this direction. starred(card): its star was
     pressed. pressed(): the picture was pressed. noted(card): its note was changed. */
  begin(step, starred, pressed, noted) {
    Object.assign(this, { step, starred, pressed, noted });
    this.dialog.addEventListener('close', () => this.left());
    addEventListener('resize', () => this.dialog.open && this.fit());
    this.dialog.addEventListener('keydown', (event) => {
      if (event.metaKey || event.ctrlKey || event.altKey || event.target.matches('textarea')) return;
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (by && event.target.matches('input')) return; /* moves the slider */
      if (by && !event.target.closest('pre, details')) this.step(by);
      else if (event.key === 'c') this.compare();
      else if (event.key === 'z') this.zoom();
      else if (event.key === 's') this.uncover();
      else if (event.key === 'f') this.starred(this.card);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  },

  show(card, data) {
    this.card = card;
    this.data = data;
    this.draw();
    if (!this.dialog.open) {
      document.documentElement.classList.add('dialog-open');
      this.opener = document.activeElement;
      this.dialog.showModal();
      this.dialog.querySelector('[data-tool="next"]').focus({ focusVisible: false });
    }
  },

  /* Update the open view; a video that has not changed keeps playing. */
  renew(data) {
    if (!this.dialog.open) return;
    this.data = data;
    const find = (old) => old && (data.cards.find((card) => card.name === old.name) || old);
    const [card, held] = [find(this.card), find(this.held)];
    const changed = JSON.stringify([card, held]) !== JSON.stringify([this.card, this.held]);
    Object.assign(this, { card, held });
    if (changed) this.draw();
  },

  compare() {
    this.held = this.held ? null : this.card;
    if (this.held) this.step(1);
    else this.draw();
  },

  zoom() {
    this.actual = !this.actual;
    this.draw();
  },

  /* Show the source in the left part of the picture, or the result alone. */
  uncover() {
    this.wiped = !this.wiped;
    this.draw();
  },

  left() {
    this.clear();
    this.held = null;
    document.documentElement.classList.remove('dialog-open');
    /* The browser has given the focus back to where it was; what was focused since then keeps it. */
    this.closed(this.card, [document.body, this.opener].includes(document.activeElement));
  },

  clear() {
    this.screens.forEach((screen) => screen.leave());
    this.screens = [];
    this.seen = '';
  },

  /* Place two videos side by side or one above the other, whichever makes them larger. */
  fit() {
    const { clientWidth: width, clientHeight: height } = this.dialog.firstChild;
    const ratio = (this.card.width || 16) / (this.card.height || 9);
    const beside = Math.min(width / 2, height * ratio);
    this.dialog.firstChild.classList.toggle('stacked', Math.min(width, (height / 2) * ratio) > beside);
  },

  videos() {
    return this.screens.map((screen) => screen.video).filter(Boolean);
  },

  draw() {
    const focused = this.dialog.contains(document.activeElement) ? document.activeElement.dataset.tool : 'next';
    const unfolded = Boolean(this.dialog.querySelector('details[open]'));
    const cards = this.held ? [this.held, this.card] : [this.card];
    const seen = JSON.stringify([this.wiped, cards.map((card) => [card.name, card.video, card.poster, card.file, card.line, card.source])]);
    if (seen !== this.seen) {
      this.clear();
      this.dialog.replaceChildren(make('div', { className: 'panes' }, ...cards.map((card) => this.pane(card))), make('aside'));
    }
    this.seen = seen; /* a video that has not changed keeps playing */
    this.dialog.firstChild.classList.toggle('actual', this.actual);
    this.dialog.lastChild.replaceChildren(this.tools(), ...this.about(this.card, unfolded));
    this.fit();
    const again = this.dialog.querySelector(`[data-tool="${focused || 'next'}"]`);
    if (this.dialog.open && again) again.focus();
  },

  pane(card) {
    const place = make('figure', { className: 'pane' });
    const screen = new Screen(place);
    place.addEventListener('click', this.pressed);
    place.addEventListener('scroll', () => this.align(place));
    screen.image.loading = 'eager';
    screen.show(card.video ? card.poster : card.file || card.poster, card.video);
    screen.enter();
    this.screens.push(screen);
    if (this.wiped && card.source) place.append(...this.source(card, place));
    if (!card.poster && !card.video && !card.file) place.append(make('p', { className: 'why', textContent: card.line || STATES[card.state] }));
    if (this.held) place.append(make('figcaption', { textContent: spoken(card, this.data.keys).replace(/, done$/, '') }));
    return place;
  },

  /* Return the source, which covers the picture up to the wipe, and the slider that moves the wipe. */
  source(card, place) {
    const cover = make('div', { className: 'source' });
    const screen = new Screen(cover);
    const video = /\.mp4\?/.test(card.source);
    screen.image.loading = 'eager';
    screen.show(video ? null : card.source, video ? card.source : null);
    screen.enter();
    this.screens.push(screen);
    cover.style.setProperty('--width', `${card.width}px`);
    cover.style.setProperty('--height', `${card.height}px`);
    const slider = make('input', { type: 'range', className: 'wipe', min: 0, max: 100, step: 0.1, value: this.wipe, 'aria-label': 'Source to the left of here', title: 'Source | result' });
    const move = () => { this.wipe = Number(slider.value); place.style.setProperty('--wipe', `${this.wipe}%`); };
    slider.addEventListener('input', move);
    slider.addEventListener('click', (event) => event.stopPropagation());
    move();
    return [cover, slider];
  },

  /* Show the same part of the other picture. */
  align(place) {
    for (const other of this.dialog.querySelectorAll('.pane')) {
      if (other !== place) Object.assign(other, { scrollLeft: place.scrollLeft, scrollTop: place.scrollTop });
    }
  },

  tools() {
    const tool = (name, label, text, act, pressed) => {
      const button = make('button', { type: 'button', textContent: text, title: label, 'aria-label': label });
      button.dataset.tool = name;
      if (pressed !== undefined) button.setAttribute('aria-pressed', pressed);
      button.addEventListener('click', act);
      return button;
    };
    return make('div', { className: 'tools' },
      tool('back', 'Previous (←)', '←', () => this.step(-1)),
      tool('next', 'Next (→)', '→', () => this.step(1)),
      tool('star', 'Favourite (f)', '★', () => this.starred(this.card), stars.has(this.card.name)),
      tool('compare', 'Compare this job with others (c)', this.held ? 'Stop comparing' : 'Compare', () => this.compare(), Boolean(this.held)),
      ...(this.card.source ? [tool('source', 'Show the source to the left of a wipe (s)', 'Source', () => this.uncover(), this.wiped)] : []),
      tool('zoom', 'Show every pixel (z)', '100 %', () => this.zoom(), this.actual),
      Object.assign(tool('close', 'Close (Esc)', '✕', () => this.dialog.close()), { className: 'close' }));
  },

  about(card, unfolded) {
    const { keys, lines } = this.data;
    const parts = [make('h2', { className: 'name', textContent: keys.map((key, at) => card.settings[at]).filter(Boolean).join(' · ') || card.name })];
    const how = card.state === 'done' ? '' : [mark(card), card.line].filter(Boolean).join(': ');
    if (how) parts.push(make('p', { className: card.state === 'failed' ? 'bad' : '', textContent: how }));
    if (keys.length) parts.push(make('h2', { textContent: 'Settings of this job' }), table(keys.map((key, at) => [key, plain(card.settings[at])])));
    const figures = measured(card);
    if (figures.length) parts.push(make('h2', { textContent: 'Result' }), table(figures));
    const classes = card.classes.map(([name, share]) => [name, share < 0.01 ? 'under 1 %' : `${Math.round(100 * share)} %`]);
    if (classes.length) parts.push(make('h2', { textContent: 'What the network sees in the last frame' }), table(classes));
    if (card.explained) parts.push(make('p', {}, make('a', { href: card.explained, textContent: 'What the network sees, and where', target: '_blank', rel: 'noopener' })));
    parts.push(make('h2', { textContent: 'Note' }), this.note(card));
    parts.push(make('h2', { textContent: 'Command for the full clip' }), command(card.again, 'Copy the command'),
      make('h2', { textContent: 'The same command with every setting' }), command(card.whole, 'Copy the command with every setting'));
    if (card.file) parts.push(make('p', {}, make('a', { href: card.file, textContent: 'Open the file', target: '_blank', rel: 'noopener' })));
    if (card.recipe.some((line) => lines[line])) {
      parts.push(make('details', { open: unfolded }, make('summary', { textContent: 'All settings' }),
        make('pre', { textContent: card.recipe.map((line) => lines[line]).join('\n'), tabIndex: 0 })));
    }
    return parts;
  },

  note(card) {
    const field = make('textarea', { value: notes.of(card.name), rows: 2, maxLength: 2000, 'aria-label': 'Note' });
    field.dataset.tool = 'note';
    field.addEventListener('input', () => { notes.set(card.name, field.value.trim()); this.noted(card); });
    return field;
  },
};

function measured(card) {
  const rows = FIGURES.filter((name) => card[name] !== null)
    .map((name) => [NAMES[name], UNITS[name](card[name]).replace(' s/frame', ''), MEANINGS[name]]);
  if (card.width && card.height) rows.push(['size', `${card.width} × ${card.height} pixels`]);
  if (card.frames) rows.push(['length', `${card.frames} frames${card.seconds ? `, ${card.seconds.toFixed(1)} s at ${card.rate} frames/s` : ''}`]);
  if (card.device) rows.push(['device', card.device]);
  return rows;
}

function table(rows) {
  return make('dl', {}, ...rows.flatMap(([name, value, title]) => [
    make('dt', { textContent: name, title: title || '' }), make('dd', {}, make('bdi', { textContent: value }))]));
}

function command(text, label) {
  const pre = make('pre', { textContent: text, dir: 'ltr' });
  const button = make('button', { type: 'button', textContent: 'Copy', 'aria-label': label });
  button.addEventListener('click', async () => {
    const say = (word, name) => { button.textContent = word; button.setAttribute('aria-label', name); };
    const word = (await copied(text, pre)) ? 'Copied' : 'Press Ctrl-C';
    say(word, word);
    setTimeout(() => say('Copy', label), 2000);
  });
  return make('div', { className: 'copy' }, pre, button);
}
