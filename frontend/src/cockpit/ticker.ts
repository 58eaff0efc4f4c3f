// Calls something at a steady rate from the main thread. On purpose no worker: a page that hangs must fall silent, so that the robot holds.

export interface Clock {
  now(): number;
  after(ms: number, act: () => void): number;
  cancel(id: number): void;
}

export const PAGE_CLOCK: Clock = {
  now: () => performance.now(),
  after: (ms, act) => window.setTimeout(act, ms),
  cancel: (id) => window.clearTimeout(id),
};

export class Ticker {
  private timer = 0;
  private due = 0;
  private running = false;

  constructor(
    private readonly periodMs: number,
    private readonly act: (nowMs: number) => void,
    private readonly clock: Clock = PAGE_CLOCK,
  ) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.due = this.clock.now();
    this.tick();
  }

  stop(): void {
    this.running = false;
    this.clock.cancel(this.timer);
  }

  get on(): boolean {
    return this.running;
  }

  /** Turns missed are skipped, never made up for: an old command is worth nothing. */
  private tick(): void {
    const now = this.clock.now();
    this.act(now);
    if (!this.running) return;
    this.due += this.periodMs;
    if (this.due <= now) this.due = now + this.periodMs - ((now - this.due) % this.periodMs);
    this.timer = this.clock.after(Math.max(0, this.due - this.clock.now()), () => this.tick());
  }
}
