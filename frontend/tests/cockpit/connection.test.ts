// What becomes of the connection to the robot when the server's socket breaks and comes back.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Connection, type PeerState } from "../../src/cockpit/connection";
import { FakeRtc, FakeSocket } from "../fakes";

const PAGE = Array(32).fill("0C").join(":");
const ROBOT = Array(32).fill("AA").join(":");
const sdpOf = (fingerprint: string): string => `v=0\r\na=fingerprint:sha-256 ${fingerprint}\r\n`;
const HELLO = { type: "hello", robot: "r1", robot_key: "k", ice_servers: [], online: true };
const ANSWER = { type: "answer", session: "s1", sdp: sdpOf(ROBOT), fingerprint: ROBOT, signature: "", cameras: [] };

let connection: Connection;
let peers: PeerState[] = [];

const nothing = (): void => undefined;
const offers = (): unknown[] => FakeSocket.last.sent.filter((message) => message.type === "offer");
const resumes = (): Record<string, unknown>[] => FakeSocket.last.sent.filter((message) => message.type === "resume");

/** A new socket after the last one broke. */
async function back(hello: Record<string, unknown> = {}): Promise<void> {
  FakeSocket.last.break();
  await vi.advanceTimersByTimeAsync(60_000);
  FakeSocket.last.accept();
  FakeSocket.last.say({ ...HELLO, ...hello });
  await vi.advanceTimersByTimeAsync(1);
}

beforeEach(async () => {
  vi.useFakeTimers();
  localStorage.clear();
  FakeRtc.install(sdpOf(PAGE));
  FakeSocket.made = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("crypto", {}); // who answers is tested elsewhere: here the page may watch
  peers = [];
  connection = new Connection("r1", {
    onServer: nothing,
    onRobot: nothing,
    onControl: nothing,
    onTrack: nothing,
    onPeer: (state) => peers.push(state),
    onSocket: nothing,
    onKeyChanged: nothing,
    onForged: nothing,
  });
  connection.open();
  FakeSocket.last.accept();
  FakeSocket.last.say(HELLO);
  await vi.advanceTimersByTimeAsync(1);
  FakeSocket.last.say(ANSWER);
  await vi.advanceTimersByTimeAsync(1);
  FakeRtc.last.open();
});

afterEach(() => {
  connection.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a new socket", () => {
  test("goes on with the session of a living peer", async () => {
    expect(peers).toEqual(["connecting", "live"]);
    const { peer } = connection;
    await back();
    expect(resumes()).toMatchObject([{ session: "s1" }]);
    expect(offers()).toEqual([]);
    expect(connection.peer).toBe(peer);
    expect(connection.bound).toBe(true);
    expect(peers).toEqual(["connecting", "live"]);
  });

  test("also when the server does not see the robot yet", async () => {
    await back({ online: false });
    expect(resumes()).toHaveLength(1);
    expect(connection.state).toBe("live");
  });

  test("makes a new offer when the server refuses that", async () => {
    await back();
    const id = String(resumes()[0]?.id);
    FakeSocket.last.say({ type: "refused", id, code: "session_unknown", sentence: "This connection is over." });
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeRtc.made.map((rtc) => rtc.closed)).toEqual([true, false]);
    expect(offers()).toHaveLength(1);
    FakeSocket.last.say({ type: "refused", id, code: "session_unknown", sentence: "This connection is over." });
    await vi.advanceTimersByTimeAsync(1);
    expect(offers()).toHaveLength(1);
  });

  test("makes a new offer when the peer died meanwhile", async () => {
    FakeRtc.last.channels[0]?.onclose?.();
    await back();
    expect(resumes()).toEqual([]);
    expect(offers()).toHaveLength(1);
  });
});
