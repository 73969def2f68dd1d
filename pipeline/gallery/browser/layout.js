/* How the cards are placed: as videos, as a table, or by the values of two settings. */

const VIEWS = ['videos', 'table', 'cross'];

const layout = {
  view: 'videos',
  rows: 0, /* index of the setting whose values are the rows */
  columns: 1, /* and of that whose values are the columns */
  cells: new Map(), /* headings and cells of rows and columns, kept so that no video is moved without need */
  lines: new Map(), /* name of a job -> its line in the table */

  /* Place the elements in this order; those that are already in place are not moved. */
  place(parent, elements) {
    const kept = new Set(elements);
    for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
    elements.forEach((element, at) => {
      if (parent.children[at] !== element) parent.insertBefore(element, parent.children[at] || null);
    });
  },

  cell(name, tag, properties) {
    if (!this.cells.has(name)) this.cells.set(name, make(tag, properties));
    return this.cells.get(name);
  },

  /* Place the cards by the values of two settings, those with the same values below each other. */
  cross(order, keys, element) {
    const [row, column] = [Math.min(this.rows, keys.length - 1), Math.min(this.columns, keys.length - 1)];
    const values = (at) => {
      const found = [...new Set(order.map((card) => plain(card.settings[at])))];
      const planned = data.cards.map((card) => plain(card.settings[at]));
      const numbers = found.every((value) => value !== '' && !Number.isNaN(Number(value)));
      return found.sort(numbers ? compared : (a, b) => planned.indexOf(a) - planned.indexOf(b));
    };
    const [down, across] = [values(row), row === column ? [''] : values(column)];
    const heading = (kind, value) => this.cell(JSON.stringify([kind, value]), 'div', { className: `heading ${kind}`, textContent: value });
    $('grid').style.setProperty('--columns', across.length);
    const elements = [heading('corner', ''), ...across.map((value) => heading('column', value))];
    for (const one of down) {
      elements.push(heading('row-name', one));
      for (const other of across) {
        const cards = order.filter((card) => plain(card.settings[row]) === one
          && (row === column || plain(card.settings[column]) === other));
        const cell = this.cell(JSON.stringify(['cell', one, other]), 'div', { className: 'cell' });
        this.place(cell, cards.map(element));
        elements.push(cell);
      }
    }
    this.place($('grid'), elements);
  },

  /* Write the table. open(card): its picture was pressed. sorted(name): a heading was pressed. */
  table(order, keys, open, sorted) {
    const isNumber = (name) => FIGURES.includes(name) || order.every((card) => !Number.isNaN(Number(choice.value(card, keys, name))));
    const columns = [...keys.map((key) => [`=${key}`, short(key), key]), ['state', 'state', 'State of the job'],
      ...FIGURES.map((name) => [name, NAMES[name], MEANINGS[name]])];
    const head = make('tr', {}, make('th', { textContent: '' }), ...columns.map(([name, label, title]) => {
      const arrow = choice.sort === name ? (choice.down ? ' ↓' : ' ↑') : '';
      const button = make('button', { type: 'button', textContent: label + arrow, title });
      button.addEventListener('click', () => sorted(name));
      const cell = make('th', { scope: 'col', className: isNumber(name) ? 'number' : '' }, button);
      cell.setAttribute('aria-sort', arrow ? (choice.down ? 'descending' : 'ascending') : 'none');
      return cell;
    }), make('th', { textContent: 'note', scope: 'col' }));
    const lines = order.map((card) => {
      const told = JSON.stringify([card, keys, stars.has(card.name), notes.of(card.name)]);
      const known = this.lines.get(card.name);
      if (known && known.told === told) return known.line;
      const line = this.line(card, keys, open);
      this.lines.set(card.name, { told, line });
      return line;
    });
    $('table').replaceChildren(make('thead', {}, head), make('tbody', {}, ...lines));
  },

  line(card, keys, open) {
    const picture = make('button', { type: 'button', className: 'thumb', 'aria-label': `Open ${spoken(card, keys)}` });
    const poster = card.poster || (card.video ? null : card.file);
    if (poster) picture.append(make('img', { src: poster, alt: '', loading: 'lazy', decoding: 'async' }));
    picture.addEventListener('click', () => open(card));
    const figure = (name) => make('td', { className: 'number', textContent: card[name] === null ? '–' : UNITS[name](card[name]).replace(' s/frame', '') });
    return make('tr', { className: card.state }, make('td', {}, picture),
      ...keys.map((key, at) => make('td', { className: Number.isNaN(Number(card.settings[at])) ? '' : 'number' }, make('bdi', { textContent: plain(card.settings[at]) }))),
      make('td', { textContent: `${STATES[card.state]}${stars.has(card.name) ? ' ★' : ''}`, title: card.line }),
      ...FIGURES.map(figure), make('td', { textContent: notes.of(card.name) }));
  },
};

/* The address of the page names what is shown. Names that do not occur in the sweep are ignored. */
const address = {
  write(keys, open) {
    const words = new URLSearchParams();
    if (layout.view !== 'videos') words.set('view', layout.view);
    if (layout.view === 'cross') for (const axis of ['rows', 'columns']) words.set(axis, keys[layout[axis]] || '');
    if (choice.sort !== 'plan') words.set('sort', choice.sort);
    if (choice.down) words.set('down', '1');
    if (choice.starred) words.set('starred', '1');
    for (const [name, values] of choice.chosen) for (const value of values) words.append(`show ${name}`, value);
    for (const [name, [least, most]] of choice.between) {
      if (least !== null) words.set(`least ${name}`, least);
      if (most !== null) words.set(`most ${name}`, most);
    }
    if (open) words.set('job', open.name);
    const text = words.toString();
    if (text === this.text) return;
    this.text = text;
    try {
      history.replaceState(null, '', text ? `#${text}` : location.pathname + location.search);
    } catch { /* a browser that permits no address for this page, or too many changes */ }
  },

  /* Take over what the address names, and return the name of the open job; null: none. */
  read(keys) {
    this.text = location.hash.slice(1);
    const words = new URLSearchParams(this.text);
    const names = [...keys.map((key) => `=${key}`), 'state', ...FIGURES];
    const number = (name) => (words.has(name) && Number.isFinite(Number(words.get(name))) ? Number(words.get(name)) : null);
    layout.view = VIEWS.includes(words.get('view')) ? words.get('view') : 'videos';
    for (const axis of ['rows', 'columns']) if (keys.includes(words.get(axis))) layout[axis] = keys.indexOf(words.get(axis));
    choice.clear();
    choice.sort = names.includes(words.get('sort')) ? words.get('sort') : 'plan';
    choice.down = words.get('down') === '1';
    choice.starred = words.get('starred') === '1';
    for (const name of names) {
      const values = words.getAll(`show ${name}`);
      if (values.length) choice.chosen.set(name, new Set(values));
      const ends = [number(`least ${name}`), number(`most ${name}`)];
      if (FIGURES.includes(name) && ends.some((end) => end !== null)) choice.between.set(name, ends);
    }
    return words.get('job');
  },
};
