/* The video of a job, which is loaded only while it is in or near the visible part of the page. */

const MOST = 48; /* maximum number of loaded videos: browsers limit it, and more do not play smoothly */

class Screen {
  constructor(place) {
    this.place = place;
    this.image = make('img', { alt: '', loading: 'lazy', decoding: 'async', hidden: true, draggable: false });
    this.video = null;
    this.source = null;
    this.url = null;
    place.prepend(this.image);
  }

  /* Set the URLs of the picture and of the video; null: none. */
  show(poster, source) {
    if (this.source !== source && this.video) this.leave();
    this.source = source;
    this.image.hidden = !poster;
    if (poster && this.image.getAttribute('src') !== poster) this.image.src = poster;
  }

  enter() {
    if (this.video || !this.source) return;
    const video = make('video', { muted: true, playsInline: true, preload: 'auto', disableRemotePlayback: true, tabIndex: -1 });
    video.setAttribute('aria-hidden', 'true');
    video.addEventListener('loadedmetadata', () => this.whole(video));
    video.addEventListener('loadeddata', () => video.classList.add('there'));
    video.addEventListener('error', () => this.video === video && this.place.classList.add('unplayable'));
    video.src = this.source;
    this.image.after(video);
    this.video = video;
  }

  /* Download the whole video if the server does not support range requests (python -m http.server),
     because it could not seek otherwise. */
  async whole(video) {
    const reach = video.seekable.length ? video.seekable.end(video.seekable.length - 1) : 0;
    if (this.url || !location.protocol.startsWith('http') || reach > video.duration - 0.5) return;
    this.url = 'asked for';
    const source = this.source;
    const answer = await fetch(source).catch(() => null);
    const blob = answer && answer.ok ? await answer.blob().catch(() => null) : null;
    if (!blob || this.video !== video || this.source !== source) return;
    this.url = URL.createObjectURL(blob);
    video.src = this.url;
  }

  leave() {
    if (!this.video) return;
    this.video.pause();
    this.video.removeAttribute('src');
    this.video.load();
    this.video.remove();
    this.video = null;
    if (this.url && this.url.startsWith('blob:')) URL.revokeObjectURL(this.url);
    this.url = null;
    this.place.classList.remove('unplayable');
  }
}

/* Tracks which videos are in or near the visible part of the page, and plays up to MOST of them. */
class Watcher {
  constructor() {
    this.near = new Map();
    this.observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const screen = entry.target.screen;
        if (entry.isIntersecting) this.near.set(screen, entry.boundingClientRect.top);
        else if (this.near.delete(screen)) screen.leave();
      }
      this.settle();
    }, { rootMargin: '25% 0px' });
  }

  watch(element, screen) {
    element.screen = screen;
    this.observer.observe(element);
  }

  forget(element) {
    this.observer.unobserve(element);
    this.near.delete(element.screen);
    element.screen.leave();
  }

  settle() {
    [...this.near.keys()].forEach((screen, at) => (at < MOST ? screen.enter() : screen.leave()));
  }

  videos() {
    return [...this.near.keys()].map((screen) => screen.video).filter(Boolean);
  }
}
