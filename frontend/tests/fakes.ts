// Stand-ins for what a unit test has none of: a server's socket, a robot's row.
import type { LeaseState, RobotRow, RobotState } from "../src/generated/protocol";

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  static made: FakeSocket[] = [];
  readyState = 0;
  readonly sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closedWith = 0;

  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }

  static get last(): FakeSocket {
    const socket = FakeSocket.made.at(-1);
    if (!socket) throw new Error("no socket was made");
    return socket;
  }

  accept(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify({ v: 1, ...message }) });
  }

  break(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code: number): void {
    this.closedWith = code;
    this.readyState = 3;
  }
}

export function state(change: Partial<RobotState> = {}): RobotState {
  return { mode: "SAFE_HOLD", reason: "RELEASED", since_s: 5, permitted: "direct", remote_motion: true, ...change };
}

export function lease(change: Partial<LeaseState> = {}): LeaseState {
  return { epoch: 4, seq: 1, kind: "human", person: "p1", name: "Mina Okafor", fingerprint: "f", held_s: 3, ...change };
}

export function row(change: Partial<RobotRow> = {}): RobotRow {
  return {
    id: "r1",
    name: "kestrel-1",
    site: "Lab",
    kind: "Sawyer, simulated",
    online: true,
    last_seen_s: null,
    state: state(),
    may_drive: true,
    ...change,
  };
}
