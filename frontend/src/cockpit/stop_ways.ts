// The three ways on which a remote stop goes out at once: datagrams, the reliable channel, the server.
import type { Asks } from "./asks";
import type { Connection } from "./connection";
import { stopDatagram, type Way } from "./stop";

const SERVER_STOP_MS = 1000; // the server repeats it by itself 20 times a second; this is for a server that came back

/** What the ways need of the cockpit, asked anew at each stop. */
export interface Standing {
  connection(): Connection;
  person(): string;
  /** The next number of a datagram, the newest picture seen, and the lease held; epoch and seq 0 when none is. */
  datagram(): { n: number; seenFrame: number; lease: { epoch: number; seq: number } };
}

export function stopWays(standing: Standing, asks: Asks): Way[] {
  let serverMs = Number.NEGATIVE_INFINITY;
  const datagram = (): boolean => {
    const { n, seenFrame, lease } = standing.datagram();
    return standing.connection().peer?.datagram(stopDatagram(n, performance.now(), seenFrame, lease)) ?? false;
  };
  const reliably = (): boolean => {
    const { peer } = standing.connection();
    if (!peer || peer.state.bufferedAmount > 0) return false;
    return peer.tell({ type: "stop", id: asks.nextId("stop"), source: standing.person() });
  };
  const byServer = (): boolean => {
    const nowMs = performance.now();
    if (nowMs - serverMs < SERVER_STOP_MS) return false;
    if (!standing.connection().socket.send({ type: "stop_request", id: asks.nextId("stop") })) return false;
    serverMs = nowMs;
    return true;
  };
  return [
    { name: "datagrams", send: datagram },
    { name: "the reliable channel", send: reliably },
    { name: "the server", send: byServer },
  ];
}
