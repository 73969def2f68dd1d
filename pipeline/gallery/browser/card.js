/* A job in the grid: its picture, with its settings and metrics below. */

class CardView {
  constructor(open, starred) {
    this.why = make('span');
    this.mark = make('span', { className: 'mark' });
    this.bar = make('span', { className: 'bar' }, make('span'));
    this.reason = make('span', { className: 'why' }, this.why);
    this.open = make('button', { className: 'open', type: 'button' }, this.reason, this.bar, this.mark);
    this.star = make('button', { className: 'star', type: 'button', textContent: '★' });
    this.said = make('div', { className: 'said' });
    this.figures = make('div', { className: 'figures' });
    this.note = make('div', { className: 'note' });
    this.element = make('article', { className: 'card' }, this.open, this.star,
      make('div', { className: 'about' }, this.said, this.figures, this.note));
    this.screen = new Screen(this.open);
    this.open.addEventListener('click', () => open(this));
    this.star.addEventListener('click', () => starred(this));
    this.told = '';
  }

  /* Update the elements if the card has changed; otherwise leave them alone, so that the video keeps playing. */
  show(card, keys) {
    const told = JSON.stringify([card, keys]);
    if (told === this.told) return;
    this.told = told;
    this.card = card;
    this.element.className = `card ${card.state}`;
    this.element.dataset.name = card.name;
    this.screen.show(card.poster || (card.video ? null : card.file), card.video);
    const unseen = !card.poster && !card.video && !card.file;
    this.reason.hidden = !(unseen || card.state === 'failed');
    this.why.textContent = card.line || (unseen && card.state === 'done' ? 'No picture' : '');
    if (card.state === 'failed') this.screen.show(null, null);
    this.mark.textContent = mark(card);
    this.mark.hidden = !this.mark.textContent;
    const part = share(card);
    this.bar.hidden = part === null || card.state === 'done' || card.state === 'failed';
    this.bar.firstChild.style.setProperty('--share', `${100 * (part || 0)}%`);
    this.open.setAttribute('aria-label', spoken(card, keys));
    this.said.replaceChildren(...this.settings(keys));
    this.figures.replaceChildren(...this.measured());
    this.annotate();
  }

  settings(keys) {
    if (!keys.length) return [make('span', { textContent: this.card.name })];
    return keys.flatMap((key, at) => {
      const value = this.card.settings[at];
      if (value === null) return [];
      const small = make('small', { textContent: `${short(key)} ` });
      return [make('span', { title: key }, small, make('bdi', { textContent: value }))];
    });
  }

  measured() {
    const parts = [];
    for (const name of ['gain', 'flicker', 'pace']) {
      const value = this.card[name];
      if (value === null) continue;
      if (parts.length) parts.push(' · ');
      const words = [name === 'pace' ? null : `${name} `, make('b', { textContent: UNITS[name](value) })];
      parts.push(make('span', { title: MEANINGS[name] }, ...words));
    }
    return parts;
  }

  annotate() {
    const has = stars.has(this.card.name);
    this.star.setAttribute('aria-pressed', has);
    this.note.textContent = notes.of(this.card.name);
    this.star.setAttribute('aria-label', `Favourite: ${this.card.settings.filter(Boolean).join(', ') || this.card.name}`);
  }
}
