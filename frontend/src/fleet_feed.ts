// The live list of robots, once per page: keeps the newest row of each, tells listeners, sends the stop of several. Draws nothing.
import type { LiveFromBrowser, LiveFromServer, LiveStopReport, RobotRow } from "./generated/protocol";
import { LiveSocket, type SocketState } from "./socket";

type Change = "rows" | "state" | "stop";

export interface FleetFeed {
  readonly rows: ReadonlyMap<string, RobotRow>;
  readonly state: SocketState;
  readonly code: number;
  /** True once the whole list has come; before that an empty map means "not known". */
  readonly known: boolean;
  /** The newest report of a stop asked from this page, or null. */
  readonly report: LiveStopReport | null;
  /** Calls on every change of that kind until the signal is aborted. */
  on(change: Change, act: () => void, signal: AbortSignal): void;
  /** Remote stop of these robots, of all one may see when empty. False when the server is not reached. */
  stop(robots: readonly string[]): boolean;
  forgetReport(): void;
  /** Seconds since this robot's row came; since anything came without an id. */
  age_s(robot?: string): number;
  hurry(): void;
}

class Feed implements FleetFeed {
  readonly rows = new Map<string, RobotRow>();
  state: SocketState = "connecting";
  code = 0;
  known = false;
  report: LiveStopReport | null = null;
  private readonly cameAt = new Map<string, number>();
  private newest = performance.now();
  private readonly bell = new EventTarget();
  private readonly socket = new LiveSocket<LiveFromServer, LiveFromBrowser>({
    path: "/ws/fleet/",
    onMessage: (message) => this.take(message),
    onState: (state, code) => {
      this.state = state;
      this.code = code;
      this.ring("state");
    },
    ackOf: (message) => (message.type === "rows" ? message.n : undefined),
  });

  start(): void {
    this.socket.open();
    window.addEventListener("pagehide", () => this.socket.close());
    window.addEventListener("pageshow", (event) => event.persisted && this.socket.open());
  }

  on(change: Change, act: () => void, signal: AbortSignal): void {
    this.bell.addEventListener(change, act, { signal });
  }

  stop(robots: readonly string[]): boolean {
    return this.socket.send({ type: "stop_robots", robots });
  }

  forgetReport(): void {
    this.report = null;
    this.ring("stop");
  }

  age_s(robot?: string): number {
    const at = (robot === undefined ? undefined : this.cameAt.get(robot)) ?? this.newest;
    return (performance.now() - at) / 1000;
  }

  hurry(): void {
    this.socket.hurry();
  }

  private take(message: LiveFromServer): void {
    if (message.type === "stop_report") {
      this.report = message;
      this.ring("stop");
    } else if (message.type === "rows") {
      if (message.all) {
        this.rows.clear();
        this.known = true;
      }
      for (const id of message.gone ?? []) this.rows.delete(id);
      this.newest = performance.now();
      for (const row of message.rows) {
        this.rows.set(row.id, row);
        this.cameAt.set(row.id, this.newest);
      }
      this.ring("rows");
    }
  }

  private ring(change: Change): void {
    this.bell.dispatchEvent(new Event(change));
  }
}

let feed: Feed | null = null;

/** The page's feed; opened by the first who asks. */
export function fleetFeed(): FleetFeed {
  if (!feed) {
    feed = new Feed();
    feed.start();
  }
  return feed;
}
