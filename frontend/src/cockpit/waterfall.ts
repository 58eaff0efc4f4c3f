// Where the delay comes from: the stages from the picture's making to the robot's move, one median each. Pure.
import type { ChannelStages, ChannelTelemetry } from "../generated/protocol";
import { quantile } from "./recent";

export interface Stage {
  name: string;
  /** Making the picture comes before the capture, from which every delay counts. */
  side: "before" | "sight" | "act";
  ms: number | null;
}

/** Running totals of RTCInboundRtpStreamStats; seconds and counts. */
export interface Totals {
  bufferS: number;
  bufferCount: number;
  decodeS: number;
  decodeCount: number;
  received: number;
  lost: number;
}

export interface Received {
  bufferMs: number;
  decodeMs: number;
  lostPct: number;
}

const per = (sum: number, count: number): number => (count > 0 ? (sum / count) * 1000 : 0);

/** What happened between two readings. */
export function between(before: Totals, after: Totals): Received {
  const received = after.received - before.received;
  const lost = Math.max(0, after.lost - before.lost);
  return {
    bufferMs: Math.max(0, per(after.bufferS - before.bufferS, after.bufferCount - before.bufferCount)),
    decodeMs: Math.max(0, per(after.decodeS - before.decodeS, after.decodeCount - before.decodeCount)),
    lostPct: received + lost > 0 ? (100 * lost) / (received + lost) : 0,
  };
}

export interface PictureTimes {
  capturedMs: number;
  receivedMs: number | null;
  shownMs: number;
}

/** Network and display medians of pictures, from the whole way and the parts that others measured. */
export function viaNetwork(
  pictures: readonly PictureTimes[],
  robot: Pick<ChannelStages, "capture_ms" | "encode_ms" | "send_ms">,
  here: Received,
): { networkMs: number; displayMs: number } {
  const before = robot.capture_ms + robot.encode_ms + robot.send_ms;
  const network: number[] = [];
  const display: number[] = [];
  for (const picture of pictures) {
    if (picture.receivedMs === null) continue;
    network.push(Math.max(0, picture.receivedMs - picture.capturedMs - before));
    display.push(Math.max(0, picture.shownMs - picture.receivedMs - here.bufferMs - here.decodeMs));
  }
  return { networkMs: quantile(network, 0.5) ?? 0, displayMs: quantile(display, 0.5) ?? 0 };
}

export interface PageStages {
  networkMs: number;
  bufferMs: number;
  decodeMs: number;
  displayMs: number;
}

/** All stages in the order of time; unknown ones are null. */
export function stages(
  robot: ChannelStages | null,
  page: PageStages | null,
  told: ChannelTelemetry | null,
): readonly Stage[] {
  const sight = (name: string, ms: number | null | undefined): Stage => ({ name, side: "sight", ms: ms ?? null });
  const act = (name: string, ms: number | null | undefined): Stage => ({ name, side: "act", ms: ms ?? null });
  return [
    { name: "Render", side: "before", ms: robot?.render_ms ?? null },
    sight("Capture", robot?.capture_ms),
    sight("Encode", robot ? robot.encode_ms + robot.send_ms : null),
    sight("Network", page?.networkMs),
    sight("Buffer", page?.bufferMs),
    sight("Decode", page?.decodeMs),
    sight("Display", page?.displayMs),
    act("Command", told?.command_ms),
    act("Apply", told?.apply_ms),
  ];
}

/** Sum of the known stages of one side, milliseconds. */
export function sum(all: readonly Stage[], side: "sight" | "act"): number {
  return all.reduce((total, stage) => (stage.side === side ? total + (stage.ms ?? 0) : total), 0);
}
