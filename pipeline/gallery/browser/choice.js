/* Filters and sort order of the cards. */

const FIGURES = ['gain', 'flicker', 'pace'];

/* Compare two values for sorting: numbers by value, text alphabetically, numbers before text. */
function compared(one, other) {
  const [a, b] = [Number(one), Number(other)];
  const [first, second] = [one !== '' && !Number.isNaN(a), other !== '' && !Number.isNaN(b)];
  if (first && second) return a - b;
  if (first !== second) return first ? -1 : 1;
  return String(one).localeCompare(String(other), 'en', { numeric: true });
}

const choice = {
  sort: 'plan',
  down: false,
  starred: false,
  chosen: new Map(), /* setting, or 'state' -> the values to show; empty: all */
  between: new Map(), /* metric -> [minimum, maximum]; null: no limit */

  value(card, keys, name) {
    if (name === 'state') return card.state;
    if (FIGURES.includes(name)) return card[name];
    return card.settings[keys.indexOf(name.slice(1))];
  },

  count() {
    const chips = [...this.chosen.values()].filter((values) => values.size).length;
    return chips + [...this.between.values()].filter((ends) => ends.some((end) => end !== null)).length;
  },

  clear() {
    this.chosen.clear();
    this.between.clear();
    this.starred = false;
  },

  lets(card, keys) {
    if (this.starred && !stars.has(card.name)) return false;
    for (const [name, values] of this.chosen) {
      if (values.size && !values.has(this.value(card, keys, name))) return false;
    }
    for (const [name, [least, most]] of this.between) {
      if (least === null && most === null) continue;
      const value = card[name];
      if (value === null || (least !== null && value < least) || (most !== null && value > most)) return false;
    }
    return true;
  },

  /* Return the cards that pass the filters, sorted; those without a value are last in both directions. */
  of(cards, keys) {
    const kept = cards.filter((card) => this.lets(card, keys));
    if (this.sort === 'plan') return this.down ? kept.reverse() : kept;
    const turn = this.down ? -1 : 1;
    const value = (card) => this.value(card, keys, this.sort);
    return kept.sort((a, b) => {
      const [one, other] = [value(a), value(b)];
      if (one === null || other === null) return (one === null) - (other === null);
      return turn * compared(one, other);
    });
  },
};

/* Return the elements of the filters in their current state. changed: called when the user changes one. */
function filters(cards, keys, changed) {
  const rows = [];
  const named = [...keys.map((key) => [`=${key}`, short(key)]), ['state', 'state']];
  for (const [name, label] of named) {
    const values = [...new Set(cards.map((card) => choice.value(card, keys, name)))].filter((v) => v !== null);
    if (values.length < 2) continue;
    const chosen = choice.chosen.get(name) || new Set();
    const chips = values.sort(compared).map((value) => {
      const chip = make('button', { type: 'button', textContent: name === 'state' ? STATES[value] : value, title: value });
      chip.setAttribute('aria-pressed', chosen.has(value));
      chip.addEventListener('click', () => {
        if (!chosen.delete(value)) chosen.add(value);
        chip.setAttribute('aria-pressed', chosen.has(value));
        choice.chosen.set(name, chosen);
        changed();
      });
      return chip;
    });
    rows.push(make('div', { className: 'filter' }, make('b', { textContent: label, title: keys.find((key) => name === `=${key}`) || '' }),
      make('div', { className: 'chips', role: 'group', 'aria-label': label }, ...chips)));
  }
  for (const name of FIGURES) rows.push(...bounds(name, cards, changed));
  return rows;
}

function bounds(name, cards, changed) {
  const values = cards.map((card) => card[name]).filter((value) => value !== null);
  if (values.length < 2) return [];
  const ends = choice.between.get(name) || [null, null];
  const inputs = [Math.min(...values), Math.max(...values)].map((found, at) => {
    const input = make('input', { type: 'number', step: 'any', placeholder: found.toPrecision(3),
      value: ends[at] === null ? '' : ends[at], 'aria-label': `${at ? 'Maximum' : 'Minimum'} ${NAMES[name]}` });
    input.addEventListener('input', () => {
      ends[at] = input.value === '' ? null : Number(input.value);
      choice.between.set(name, ends);
      changed();
    });
    return input;
  });
  return [make('div', { className: 'filter' }, make('b', { textContent: NAMES[name] }),
    make('div', { className: 'chips between' }, inputs[0], 'to', inputs[1]))];
}
