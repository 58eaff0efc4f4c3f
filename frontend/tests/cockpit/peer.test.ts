// One peer connection: what becomes of an answer by what was proven about it, on a stand-in for the browser's WebRTC.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Peer, type PeerEvents } from "../../src/cockpit/peer";
import { FakeRtc } from "../fakes";

const PAGE = Array(32).fill("0C").join(":");
const ROBOT = Array(32).fill("AA").join(":");
const sdpOf = (fingerprint: string): string => `v=0\r\na=fingerprint:sha-256 ${fingerprint}\r\n`;
const EVENTS: PeerEvents = {
  onMessage: vi.fn(),
  onControl: vi.fn(),
  onTrack: vi.fn(),
  onOpen: vi.fn(),
  onDead: vi.fn(),
};
const ANSWER = { type: "answer", v: 1, session: "s", sdp: sdpOf(ROBOT), fingerprint: ROBOT, cameras: [] } as const;

beforeEach(() => FakeRtc.install(sdpOf(PAGE)));
afterEach(() => vi.unstubAllGlobals());

describe("an answer to the offer", () => {
  test("that is forged is never given to the browser", async () => {
    const peer = new Peer([], EVENTS);
    expect((await peer.accept({ ...ANSWER, signature: "" }, "")).proof).toBe("forged");
    expect(FakeRtc.last.remote).toBeNull();
  });

  test("that this page cannot check is taken, for watching", async () => {
    vi.stubGlobal("crypto", {});
    const peer = new Peer([], EVENTS);
    expect((await peer.accept({ ...ANSWER, signature: "" }, "")).proof).toBe("unchecked");
    expect(FakeRtc.last.remote).toBe(ANSWER.sdp);
  });

  test("that comes after the peer was closed is not called forged", async () => {
    vi.stubGlobal("crypto", {});
    const peer = new Peer([], EVENTS);
    peer.close();
    expect((await peer.accept({ ...ANSWER, signature: "" }, "")).proof).toBe("unchecked");
    expect(FakeRtc.last.remote).toBeNull();
  });
});
