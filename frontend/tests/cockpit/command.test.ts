import { describe, expect, test } from "vitest";
import { pack, readProbe } from "../../src/cockpit/command";
import { COMMAND, HEARTBEAT, NO_FRAME, PROBE, STOP } from "../../src/generated/protocol";

const hex = (raw: ArrayBuffer): string =>
  [...new Uint8Array(raw)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Made by protocol.command.pack from the same numbers.
describe("the bytes are those of protocol/command.py", () => {
  test("a command with seven axes and the deadman", () => {
    const raw = pack({
      kind: COMMAND,
      deadman: true,
      epoch: 41,
      seq: 7,
      n: 123456,
      sentUs: 1_234_567_890_123,
      seenFrame: 4567,
      values: [0.25, -0.35, 0, 1.5, -1.5, 0, 1],
    });
    expect(hex(raw)).toBe(
      "01000701290000000700000040e20100cb04fb711f010000d71100000000803e3333b3be000000000000c03f0000c0bf000000000000803f",
    );
  });

  test("a heartbeat of a page that has seen no picture", () => {
    const raw = pack({
      kind: HEARTBEAT,
      deadman: false,
      epoch: 1,
      seq: 2,
      n: 3,
      sentUs: 4,
      seenFrame: NO_FRAME,
      values: [],
    });
    expect(hex(raw)).toBe("010100000100000002000000030000000400000000000000ffffffff");
  });

  test("a stop long after the page was loaded", () => {
    const raw = pack({
      kind: STOP,
      deadman: false,
      epoch: 0,
      seq: 0,
      n: 9,
      sentUs: 2 ** 53 - 1,
      seenFrame: 12,
      values: [],
    });
    expect(hex(raw)).toBe("01030000000000000000000009000000ffffffffffff1f000c000000");
  });
});

describe("a probe that comes back", () => {
  const probe = pack({
    kind: PROBE,
    deadman: false,
    epoch: 0,
    seq: 0,
    n: 5,
    sentUs: 5_000_000_123,
    seenFrame: 0,
    values: [],
  });

  test("gives its number and time", () => {
    expect(readProbe(probe)).toEqual({ n: 5, sentUs: 5_000_000_123 });
  });

  test("is told from anything else", () => {
    expect(readProbe(new ArrayBuffer(4))).toBeNull();
    const stop = pack({ kind: STOP, deadman: false, epoch: 0, seq: 0, n: 5, sentUs: 1, seenFrame: 0, values: [] });
    expect(readProbe(stop)).toBeNull();
  });
});
