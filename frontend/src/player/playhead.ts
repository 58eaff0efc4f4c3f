// One playhead for all cameras: the first video leads, the others follow it, and while still every video stands on exactly the same frame.
// Row i of the episode is frame i of each video (constant rate), so a frame number is all that is needed.

/** The parts of a video element that the playhead uses. */
export interface Reel {
  currentTime: number;
  playbackRate: number;
  readonly seeking: boolean;
  play(): Promise<void>;
  pause(): void;
  addEventListener(name: string, act: () => void): void;
  /** Tells about the next picture that is really on the screen; not every browser has it. */
  requestVideoFrameCallback?(act: (now: number, about: { mediaTime: number }) => void): number;
}

/** Middle of a frame: safe against rounding at its borders. */
export function timeOf(frame: number, hz: number): number {
  return (frame + 0.5) / hz;
}

export function frameOf(time_s: number, hz: number, rows: number): number {
  return Math.min(rows - 1, Math.max(0, Math.floor(time_s * hz + 1e-3)));
}

/** Rate for a follower that is `behind_s` behind the leader: at most a tenth faster or slower, NaN when it must jump. */
export function followRate(speed: number, behind_s: number, hz: number): number {
  if (Math.abs(behind_s) > 0.5) return Number.NaN;
  if (Math.abs(behind_s) < 0.5 / hz) return speed;
  return speed * (1 + Math.max(-0.1, Math.min(0.1, behind_s)));
}

const LOOK_MS = 400; // after a seek: a picture that the browser never put on the screen is asked for again
const TRIES = 5;

export class Playhead {
  frame = 0;
  playing = false;
  speed = 1;
  /** Rows first..last that are played again and again; null plays to the end. */
  loop: { first: number; last: number } | null = null;
  /** Frame that each camera really shows; -1 while that is not known. */
  readonly shown: number[];
  private wanted = -1;
  private ticking = 0;
  private looking = 0;
  private tries = 0;
  private closed = false;

  constructor(
    private readonly reels: readonly Reel[],
    readonly hz: number,
    readonly rows: number,
    private readonly onChange: () => void,
    private readonly onShown: () => void = () => undefined,
  ) {
    this.shown = reels.map(() => -1);
    for (const reel of reels) {
      reel.addEventListener("seeked", () => {
        this.settle();
        this.lookLater();
      });
    }
    reels.forEach((reel, index) => {
      this.watch(reel, index);
    });
    this.leader?.addEventListener("ended", () => this.ended());
  }

  private get leader(): Reel | undefined {
    return this.reels[0];
  }

  get seconds(): number {
    return this.frame / this.hz;
  }

  /** Shows this frame on every camera; while playing it goes on from there. */
  seek(frame: number): void {
    this.frame = Math.min(this.rows - 1, Math.max(0, Math.round(frame)));
    this.wanted = this.frame;
    this.tries = 0;
    this.settle();
    this.onChange();
  }

  /** Stops and moves by whole frames. */
  step(frames: number): void {
    this.pause();
    this.seek(this.frame + frames);
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  play(): void {
    if (this.playing || !this.leader) return;
    const { first, last } = this.loop ?? { first: 0, last: this.rows - 1 };
    if (this.frame >= last || this.frame < first) this.seek(first);
    this.playing = true;
    for (const reel of this.reels) {
      reel.playbackRate = this.speed;
      void reel.play().catch(() => this.pause());
    }
    this.follow();
    this.onChange();
  }

  pause(): void {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.ticking);
    for (const reel of this.reels) reel.pause();
    this.seek(this.frame);
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    for (const reel of this.reels) reel.playbackRate = speed;
    this.onChange();
  }

  close(): void {
    this.closed = true;
    cancelAnimationFrame(this.ticking);
    clearTimeout(this.looking);
    this.playing = false;
    for (const reel of this.reels) reel.pause();
  }

  /** One seek at a time: dragging asks for many frames, only the newest is fetched. */
  private settle(): void {
    if (this.wanted < 0 || this.reels.some((reel) => reel.seeking)) return;
    const time = timeOf(this.wanted, this.hz);
    this.wanted = -1;
    for (const reel of this.reels) reel.currentTime = time;
  }

  private lookLater(): void {
    clearTimeout(this.looking);
    if (!this.playing && !this.closed && this.tries < TRIES) this.looking = setTimeout(() => this.look(), LOOK_MS);
  }

  /** While still: browsers sometimes drop the picture of a seek that followed another closely. It is sought once more. */
  private look(): void {
    if (this.playing || this.closed || this.wanted >= 0 || this.reels.some((reel) => reel.seeking)) return;
    const missing = this.reels.filter((_, index) => (this.shown[index] ?? -1) >= 0 && this.shown[index] !== this.frame);
    if (missing.length === 0) return;
    this.tries += 1;
    const aside = ((this.tries % 2) * 0.2) / this.hz; // another time within the frame, or it would be no seek
    for (const reel of missing) reel.currentTime = timeOf(this.frame, this.hz) + aside;
  }

  private watch(reel: Reel, index: number): void {
    reel.requestVideoFrameCallback?.((_, { mediaTime }) => {
      if (this.closed) return;
      this.shown[index] = Math.min(this.rows - 1, Math.max(0, Math.round(mediaTime * this.hz)));
      this.onShown();
      this.watch(reel, index);
    });
  }

  /** What ran off the end begins again when it loops, else it stands on the last frame. */
  private ended(): void {
    if (!this.playing) return;
    if (!this.loop) {
      this.pause();
      return;
    }
    this.seek(this.loop.first);
    for (const reel of this.reels) void reel.play().catch(() => this.pause());
  }

  private follow(): void {
    this.ticking = requestAnimationFrame(() => {
      if (!this.playing) return;
      this.advance();
      this.follow();
    });
  }

  private advance(): void {
    const { leader } = this;
    if (!leader || leader.seeking || this.wanted >= 0) return;
    const now = frameOf(leader.currentTime, this.hz, this.rows);
    for (const reel of this.reels.slice(1)) {
      const rate = followRate(this.speed, leader.currentTime - reel.currentTime, this.hz);
      if (Number.isNaN(rate)) reel.currentTime = leader.currentTime;
      else if (reel.playbackRate !== rate) reel.playbackRate = rate;
    }
    if (this.loop && now > this.loop.last) {
      this.seek(this.loop.first);
      return;
    }
    const frame = this.onScreen(now);
    if (frame === this.frame) return;
    this.frame = frame;
    this.onChange();
  }

  /** The picture that is really shown, where the browser tells; its clock otherwise. A picture from before a jump is none. */
  private onScreen(now: number): number {
    const shown = this.shown[0] ?? -1;
    return shown >= 0 && Math.abs(shown - now) <= Math.max(3, 0.5 * this.hz) ? shown : now;
  }
}
