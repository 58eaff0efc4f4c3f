// How far the robot's monotonic clock is from this page's, from pings: of the last ones the one that came back fastest is believed,
// since half of its round trip bounds the error (as in NTP, RFC 5905). Wall clocks play no part.

interface Sample {
  rttMs: number;
  offsetMs: number;
}

const KEPT = 16;

export class RobotClock {
  private samples: Sample[] = [];

  /** A pong: `sentUs` on this page's clock, `monoUs` on the robot's, received at `nowMs` on this page's. */
  pong(sentUs: number, monoUs: number, nowMs: number): void {
    const sentMs = sentUs / 1000;
    const rttMs = nowMs - sentMs;
    if (!(rttMs >= 0)) return;
    this.samples.push({ rttMs, offsetMs: monoUs / 1000 - (sentMs + nowMs) / 2 });
    if (this.samples.length > KEPT) this.samples.shift();
  }

  private best(): Sample | null {
    return this.samples.reduce<Sample | null>((best, one) => (best && best.rttMs <= one.rttMs ? best : one), null);
  }

  /** Smallest round trip of the samples kept, null before the first. */
  get rttMs(): number | null {
    return this.best()?.rttMs ?? null;
  }

  /** A time of the robot's monotonic clock (microseconds) as milliseconds of performance.now(), or null. */
  toPage(monoUs: number): number | null {
    const best = this.best();
    return best ? monoUs / 1000 - best.offsetMs : null;
  }

  /** Another connection, another robot process: its clock may have started anew. */
  reset(): void {
    this.samples = [];
  }
}
