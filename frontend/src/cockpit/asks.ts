// Requests to the robot over the reliable channel that wait for `done` or `refused`, by their ids. Knows nothing of what they mean.
import type { ChannelFromRobot } from "../generated/protocol";

interface Waiting {
  sinceMs: number;
  /** "" when it was carried out, else why not. */
  answered(problem: string): void;
}

const GIVE_UP_MS = 10_000;

export class Asks {
  private count = 0;
  private readonly waiting = new Map<string, Waiting>();

  nextId(prefix: string): string {
    this.count += 1;
    return `${prefix}-${this.count}`;
  }

  expect(id: string, nowMs: number, answered: (problem: string) => void): void {
    this.waiting.set(id, { sinceMs: nowMs, answered });
  }

  /** True when the message answers one of these. */
  hear(message: ChannelFromRobot): boolean {
    if (message.type !== "done" && message.type !== "refused") return false;
    const waiting = this.waiting.get(message.id ?? "");
    if (!waiting) return false;
    this.waiting.delete(message.id ?? "");
    waiting.answered(message.type === "done" ? "" : message.sentence);
    return true;
  }

  /** Nothing waits for ever: neither on a silent robot nor on a broken connection. */
  tick(nowMs: number, connected: boolean): void {
    for (const [id, one] of [...this.waiting]) {
      if (connected && nowMs - one.sinceMs < GIVE_UP_MS) continue;
      this.waiting.delete(id);
      one.answered(connected ? "The robot did not answer." : "The connection broke before the robot answered.");
    }
  }
}
