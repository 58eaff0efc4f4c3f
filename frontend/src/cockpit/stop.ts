// The remote stop as this page knows it: asked, answered by the robot, or unknown. It is sent on every way there is, 50 times a second, until
// the robot itself says that it stands; "stopped" is never claimed before that. Pure, but for the list of ways it is given.
import { STOP } from "../generated/protocol";
import { type Datagram, pack } from "./command";

export const UNKNOWN_MS = 1000;

export type Stop =
  | { at: "rest" }
  | { at: "asked"; sinceMs: number; sent: number; ways: readonly string[] }
  | { at: "answered"; tookMs: number; sent: number; ways: readonly string[]; atMs: number };

/** One way to the robot. Gives false when it cannot be used now; a reliable one with unsent bytes should refuse, since more of the same helps nobody. */
export interface Way {
  name: string;
  send(): boolean;
}

export class RemoteStop {
  state: Stop = { at: "rest" };

  constructor(
    private readonly ways: readonly Way[],
    private readonly source: () => string,
  ) {}

  /** The person pressed it, again or for the first time. */
  press(nowMs: number): void {
    if (this.state.at !== "asked") this.state = { at: "asked", sinceMs: nowMs, sent: 0, ways: [] };
    this.repeat();
  }

  /** To be called 50 times a second; does something only while an answer is due. */
  repeat(): void {
    const now = this.state;
    if (now.at !== "asked") return;
    const used = new Set(now.ways);
    let sent = now.sent;
    for (const way of this.ways) {
      if (!way.send()) continue;
      used.add(way.name);
      sent += 1;
    }
    this.state = { ...now, sent, ways: [...used] };
  }

  /** The robot says that a stop is latched under these names. */
  latched(sources: readonly string[], nowMs: number): void {
    const now = this.state;
    if (now.at === "asked" && sources.includes(this.source())) {
      const { sent, ways } = now;
      this.state = { at: "answered", tookMs: nowMs - now.sinceMs, sent, ways, atMs: nowMs };
    } else if (now.at === "answered" && sources.length === 0 && nowMs - now.atMs > 500) {
      this.state = { at: "rest" };
    }
  }

  get wanted(): boolean {
    return this.state.at === "asked";
  }

  /** Asked a second ago and not answered. */
  unknown(nowMs: number): boolean {
    return this.state.at === "asked" && nowMs - this.state.sinceMs > UNKNOWN_MS;
  }
}

/** The datagram of a stop. */
export function stopDatagram(
  n: number,
  nowMs: number,
  seenFrame: number,
  lease: { epoch: number; seq: number },
): ArrayBuffer {
  const datagram: Datagram = {
    kind: STOP,
    deadman: false,
    epoch: lease.epoch,
    seq: lease.seq,
    n,
    sentUs: nowMs * 1000,
    seenFrame,
    values: [],
  };
  return pack(datagram);
}
