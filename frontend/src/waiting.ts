// Which robots wait for a person, once per page: asked every two seconds, told to whoever listens; the badges in the navigation are kept here.
import type { Waiting } from "./tasks/shapes";

const EVERY_MS = 2000;

export interface Asks {
  request: string;
  reason: string;
  waiting_s: number;
  taken_by: string;
}

class WaitingFeed {
  readonly robots = new Map<string, Asks>();
  count = 0;
  private readonly bell = new EventTarget();
  private tag = "";
  private timer = 0;

  start(): void {
    if (this.timer || !document.querySelector("[data-help-count]")) return;
    this.timer = window.setInterval(() => void this.read(), EVERY_MS);
    document.addEventListener("visibilitychange", () => void this.read());
    void this.read();
  }

  on(act: () => void, signal: AbortSignal): void {
    this.bell.addEventListener("waiting", act, { signal });
  }

  private async read(): Promise<void> {
    if (document.hidden) return;
    try {
      const answer = await fetch("/api/help/waiting", { credentials: "same-origin" });
      if (answer.ok) this.took((await answer.json()) as Waiting);
    } catch {
      // the server is away: what was known stays; other parts of the page say so
    }
  }

  private took(now: Waiting): void {
    this.count = now.count;
    this.robots.clear();
    for (const { robot, ...one } of now.robots) this.robots.set(robot, one);
    const tag = JSON.stringify(now.robots.map((one) => [one.robot, one.request, one.taken_by]));
    for (const badge of document.querySelectorAll<HTMLElement>("[data-help-count]")) {
      badge.hidden = now.count === 0;
      badge.textContent = String(now.count);
    }
    if (tag === this.tag) return;
    this.tag = tag;
    this.bell.dispatchEvent(new Event("waiting"));
  }
}

const feed = new WaitingFeed();

/** The page's feed; it asks from the first use on, on pages that show the count. */
export function waitingFeed(): WaitingFeed {
  feed.start();
  return feed;
}
