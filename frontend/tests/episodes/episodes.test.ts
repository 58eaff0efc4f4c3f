// The list and the player's side panel against a server that the test plays.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EpisodeDetail } from "../../src/episodes/shapes";
import { bandHtml, verdict } from "../../src/episodes/words";
import "../../src/player/episode_player";

type Reply = { status?: number; body: unknown };
const asked: string[] = [];
let replies: (method: string, url: string, body: unknown) => Reply;

const EPISODE: EpisodeDetail = {
  id: "e1",
  number: 14,
  url: "/episodes/e1/",
  poster: "",
  robot: { id: "r1", name: "kestrel-3" },
  site: { id: "s1", name: "Lab" },
  instruction: "Put the red cube in the bowl",
  outcome: "unlabelled",
  failure: "",
  quality: null,
  tags: [],
  trim_first: null,
  trim_last: null,
  flagged: false,
  reviewed: false,
  second_look: false,
  comment: "",
  failures: ["dropped", "slip"],
  failures_url: "",
  status: "received",
  playable: false,
  check_progress: 0,
  found: {},
  problem: "",
  started_at: "2026-01-01T10:42:00Z",
  seconds: 58.1,
  rows: 1743,
  record_hz: 30,
  cameras: ["scene"],
  people: [],
  pilots: {},
  band: [],
  cut: false,
  cut_reason: "",
  size_bytes: 1e6,
  version: 3,
  removed: false,
  embodiment: "arm",
  world: {},
  program: "",
  clamp_names: [],
  pilots_order: [],
  frames_repeated: {},
  rows_lost: 0,
  findings: [],
  scores: {},
  proposed_trim: null,
  videos: [],
  columns: [],
  columns_url: "",
  events_url: "",
  newer: "",
  older: "",
  may_change: true,
  may_remove: true,
  may_curate: true,
};

const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(5).then(() => undefined);
const press = (key: string): boolean =>
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const method = init.method ?? "GET";
    const body = init.body ? JSON.parse(String(init.body)) : undefined;
    asked.push(`${method} ${url}${body ? ` ${JSON.stringify(body)}` : ""}`);
    const reply = replies(method, url, body);
    return new Response(JSON.stringify(reply.body), {
      status: reply.status ?? 200,
      headers: { "Content-Type": "application/json" },
    });
  });
});
afterEach(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("<episode-player>", () => {
  /** The list beside the player always answers; `reply` is for the episode itself. */
  function serve(reply: (method: string, body: unknown) => Reply): void {
    replies = (method, url, body) => {
      if (url.startsWith("/api/library/counts")) return { body: { episodes: 1, reviewed: 0, outcomes: {} } };
      if (url.startsWith("/api/library?")) return { body: { items: [EPISODE], next: "" } };
      if (url.includes("/beside?")) return { body: { newer: "", older: "", after: "" } };
      if (url.endsWith("/datasets")) return { body: [] };
      if (url.endsWith("/reviews")) return { body: { asked_by: "", reviews: [], agreements: [] } };
      return reply(method, body);
    };
  }

  async function open(detail: EpisodeDetail): Promise<HTMLElement> {
    serve((method) => ({ body: method === "GET" ? detail : { ...detail, version: 4 } }));
    document.body.innerHTML = '<episode-player data-url="/api/episodes/e1" data-list="/api/episodes"></episode-player>';
    await settle();
    return document.querySelector("episode-player") as HTMLElement;
  }

  it("says that an episode is still being checked, and why another is not playable", async () => {
    expect((await open(EPISODE)).textContent).toContain("Being checked");
    const failed = await open({
      ...EPISODE,
      status: "rejected",
      problem: "frames.parquet has 3 rows, scene.mp4 has 2.",
    });
    expect(failed.textContent).toContain("frames.parquet has 3 rows");
  });

  it("labels by key, and takes the label back by the same key", async () => {
    await open(EPISODE);
    serve((_method, body) => ({ body: { ...EPISODE, reviewed: true, ...(body as object), version: 4 } }));
    press("y");
    await settle();
    expect(asked).toContain('PATCH /api/episodes/e1 {"version":3,"outcome":"success"}');
    press("y");
    await settle();
    expect(asked).toContain('PATCH /api/episodes/e1 {"version":4,"outcome":"unlabelled"}');
  });

  it("shows what somebody else kept first and writes mine only when asked to", async () => {
    const player = await open(EPISODE);
    const theirs = { ...EPISODE, version: 9, outcome: "failure" };
    serve((method, body) => {
      const version = (body as { version?: number } | undefined)?.version;
      if (method === "GET") return { body: theirs };
      if (version === 9) return { body: { ...EPISODE, version: 10, outcome: "success" } };
      return { status: 409, body: { code: "stale_version", sentence: "Changed meanwhile.", detail: {} } };
    });
    press("y");
    await settle();
    expect(player.dataset.outcome).toBe("failure");
    const mine = [...document.querySelectorAll<HTMLElement>(".toast .btn")].find((b) => b.textContent === "Use mine");
    mine?.click();
    await settle();
    expect(player.dataset.outcome).toBe("success");
  });

  it("does not let a viewer label", async () => {
    await open({ ...EPISODE, may_change: false });
    press("y");
    await settle();
    expect(asked.some((line) => line.startsWith("PATCH"))).toBe(false);
    expect(document.querySelector<HTMLButtonElement>('[data-do="outcome"]')?.disabled).toBe(true);
  });
});

describe("words for episodes", () => {
  it("say how it failed, and that a second look is asked for instead of the first label", () => {
    const failed = { ...EPISODE, status: "ready", outcome: "failure", failure: "dropped" } as const;
    expect(verdict(failed).words).toBe("failure: dropped");
    expect(verdict({ ...failed, second_look: true }).words).toBe("second look asked of you");
  });

  it("say a cut beside the label", () => {
    const cut = { ...EPISODE, status: "ready", outcome: "success", cut: true, cut_reason: "power lost" } as const;
    expect(verdict(cut).words).toBe("success, cut: power lost");
  });

  it("say when an episode is ready with warnings, and when it is rejected", () => {
    const warned = {
      ...EPISODE,
      status: "warned",
      playable: true,
      outcome: "success",
      found: { frozen: 1, lag: 2 },
    } as const;
    expect(verdict(warned).words).toBe("3 findings, success");
    expect(verdict({ ...warned, status: "rejected" }).words).toBe("rejected");
    expect(verdict({ ...warned, status: "rejected", playable: false }).words).toBe("rejected, not playable");
  });

  it("give a band that covers every row and can be read aloud", () => {
    const band = [
      { first: 0, last: 24, pilot: "hold" },
      { first: 25, last: 99, pilot: "operator" },
    ];
    const html = bandHtml(band, 100);
    expect(html).toContain('aria-label="pilot: hold, operator"');
    expect([...html.matchAll(/width:([\d.]+)%/g)].map((m) => Number(m[1]))).toEqual([25, 75]);
  });
});
