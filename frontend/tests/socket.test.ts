import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LONGEST_MS, waitMs } from "../src/backoff";
import { LiveSocket, NoAnswer, type SocketState, type Typed } from "../src/socket";
import { FakeSocket } from "./fakes";

interface In extends Typed {
  n?: number;
}

function open() {
  const states: [SocketState, number][] = [];
  const got: In[] = [];
  const socket = new LiveSocket<In, Typed & { robots?: string[] }>({
    path: "/ws/fleet/",
    onMessage: (message) => got.push(message),
    onState: (now, code) => states.push([now, code]),
    ackOf: (message) => message.n,
    random: () => 0,
    make: (url) => new FakeSocket(url) as unknown as WebSocket,
  });
  socket.open();
  return { socket, states, got };
}

beforeEach(() => {
  FakeSocket.made = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe("back-off", () => {
  it("doubles and stops at its ceiling", () => {
    expect([1, 2, 3].map((n) => waitMs(n, () => 1))).toEqual([500, 1000, 2000]);
    expect(waitMs(40, () => 1)).toBe(LONGEST_MS);
  });

  it("spreads pages over the upper half, so that they do not return together", () => {
    expect(waitMs(3, () => 0)).toBe(1000);
    expect(waitMs(3, () => 0.5)).toBe(1500);
  });
});

describe("LiveSocket", () => {
  it("speaks ws on http and acknowledges a numbered message after it was handled", () => {
    const { got } = open();
    expect(FakeSocket.last.url).toMatch(/^ws:.*\/ws\/fleet\/$/);
    FakeSocket.last.accept();
    FakeSocket.last.say({ type: "rows", n: 7 });
    expect(got).toHaveLength(1);
    expect(FakeSocket.last.sent).toEqual([{ v: 1, type: "ack", n: 7 }]);
  });

  it("comes back by itself and keeps nothing that was sent into the break", () => {
    const { socket, states } = open();
    FakeSocket.last.accept();
    FakeSocket.last.break();
    expect(socket.send({ type: "stop_robots" })).toBe(false);
    vi.advanceTimersByTime(249);
    expect(FakeSocket.made).toHaveLength(1);
    vi.advanceTimersByTime(1);
    FakeSocket.last.accept();
    expect(FakeSocket.made).toHaveLength(2);
    expect(FakeSocket.last.sent).toEqual([]);
    expect(states.map(([now]) => now)).toEqual(["connecting", "open", "waiting", "connecting", "open"]);
  });

  it("waits longer after each failure and starts anew after a message", () => {
    open();
    FakeSocket.last.break();
    vi.advanceTimersByTime(250);
    FakeSocket.last.break();
    vi.advanceTimersByTime(499);
    expect(FakeSocket.made).toHaveLength(2);
    vi.advanceTimersByTime(1);
    FakeSocket.last.accept();
    FakeSocket.last.say({ type: "rows" });
    FakeSocket.last.break();
    vi.advanceTimersByTime(250);
    expect(FakeSocket.made).toHaveLength(4);
  });

  it.each([4401, 4403, 4404])("does not ask again after close code %i", (code) => {
    const { states } = open();
    FakeSocket.last.accept();
    FakeSocket.last.break(code);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.made).toHaveLength(1);
    expect(states.at(-1)).toEqual(["refused", code]);
  });

  it("tries at once when a person asks", () => {
    const { socket } = open();
    FakeSocket.last.break();
    socket.hurry();
    expect(FakeSocket.made).toHaveLength(2);
  });

  it("gives a request the answer with its id, also a refusal", async () => {
    const { socket } = open();
    FakeSocket.last.accept();
    const answer = socket.request({ type: "stop_robots", robots: [] });
    const { id } = FakeSocket.last.sent[0] as { id: string };
    FakeSocket.last.say({ type: "other", id: "somebody else's" });
    FakeSocket.last.say({ type: "refused", id });
    expect((await answer).type).toBe("refused");
  });

  it("fails a request when time runs out, when the link breaks, and when there is none", async () => {
    const { socket } = open();
    await expect(socket.request({ type: "early" })).rejects.toBeInstanceOf(NoAnswer);
    FakeSocket.last.accept();
    const slow = socket.request({ type: "slow" }, 1000);
    const outcome = expect(slow).rejects.toBeInstanceOf(NoAnswer);
    vi.advanceTimersByTime(1000);
    await outcome;
    const cut = expect(socket.request({ type: "cut" })).rejects.toThrow("broke");
    FakeSocket.last.break();
    await cut;
  });

  it("stays closed when the page closed it", () => {
    const { socket, states } = open();
    FakeSocket.last.accept();
    const made = FakeSocket.last;
    socket.close();
    expect(made.closedWith).toBe(1000);
    made.break(1000);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.made).toHaveLength(1);
    expect(states.at(-1)?.[0]).toBe("closed");
  });
});
