// <episode-player> worked with keys against a server that the test plays: it keeps labels and counts versions as the real one does.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EpisodeDetail } from "../../src/episodes/shapes";
import type { EpisodePlayer } from "../../src/player/episode_player";
import "../../src/player/episode_player";

// biome-ignore format: one value
const EPISODE = {
  id: "e1", number: 14, url: "/episodes/e1/", poster: "", robot: { id: "r1", name: "kestrel-3" },
  site: { id: "s1", name: "Lab" }, instruction: "Put the red cube in the bowl", outcome: "success", failure: "",
  quality: null, tags: [], trim_first: null, trim_last: null, flagged: false, reviewed: false, second_look: false,
  status: "rejected", playable: false, check_progress: 100, found: {}, problem: "", started_at: "2026-01-01T10:42:00Z",
  seconds: 58.1, rows: 1743, record_hz: 30, cameras: ["scene"], people: [], pilots: {}, band: [], cut: false,
  cut_reason: "", size_bytes: 1e6, version: 1, removed: false, comment: "", failures: ["dropped", "slip"],
  failures_url: "", embodiment: "arm", world: {}, program: "", clamp_names: [], pilots_order: [], frames_repeated: {},
  rows_lost: 0, findings: [], scores: {}, proposed_trim: { first: 12, last: 1700 }, videos: [], columns: [],
  columns_url: "", events_url: "", newer: "", older: "", may_change: true, may_remove: true, may_curate: true,
} as unknown as EpisodeDetail;

/** Keeps episodes; whoever names an old version is refused. */
class Server {
  readonly episodes = new Map<string, EpisodeDetail>();
  readonly asked: string[] = [];
  drafts = [{ id: "d1", name: "tabletop 9" }];
  private readonly picked = new Set<string>();
  reviews: unknown[] = [];
  next = { url: "", id: "", left: 0 };
  private held: (() => void)[] | null = null;

  constructor(...episodes: Partial<EpisodeDetail>[]) {
    for (const one of episodes) this.episodes.set(one.id ?? "e1", { ...EPISODE, ...one });
  }

  answer(method: string, url: string, body: Record<string, unknown> | undefined): unknown {
    if (method !== "GET") this.asked.push(`${method} ${url} ${JSON.stringify(body ?? {})}`);
    if (url.startsWith("/api/library/counts")) return { episodes: 1, reviewed: 0, outcomes: {} };
    if (url.startsWith("/api/library?")) return { items: [...this.episodes.values()], next: "" };
    if (url.startsWith("/api/reviews/next")) return this.next;
    if (url === "/api/datasets") return this.drafts;
    if (url === "/api/datasets/d1/picks") return this.pick(body?.picks as Record<string, string>);
    if (url.includes("/beside?")) return { newer: "", older: "", after: "" };
    const [, id = "", part = ""] = /^\/api\/episodes\/([^/?]+)(?:\/(\w+))?/.exec(url) ?? [];
    const inside = { dataset: "d1", name: "tabletop 9", url: "/datasets/d1/", numbers: [], draft: true };
    if (part === "datasets") return this.picked.has(id) ? [inside] : [];
    const now = this.episodes.get(id);
    if (!now) return null;
    if (part === "reviews" && method === "GET") return { asked_by: "Mina", reviews: this.reviews, agreements: [] };
    if (part === "marks") return method === "GET" ? [] : { id: 5, ...body };
    if (part === "reviews") return this.keep({ ...now, second_look: false, flagged: false, outcome: "failure" });
    if (part === "restore") return this.keep({ ...now, removed: false });
    if (method === "DELETE") return this.keep({ ...now, removed: true });
    if (method !== "PATCH" || !body) return now;
    const { version, ...values } = body;
    if (version !== now.version) return null;
    const judged = "outcome" in values || "failure" in values || "quality" in values;
    return this.keep({ ...now, ...(judged ? { reviewed: true } : {}), ...values });
  }

  /** From now on changes wait until `release`. */
  hold(): void {
    this.held = [];
  }

  async release(): Promise<void> {
    for (const go of this.held ?? []) go();
    this.held = null;
    await settle();
  }

