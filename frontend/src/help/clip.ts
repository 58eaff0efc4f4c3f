// The pictures that a policy saw before it asked, played as a film of stills: read once, drawn over with what it thought. One file, see dispatch/clips.py.

export interface Still {
  camera: string;
  /** Seconds before the newest picture, 0 or negative. */
  at: number;
  url: string;
}

interface Place {
  t_ns: number;
  camera: string;
  first: number;
  bytes: number;
}

/** The stills of a clip's bytes, oldest first; empty when it cannot be read. */
export function stills(raw: ArrayBuffer, make: (jpeg: Blob) => string): Still[] {
  if (raw.byteLength < 4) return [];
  const length = new DataView(raw).getUint32(0, true);
  if (4 + length > raw.byteLength) return [];
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(raw, 4, length))) as Place[];
  const newest = Math.max(...header.map((one) => one.t_ns));
  return header.map((one) => ({
    camera: one.camera,
    at: (one.t_ns - newest) / 1e9,
    url: make(
      new Blob([raw.slice(4 + length + one.first, 4 + length + one.first + one.bytes)], { type: "image/jpeg" }),
    ),
  }));
}

/** Plays the stills of one camera in an <img>; the caller says when time goes by. */
export class Clip {
  private urls: string[] = [];
  private all: Still[] = [];
  private readonly images = new Map<string, HTMLImageElement>();
  camera = "";
  /** Seconds; 0 is the moment it asked. */
  at = 0;
  playing = false;
  speed = 1;

  async load(url: string, signal: AbortSignal): Promise<boolean> {
    const answer = await fetch(url, { credentials: "same-origin", signal });
    if (!answer.ok) return false;
    this.all = stills(await answer.arrayBuffer(), (jpeg) => {
      const made = URL.createObjectURL(jpeg);
      this.urls.push(made);
      return made;
    });
    for (const one of this.all) {
      const image = new Image();
      image.src = one.url;
      this.images.set(one.url, image); // decoded before it is shown
    }
    this.camera = this.cameras[0] ?? "";
    this.at = this.first;
    this.playing = this.all.length > 1;
    return this.all.length > 0;
  }

  get cameras(): string[] {
    return [...new Set(this.all.map((one) => one.camera))].sort();
  }

  get first(): number {
    return Math.min(0, ...this.all.map((one) => one.at));
  }

  /** The newest still at or before this moment. */
  get now(): Still | undefined {
    const mine = this.all.filter((one) => one.camera === this.camera);
    return mine.filter((one) => one.at <= this.at + 1e-3).pop() ?? mine[0];
  }

  tick(seconds: number): void {
    if (!this.playing) return;
    this.at += seconds * this.speed;
    if (this.at >= 1) this.at = this.first; // a second's rest at the end, then again
  }

  seek(seconds: number): void {
    this.playing = false;
    this.at = Math.max(this.first, Math.min(0, seconds));
  }

  close(): void {
    for (const url of this.urls) URL.revokeObjectURL(url);
    this.urls = [];
    this.images.clear();
  }
}
