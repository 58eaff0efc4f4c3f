// Which picture is on the screen, when it was captured, how old it is. Bookkeeping only: the callbacks are elsewhere.
import type { RobotClock } from "./clock";

const TICKS = 3000; // of the 90 kHz clock between two pictures of protocol/channel.py
const TWO_32 = 2 ** 32;
const KEPT = 600;
export const STALE_MS = 500;

/** Counts an RTP timestamp on through its wrap at 2^32; a session of more than 13 hours crosses one. */
export class RtpCount {
  private last = 0;
  private total = 0;

  constructor(origin: number) {
    this.last = origin >>> 0;
  }

  /** Index of the picture with this timestamp. */
  index(rtp: number): number {
    this.total += ((rtp >>> 0) - this.last) | 0;
    this.last = rtp >>> 0;
    return Math.round(this.total / TICKS);
  }
}

export interface Shown {
  index: number;
  /** When the page was called with the picture. */
  shownMs: number;
  /** When its last packet had arrived, where the browser says so. */
  receivedMs: number | null;
}

export interface Seen extends Shown {
  capturedMs: number;
  glassMs: number;
}

/** The main camera's pictures: joins what was shown with when it was captured, whichever is known first. */
export class FrameLedger {
  private captured = new Map<number, number>();
  private waiting: Shown[] = [];
  private last: Shown | null = null;

  constructor(private readonly clock: RobotClock) {}

  /** Index of the picture shown last, as `seen_frame` carries it; null before the first. */
  get newest(): number | null {
    return this.last ? this.last.index % TWO_32 : null;
  }

  get shownMs(): number | null {
    return this.last?.shownMs ?? null;
  }

  frames(captured: readonly (readonly [number, number])[]): Seen[] {
    for (const [index, monoUs] of captured) this.captured.set(index, monoUs);
    while (this.captured.size > KEPT) {
      const oldest = this.captured.keys().next();
      if (!oldest.done) this.captured.delete(oldest.value);
    }
    return this.settle();
  }

  shown(picture: Shown): Seen[] {
    this.last = picture;
    this.waiting.push(picture);
    if (this.waiting.length > 64) this.waiting.shift();
    return this.settle();
  }

  private settle(): Seen[] {
    const seen: Seen[] = [];
    this.waiting = this.waiting.filter((picture) => {
      const capturedMs = this.capturedMs(picture.index);
      if (capturedMs === null) return true;
      seen.push({ ...picture, capturedMs, glassMs: picture.shownMs - capturedMs });
      return false;
    });
    return seen;
  }

  private capturedMs(index: number): number | null {
    const monoUs = this.captured.get(index);
    return monoUs === undefined ? null : this.clock.toPage(monoUs);
  }

  /** Age of what is on the screen: since its capture where that is known, else since it was shown. Null before the first picture. */
  ageMs(nowMs: number): number | null {
    if (!this.last) return null;
    return nowMs - (this.capturedMs(this.last.index) ?? this.last.shownMs);
  }

  reset(): void {
    this.captured.clear();
    this.waiting = [];
    this.last = null;
  }
}

/** Old enough that nobody may drive by it; no picture at all is old too. */
export function isStale(ageMs: number | null): boolean {
  return ageMs === null || ageMs > STALE_MS;
}