  async turn(method: string): Promise<void> {
    const { held } = this;
    if (held && method !== "GET") await new Promise<void>((go) => held.push(go));
  }

  private keep(now: EpisodeDetail): EpisodeDetail {
    const kept = { ...now, version: now.version + 1 };
    this.episodes.set(now.id, kept);
    return kept;
  }

  private pick(picks: Record<string, string>): unknown {
    const undo = Object.fromEntries(Object.keys(picks).map((id) => [id, this.picked.has(id) ? "added" : ""]));
    for (const [id, how] of Object.entries(picks)) {
      if (how === "added") this.picked.add(id);
      else this.picked.delete(id);
    }
    return { picked: 1, episodes: this.picked.size, undo };
  }

  get draft(): string[] {
    return [...this.picked];
  }

  get one(): EpisodeDetail {
    return this.episodes.get("e1") as EpisodeDetail;
  }
}

const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(20).then(() => undefined);

async function press(...keys: string[]): Promise<void> {
  for (const name of keys) {
    const [key = "", ...modifiers] = name.split("+").reverse();
    const how = { ctrlKey: modifiers.includes("Ctrl"), shiftKey: modifiers.includes("Shift") };
    const target = document.activeElement ?? document.body;
    target.dispatchEvent(new KeyboardEvent("keydown", { key, ...how, bubbles: true, cancelable: true }));
    await settle();
  }
}

async function open(server: Server): Promise<HTMLElement> {
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const body = init.body ? JSON.parse(String(init.body)) : undefined;
    await server.turn(init.method ?? "GET");
    const answer = server.answer(init.method ?? "GET", url, body);
    const refused = { code: "stale_version", sentence: "Changed meanwhile.", detail: {} };
    return new Response(JSON.stringify(answer ?? refused), {
      status: answer === null ? 409 : 200,
      headers: { "Content-Type": "application/json" },
    });
  });
  document.body.innerHTML = '<episode-player data-url="/api/episodes/e1" data-list="/api/episodes"></episode-player>';
  await settle();
  return document.querySelector("episode-player") as HTMLElement;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  document.body.innerHTML = "";
  window.sessionStorage.clear();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("labels by keys", () => {
  it("X and a number name the kind of failure, and undo goes back to what nobody had confirmed", async () => {
    const server = new Server({});
    await open(server);
    await press("x", "2");
    expect([server.one.outcome, server.one.failure]).toEqual(["failure", "slip"]);
    await press("4", "Ctrl+z", "u", "Ctrl+z");
    expect([server.one.outcome, server.one.failure, server.one.quality]).toEqual(["success", "", null]);
    expect(server.one.reviewed).toBe(false);
    await press("Ctrl+Shift+z");
    expect(server.one.outcome).toBe("failure");
  });

  it("X shows the failure at once, beside the list of its kinds", async () => {
    const server = new Server({});
    const player = await open(server);
    await press("x");
    expect(player.querySelector('[data-value="failure"]')?.getAttribute("aria-pressed")).toBe("true");
    expect(document.activeElement?.getAttribute("role")).toBe("listbox");
    await press("x");
    expect(player.querySelector('[data-value="failure"]')?.getAttribute("aria-pressed")).toBe("false");
    expect(player.querySelector('[role="listbox"]')).toBeNull();
  });

  it("keys pressed faster than the server answers are all kept, each on the version before it", async () => {
    const server = new Server({});
    await open(server);
    for (const key of ["y", "5", "p", "f"])
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    await settle();
    expect(server.one).toMatchObject({ reviewed: true, quality: 5, trim_first: 12, trim_last: 1700, flagged: true });
  });

  it("what is pressed before the next episode is opened stays with the one before", async () => {
    const server = new Server({}, { id: "e2", number: 13 });
    const player = await open(server);
    for (const key of ["y", "5", "a", "ArrowDown"])
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    await settle();
    expect(player.dataset.episode).toBe("e2");
    expect(server.one).toMatchObject({ reviewed: true, quality: 5 });
    expect(server.episodes.get("e2")).toMatchObject({ reviewed: false, quality: null });
    expect(server.draft).toEqual(["e1"]);
  });

  it("arrows pressed faster than episodes are loaded go through every one of the list, both ways", async () => {
    const server = new Server({}, { id: "e2", number: 13 }, { id: "e3", number: 12 });
    const player = await open(server);
    const arrow = async (key: string): Promise<void> => {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      for (let turn = 0; turn < 3; turn += 1) await Promise.resolve(); // the key's own work, but no answer yet
    };
    await arrow("ArrowDown");
    await arrow("ArrowDown");
    await settle();
    expect(player.dataset.episode).toBe("e3");
    await arrow("ArrowUp");
    await arrow("ArrowDown");
    await settle();
    expect([player.dataset.episode, window.location.pathname]).toEqual(["e3", "/episodes/e3/"]);
  });

  it("A adds to the draft, A again takes it out, and undo goes back", async () => {
    const server = new Server({});
    const player = await open(server);
    await press("a");
    expect(server.draft).toEqual(["e1"]);
    expect(player.textContent).toContain("Take out of “tabletop 9”");
    await press("u");
    expect(server.draft).toEqual([]);
    await press("a", "a");
    expect(server.draft).toEqual([]);
  });

  it("A without a dataset says what to do", async () => {
    const server = new Server({});
    server.drafts = [];
    await open(server);
    await press("a");
    expect(server.asked).toEqual([]);
    expect(document.querySelector(".toast:last-child")?.textContent).toContain("Make a dataset first.");
  });

  it("T writes a tag, C a comment, and Esc leaves things as they were", async () => {
    const server = new Server({});
    await open(server);
    const write = async (key: string, words: string, end: string): Promise<void> => {
      await press(key);
      (document.activeElement as HTMLInputElement).value = words;
      await press(end);
    };
    await write("t", "bench A", "Enter");
    await write("c", "Clean.", "Enter");
    await write("e", "Nothing of this", "Escape");
    expect(server.one).toMatchObject({ tags: ["bench A"], comment: "Clean.", instruction: EPISODE.instruction });
  });

  it("an undo that would overwrite somebody else's change is refused", async () => {
    const server = new Server({});
    await open(server);
    await press("3");
    server.episodes.set("e1", { ...server.one, quality: 1, version: 9 });
    await press("u");
    expect(server.one.quality).toBe(1);
    expect(document.querySelector(".toast:last-child")?.textContent).toContain("Somebody else changed it since");
  });

  it("Del removes and U brings back", async () => {
    const server = new Server({});
    const player = await open(server);
    await press("Delete");
    expect(player.dataset.removed).toBe("true");
    await press("u");
    expect(player.dataset.removed).toBe("false");
  });
});

