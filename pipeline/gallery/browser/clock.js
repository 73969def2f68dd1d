/* A clock that all videos follow; one that is out of step is brought back to it. */

const clock = {
  playing: false,
  speed: 1,
  length: 0,
  at: 0,
  since: performance.now(),

  now() {
    const passed = this.playing ? ((performance.now() - this.since) / 1000) * this.speed : 0;
    return this.length ? (this.at + passed) % this.length : 0;
  },
  set(seconds) {
    this.at = this.length ? ((seconds % this.length) + this.length) % this.length : 0;
    this.since = performance.now();
  },
  change(settings) {
    this.set(this.now());
    Object.assign(this, settings);
    this.set(this.at);
  },
};

const FAR = 0.25; /* seconds; a video that is further off seeks, a nearer one plays faster or slower */
const NEAR = 0.015; /* seconds; a difference that is ignored */
const JUMPS = 1200; /* minimum milliseconds between two seeks: a video that cannot keep up must also play */

function follow(video, time) {
  if (!(video.duration > 0) || video.seeking) return;
  const end = Math.max(0, video.duration - 0.04);
  const aim = Math.min(time, end);
  const off = video.currentTime - aim;
  if (!clock.playing || time > end) {
    if (!video.paused) video.pause();
    if (Math.abs(off) > 0.004) video.currentTime = aim;
    return;
  }
  const jumped = Number(video.dataset.jumped || 0);
  if (Math.abs(off) > FAR && (performance.now() - jumped > JUMPS || off > clock.length / 2)) {
    video.dataset.jumped = performance.now();
    video.currentTime = Math.min(end, aim + 0.03 * clock.speed);
  }
  const bent = Math.abs(off) < NEAR ? 0 : Math.max(-0.3, Math.min(0.3, off * 1.5));
  const rate = clock.speed * (1 - bent);
  if (Math.abs(video.playbackRate - rate) > 0.005) video.playbackRate = rate;
  if (video.paused) video.play().catch(() => {});
}
