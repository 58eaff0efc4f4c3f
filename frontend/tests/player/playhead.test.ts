import { beforeEach, describe, expect, it, vi } from "vitest";
import { followRate, frameOf, Playhead, type Reel, timeOf } from "../../src/player/playhead";

class FakeReel implements Reel {
  currentTime = 0;
  playbackRate = 1;
  seeking = false;
  running = false;
  private readonly acts = new Map<string, () => void>();

  async play(): Promise<void> {
    this.running = true;
  }
  pause(): void {
    this.running = false;
  }
  addEventListener(name: string, act: () => void): void {
    this.acts.set(name, act);
  }
  ring(name: string): void {
    this.acts.get(name)?.();
  }
}

let frames: FrameRequestCallback[] = [];
beforeEach(() => {
  frames = [];
  vi.stubGlobal("requestAnimationFrame", (act: FrameRequestCallback) => frames.push(act));
  vi.stubGlobal("cancelAnimationFrame", () => {
    frames = [];
  });
});

function tick(): void {
  for (const act of frames.splice(0)) act(0);
}

function made(): { head: Playhead; reels: [FakeReel, FakeReel]; seen: number[] } {
  const reels: [FakeReel, FakeReel] = [new FakeReel(), new FakeReel()];
  const seen: number[] = [];
  const head = new Playhead(reels, 30, 300, () => seen.push(head.frame));
  return { head, reels, seen };
}

describe("frames and times", () => {
  it("are each other's inverse for every frame", () => {
    for (let frame = 0; frame < 300; frame += 1) expect(frameOf(timeOf(frame, 30), 30, 300)).toBe(frame);
  });

  it("stay inside the episode", () => {
    expect(frameOf(99, 30, 300)).toBe(299);
    expect(frameOf(-1, 30, 300)).toBe(0);
  });
});

describe("playhead", () => {
  it("puts every camera on the same frame", () => {
    const { head, reels } = made();
    head.step(10);
    expect(head.frame).toBe(10);
    for (const reel of reels) expect(frameOf(reel.currentTime, 30, 300)).toBe(10);
    head.step(-99);
    expect(head.frame).toBe(0);
  });

  it("fetches only the newest frame while one is on its way", () => {
    const { head, reels } = made();
    reels[1].seeking = true;
    head.seek(50);
    head.seek(80);
    expect(reels[0].currentTime).toBe(0);
    reels[1].seeking = false;
    reels[1].ring("seeked");
    expect(frameOf(reels[0].currentTime, 30, 300)).toBe(80);
  });

  it("asks again for a picture that was sought and never shown", () => {
    vi.useFakeTimers();
    const { head, reels } = made();
    head.seek(13);
    head.shown[0] = 13;
    head.shown[1] = 18;
    reels[1].ring("seeked");
    const before = reels.map((reel) => reel.currentTime);
    vi.advanceTimersByTime(500);
    expect(reels[0].currentTime).toBe(before[0]);
    expect(reels[1].currentTime).not.toBe(before[1]);
    expect(frameOf(reels[1].currentTime, 30, 300)).toBe(13);
    head.shown[1] = 13;
    const settled = reels[1].currentTime;
    reels[1].ring("seeked");
    vi.advanceTimersByTime(500);
    expect(reels[1].currentTime).toBe(settled);
    vi.useRealTimers();
  });

  it("follows the leading camera while playing and stops on a whole frame", () => {
    const { head, reels, seen } = made();
    head.play();
    expect(reels.every((r) => r.running)).toBe(true);
    reels[0].currentTime = 1.01;
    reels[1].currentTime = 0.9;
    tick();
    expect(head.frame).toBe(30);
    expect(reels[1].playbackRate).toBeGreaterThan(1);
    head.toggle();
    expect(reels.some((r) => r.running)).toBe(false);
    expect(reels[1].currentTime).toBe(timeOf(30, 30));
    expect(seen.at(-1)).toBe(30);
  });

  it("starts anew when played at the end", () => {
    const { head } = made();
    head.seek(299);
    head.play();
    expect(head.frame).toBe(0);
  });

  it("bends a follower's speed gently and jumps only when it is far off", () => {
    expect(followRate(1, 0.005, 30)).toBe(1);
    expect(followRate(1, 0.05, 30)).toBeCloseTo(1.05);
    expect(followRate(2, -0.3, 30)).toBeCloseTo(1.8);
    expect(followRate(1, 0.8, 30)).toBeNaN();
  });
});