describe("while a change is on its way and Back shows another episode", () => {
  const PLACE = { row: 3, camera: "scene", name: "cube", x: 0.1, y: 0.1, width: 0, height: 0 };

  async function back(player: HTMLElement): Promise<void> {
    window.history.replaceState(null, "", "/episodes/e2/");
    window.dispatchEvent(new PopStateEvent("popstate"));
    await settle();
    expect(player.dataset.episode).toBe("e2");
  }

  it("labels pressed before it are kept where they were pressed, and so is the removal", async () => {
    const server = new Server({}, { id: "e2", number: 13 });
    const player = await open(server);
    server.hold();
    await press("y", "5", "a", "Delete");
    await back(player);
    await server.release();
    expect(server.one).toMatchObject({ reviewed: true, quality: 5, removed: true });
    expect(server.draft).toEqual(["e1"]);
    expect(server.episodes.get("e2")).toMatchObject({ quality: null, removed: false, version: 1 });
    expect(player.dataset.episode).toBe("e2");
  });

  it("an episode is brought back that was on the screen", async () => {
    const server = new Server({}, { id: "e2", number: 13, removed: true });
    const player = await open(server);
    server.hold();
    await press("Delete");
    void (player as EpisodePlayer).labelling.bringBack();
    await back(player);
    await server.release();
    expect([server.one.removed, server.episodes.get("e2")?.removed]).toEqual([false, true]);
  });

  it("a mark goes to the picture that it was made in", async () => {
    const server = new Server({}, { id: "e2", number: 13 });
    const player = await open(server);
    server.hold();
    await press("y");
    void (player as EpisodePlayer).objects.add(PLACE);
    await back(player);
    await server.release();
    expect(server.asked.at(-1)).toBe(`POST /api/episodes/e1/marks ${JSON.stringify(PLACE)}`);
    expect((player as EpisodePlayer).objects.marks).toEqual([]);
  });

  it("a blind label is given to the episode that it is of, and the next one's draft stays", async () => {
    const blind = { second_look: true, outcome: "unlabelled", flagged: true } as const;
    const server = new Server(blind, { ...blind, id: "e2", number: 13 });
    const player = await open(server);
    server.hold();
    await press("a", "y", "Enter");
    await back(player);
    await press("x", "2");
    await server.release();
    expect(server.asked.at(-1)).toContain('POST /api/episodes/e1/reviews {"version":1,"outcome":"success"');
    expect((player as EpisodePlayer).labelling.draft).toMatchObject({ outcome: "failure", failure: "slip" });
  });

  it("“Use mine” writes into the episode that it was offered for", async () => {
    const server = new Server({}, { id: "e2", number: 13 });
    const player = await open(server);
    server.episodes.set("e1", { ...server.one, quality: 1, version: 9 });
    await press("3");
    const offer = document.querySelector<HTMLElement>(".toast:last-child button");
    expect(offer?.textContent).toContain("Use mine");
    await back(player);
    offer?.click();
    await settle();
    expect([server.one.quality, server.episodes.get("e2")?.quality]).toEqual([3, null]);
  });
});

