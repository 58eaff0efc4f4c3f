// The pictures of a run: live what the policy is shown, afterwards the recording; over both what it said at that moment.
import type { EpisodeOf, Line, RunDetail } from "../tasks/shapes";
import { safe } from "../text";
import { drawOver, type Over } from "./overlay";

const MOST_EVERY_MS = 180;

export class RunPictures {
  private built = "";
  private loading = new Set<string>();
  private lastMs = 0;

  constructor(private readonly part: HTMLElement) {}

  /** Makes the tiles anew when what they show changes; true when that is a recording. */
  build(run: RunDetail): boolean {
    const cameras = this.cameras(run);
    const key = JSON.stringify([run.id, cameras, run.episode?.videos.map((one) => one.url)]);
    if (key === this.built) return false;
    this.built = key;
    this.part.innerHTML = cameras.map((camera) => tile(camera, run)).join("");
    for (const image of this.part.querySelectorAll("img"))
      for (const name of ["load", "error"])
        image.addEventListener(name, () => this.loading.delete(image.dataset.camera ?? ""));
    return this.videos.length > 0;
  }

  private cameras(run: RunDetail): string[] {
    const wanted = Object.keys(run.cameras);
    return wanted.length > 0 ? wanted : (run.embodiment.cameras ?? []).map((one) => one.name);
  }

  get videos(): HTMLVideoElement[] {
    return [...this.part.querySelectorAll("video")];
  }

  get lead(): HTMLVideoElement | null {
    return this.part.querySelector("video");
  }

  /** Asks for the newest pictures, one at a time for each camera. */
  refresh(run: RunDetail, nowMs: number): void {
    if (nowMs - this.lastMs < MOST_EVERY_MS) return;
    this.lastMs = nowMs;
    for (const image of this.part.querySelectorAll("img")) {
      const camera = image.dataset.camera ?? "";
      if (this.loading.has(camera)) continue;
      this.loading.add(camera);
      image.src = `/api/runs/${run.id}/picture.jpg?camera=${encodeURIComponent(camera)}&n=${Math.floor(nowMs)}`;
    }
  }

  draw(run: RunDetail, thought: Line | undefined, shown: boolean): void {
    for (const canvas of this.part.querySelectorAll("canvas")) {
      const camera = canvas.dataset.camera ?? "";
      const over: Over = { camera, given: run.cameras[camera] ?? [96, 72], embodiment: run.embodiment };
      drawOver(canvas, over, shown ? thought?.reasoning : null);
    }
  }

  seek(seconds: number): void {
    for (const video of this.videos)
      if (Math.abs(video.currentTime - seconds) > 0.02) video.currentTime = Math.max(0, seconds);
  }
}

function tile(camera: string, run: RunDetail): string {
  const video = videoOf(run.episode, camera);
  const [width, height] = run.cameras[camera] ?? [4, 3];
  const inner = video
    ? `<video src="${safe(video)}" muted playsinline preload="auto"></video>`
    : `<img data-camera="${safe(camera)}" alt="What ${safe(camera)} shows">`;
  return `<div class="cam" style="aspect-ratio:${width}/${height}">${inner}<canvas data-camera="${safe(camera)}"></canvas><div class="hud"><b>${safe(camera)}</b><span class="muted">○ looks at · ◎ means to go</span></div></div>`;
}

function videoOf(episode: EpisodeOf | null, camera: string): string {
  return episode?.videos.find((one) => one.camera === camera)?.url ?? "";
}
