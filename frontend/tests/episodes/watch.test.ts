// The list looks for news by itself: quickly while something is checked, seldom otherwise, never while nobody sees it.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LibraryRow } from "../../src/episodes/library_shapes";
import { Watch } from "../../src/episodes/watch";
import { Refused } from "../../src/http";

const row = (id: string, status = "ready"): LibraryRow => ({ id, status }) as LibraryRow;

class List {
  items = [row("e1")];
  loaded = 0;
  newest: () => Promise<string> = async () => "e1";
  first(): Promise<string> {
    return this.newest();
  }
  async changed(): Promise<void> {
    this.loaded += 1;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("loads again when something newer came, and not before", async () => {
  const list = new List();
  const watch = new Watch(list);
  watch.start();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(list.loaded).toBe(0);
  list.newest = async () => "e2";
  await vi.advanceTimersByTimeAsync(5000);
  expect(list.loaded).toBe(1);
});

it("follows a check without asking what is new", async () => {
  const list = new List();
  list.items = [row("e1", "received")];
  new Watch(list).start();
  await vi.advanceTimersByTimeAsync(3000);
  expect(list.loaded).toBe(1);
});

it("goes on after a refusal, rests while hidden, and ends", async () => {
  const list = new List();
  const watch = new Watch(list);
  watch.start();
  list.newest = async () => Promise.reject(new Refused(503, "unavailable", "Not now.", {}));
  await vi.advanceTimersByTimeAsync(5000);
  list.newest = async () => "e2";
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(list.loaded).toBe(0);
  hidden.mockReturnValue(false);
  watch.stop();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(list.loaded).toBe(0);
  watch.start();
  await vi.advanceTimersByTimeAsync(5000);
  expect(list.loaded).toBe(1);
});