describe("an episode that cannot be loaded", () => {
  const side = (player: HTMLElement): string => player.querySelector('[data-part="side"]')?.textContent ?? "";

  it("leaves nothing of the one before, and no key acts on that one", async () => {
    const server = new Server({});
    const player = await open(server);
    await press("t"); // a form is open
    (document.activeElement as HTMLElement | null)?.blur();
    window.history.replaceState(null, "", "/episodes/gone/");
    window.dispatchEvent(new PopStateEvent("popstate"));
    await settle();
    expect(player.textContent).toContain("This episode cannot be shown");
    expect(side(player)).not.toContain(EPISODE.instruction);
    await press("y", "5", "a", "Delete", "Enter");
    expect(server.asked).toEqual([]);
  });

  it("is not put back by an answer that was on its way", async () => {
    const server = new Server({});
    const player = await open(server);
    server.hold();
    await press("5");
    window.history.replaceState(null, "", "/episodes/gone/");
    window.dispatchEvent(new PopStateEvent("popstate"));
    await settle();
    await server.release();
    expect(server.one.quality).toBe(5);
    expect(side(player)).not.toContain(EPISODE.instruction);
  });
});

describe("one after the other", () => {
  it("Enter confirms the recorder's label and opens the next", async () => {
    const server = new Server({}, { id: "e2", number: 13, outcome: "unlabelled" });
    server.next = { url: "/episodes/e2/", id: "e2", left: 1 };
    const player = await open(server);
    await press("r", "Enter");
    expect(server.one.reviewed).toBe(true);
    expect(player.dataset.episode).toBe("e2");
    expect(window.location.pathname).toBe("/episodes/e2/");
    await press("Enter");
    expect(player.dataset.episode).toBe("e2"); // it has no label: asked for, not left by mistake
    expect(document.querySelector(".toast:last-child")?.textContent).toContain("How did it end?");
  });

  it("does nothing while nobody works through episodes", async () => {
    const server = new Server({});
    await open(server);
    await press("Enter");
    expect(server.asked).toEqual([]);
  });
});

describe("the second look", () => {
  it("sends nothing until the label is whole and given", async () => {
    const server = new Server({ second_look: true, outcome: "unlabelled", flagged: true });
    const player = await open(server);
    expect(player.textContent).toContain("Mina asks for a second look");
    await press("y", "3");
    expect(server.asked).toEqual([]);
    await press("Enter");
    expect(server.asked).toEqual([
      'POST /api/episodes/e1/reviews {"version":1,"outcome":"success","failure":"","quality":3}',
    ]);
    expect(player.dataset.outcome).toBe("failure"); // the first label, seen only now
  });
});
