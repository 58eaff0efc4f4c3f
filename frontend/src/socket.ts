// A WebSocket that comes back by itself: typed JSON messages, acknowledgements of numbered ones, requests that wait for their answer.
// It knows nothing of robots, and it never sends again what was sent before a break: the page decides anew.
import { waitMs } from "./backoff";

/** `waiting` = broken, will try again; `refused` = the server said no and asking again would not help; `closed` = by this page. */
export type SocketState = "connecting" | "open" | "waiting" | "refused" | "closed";

export interface Typed {
  type: string;
  v: 1;
  id?: string;
}

/** A message before the envelope: `v` is filled in. */
export type Draft<M> = M extends unknown ? Omit<M, "v"> : never;

export interface SocketOptions<In extends Typed> {
  path: string;
  onMessage(message: In): void;
  /** `code` is the close code when waiting or refused, else 0. */
  onState(state: SocketState, code: number): void;
  /** Number to acknowledge once `onMessage` has returned, or undefined. */
  ackOf?(message: In): number | undefined;
  random?: () => number;
  make?: (url: string) => WebSocket;
}

/** No answer came: the socket broke, or `timeoutMs` went by. */
export class NoAnswer extends Error {}

/** Close codes after which trying again is useless: signed out, not allowed, gone, replaced by a newer version. */
const FINAL = new Set([4401, 4403, 4404, 4426]);

interface Waiting<In> {
  resolve(message: In): void;
  reject(error: Error): void;
  timer: number;
}

export class LiveSocket<In extends Typed, Out extends Typed> {
  state: SocketState = "closed";
  private socket: WebSocket | null = null;
  private attempt = 0;
  private retry = 0;
  private count = 0;
  private readonly waiting = new Map<string, Waiting<In>>();
  private readonly online = (): void => this.hurry();

  constructor(private readonly options: SocketOptions<In>) {}

  open(): void {
    window.addEventListener("online", this.online);
    this.connect();
  }

  close(): void {
    window.removeEventListener("online", this.online);
    window.clearTimeout(this.retry);
    const socket = this.socket;
    this.socket = null;
    this.giveUp("The page closed the connection.");
    this.enter("closed", 0);
    socket?.close(1000);
  }

  /** Tries again at once when waiting; a person pressed "Try now" or the network came back. */
  hurry(): void {
    if (this.state !== "waiting") return;
    window.clearTimeout(this.retry);
    this.connect();
  }

  /** False when it could not be handed over; nothing is kept for later. */
  send(message: Draft<Out>): boolean {
    if (this.socket?.readyState !== 1) return false;
    this.socket.send(JSON.stringify({ v: 1, ...message }));
    return true;
  }

  /** Sends with an id of its own and gives back the message that echoes it (a `refused` one too). Throws NoAnswer. */
  request(message: Draft<Out>, timeoutMs = 5000): Promise<In> {
    this.count += 1;
    const id = `${Date.now().toString(36)}-${this.count}`;
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => this.drop(id, new NoAnswer("The server did not answer.")), timeoutMs);
      this.waiting.set(id, { resolve, reject, timer });
      if (!this.send({ ...message, id })) this.drop(id, new NoAnswer("The server is not reached."));
    });
  }

  private connect(): void {
    this.enter("connecting", 0);
    const url = new URL(this.options.path, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = this.options.make ? this.options.make(url.href) : new WebSocket(url.href);
    this.socket = socket;
    socket.onopen = () => this.enter("open", 0);
    socket.onmessage = (event) => this.receive(socket, event);
    socket.onclose = (event) => this.closed(socket, event.code);
  }

  private receive(socket: WebSocket, event: MessageEvent): void {
    if (socket !== this.socket || typeof event.data !== "string") return;
    const message = JSON.parse(event.data) as In;
    this.attempt = 0;
    const waiting = message.id ? this.waiting.get(message.id) : undefined;
    if (waiting && message.id) {
      window.clearTimeout(waiting.timer);
      this.waiting.delete(message.id);
      waiting.resolve(message);
    }
    this.options.onMessage(message);
    const n = this.options.ackOf?.(message);
    if (n !== undefined && socket.readyState === 1) socket.send(JSON.stringify({ v: 1, type: "ack", n }));
  }

  private closed(socket: WebSocket, code: number): void {
    if (socket !== this.socket) return;
    this.socket = null;
    this.giveUp("The connection to the server broke.");
    if (FINAL.has(code)) {
      this.enter("refused", code);
      return;
    }
    this.attempt += 1;
    this.retry = window.setTimeout(() => this.connect(), waitMs(this.attempt, this.options.random ?? Math.random));
    this.enter("waiting", code);
  }

  private drop(id: string, error: Error): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    window.clearTimeout(waiting.timer);
    this.waiting.delete(id);
    waiting.reject(error);
  }

  private giveUp(sentence: string): void {
    for (const id of [...this.waiting.keys()]) this.drop(id, new NoAnswer(sentence));
  }

  private enter(state: SocketState, code: number): void {
    this.state = state;
    this.options.onState(state, code);
  }
}
