// The library: its address is its filter, stretches are selected, many are labelled with one undo.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EpisodeLibrary } from "../../src/episodes/episode_library";
import { groupList, hours, sums, wilson } from "../../src/episodes/facets";
import type { Choices, LibraryRow } from "../../src/episodes/library_shapes";
import { canonical, chips, isEmpty, toggled, without, withValue } from "../../src/episodes/query";
import { Selection } from "../../src/episodes/selection";
import "../../src/episodes/episode_library";

const asked: { method: string; url: string; body: unknown }[] = [];
let refuse = "";
let hold: { url: string; go: () => void } | null = null; // an answer that waits until `go`

const CHOICES: Choices = {
  sites: [{ id: "1", name: "West" }],
  robots: [{ id: "r1", name: "kestrel-1" }],
  people: [{ id: "p1", name: "Mina" }],
  campaigns: [{ id: "c1", name: "Lifts by Friday" }],
  tasks: ["lift"],
  failures: ["dropped"],
  mixes: ["operator"],
  findings: ["frozen"],
  tags: ["slip"],
  datasets: [{ id: "d1", name: "tabletop", versions: [1] }],
  may_label: true,
  may_curate: true,
};

function episode(number: number, more: Partial<LibraryRow> = {}): LibraryRow {
  return {
    id: `e${number}`,
    number,
    url: `/episodes/e${number}/`,
    poster: "",
    strip: "",
    task: "lift",
    robot: { id: "r1", name: "kestrel-1" },
    site: { id: "1", name: "West" },
    instruction: `Lift cube <${number}>`,
    outcome: "unlabelled",
    failure: "",
    quality: null,
    tags: [],
    trim_first: null,
    trim_last: null,
    flagged: false,
    reviewed: false,
    second_look: false,
    status: "ready",
    playable: true,
    check_progress: 100,
    found: {},
    problem: "",
    started_at: "2026-01-01T10:42:00Z",
    seconds: 10,
    rows: 300,
    record_hz: 30,
    cameras: ["scene"],
    people: [],
    pilots: {},
    band: [],
    cut: false,
    cut_reason: "",
    size_bytes: 1,
    version: 1,
    removed: false,
    ...more,
  } as LibraryRow;
}

let items: LibraryRow[] = [];

function answer(url: string): unknown {
  if (url.includes("/counts"))
    return { episodes: items.length, seconds: 7200, reviewed: 0, outcomes: { success: 3, failure: 1, unlabelled: 0 } };
  if (url.includes("/groups"))
    return [{ value: "lift", label: "lift", episodes: 4, success: 3, failure: 1, seconds: 40 }];
  if (url.includes("/choices")) return CHOICES;
  if (url.includes("/filters")) return [];
  if (url.includes("/ids")) return { ids: items.map((one) => one.id) };
  if (url.includes("/label")) return { changed: ["e1", "e2"], skipped: [], undo: "b1" };
  if (url.includes("/undo")) return { changed: ["e1", "e2"], skipped: [], undo: "" };
  if (url.includes("/picks")) return { picked: 2, episodes: 2, undo: { e1: "", e2: "" } };
  return { items, next: "", query: "" };
}

beforeEach(() => {
  asked.length = 0;
  refuse = "";
  hold = null;
  items = [episode(4), episode(3), episode(2), episode(1)];
  window.history.replaceState(null, "", "/episodes/");
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    asked.push({ method: init.method ?? "GET", url, body: init.body ? JSON.parse(String(init.body)) : null });
    const headers = { "Content-Type": "application/json" };
    if (refuse && url.includes(refuse))
      return Promise.resolve(
        new Response(JSON.stringify({ code: "unavailable", sentence: "Not now.", detail: {} }), {
          status: 503,
          headers,
        }),
      );
    const given = new Response(JSON.stringify(answer(url)), { status: 200, headers });
    const waits = hold;
    if (!waits || !url.includes(waits.url)) return Promise.resolve(given);
    return new Promise((done, leave) => {
      waits.go = () => done(given);
      init.signal?.addEventListener("abort", () => leave(new DOMException("left", "AbortError")));
    });
  });
});

afterEach(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
});

async function shown(): Promise<HTMLElement> {
  document.body.innerHTML = "<episode-library></episode-library>";
  const page = document.querySelector("episode-library") as HTMLElement;
  await vi.waitFor(() => {
    expect(page.querySelector("[data-part=facets] .facet")).not.toBeNull();
    expect(page.querySelector("[data-part=by-robot] .grp")).not.toBeNull();
    expect(page.querySelector("[data-part=body] .wait")).toBeNull();
  });
  return page;
}

const press = (key: string, more: KeyboardEventInit = {}): boolean =>
  (document.activeElement ?? document.body).dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }),
  );
const chosen = (page: HTMLElement): string[] =>
  [...page.querySelectorAll<HTMLElement>('.ecard[aria-selected="true"]')].map((one) => one.dataset.id ?? "");

describe("the filter in the address", () => {
  it("is the same text for equal filters, and drops what is no filter", () => {
    const one = canonical(new URLSearchParams("tag=b&sort=longest&outcome=failure&tag=a&tag=a&search="));
    expect(one.toString()).toBe("outcome=failure&tag=a&tag=b");
    expect(isEmpty(canonical(new URLSearchParams("view=list")))).toBe(true);
  });

  it("takes values in and out", () => {
    const one = toggled(new URLSearchParams("tag=a"), "tag", "b");
    expect(toggled(one, "tag", "a").toString()).toBe("tag=b");
    expect(without(one, "tag", "b").toString()).toBe("tag=a");
    expect(withValue(one, "reviewed", "no").toString()).toBe("reviewed=no&tag=a&tag=b");
  });

  it("is told in names", () => {
    const filter = new URLSearchParams("reviewed=no&robot=r1&quality=none&dataset=none");
    const texts = chips(filter, (field, value) => (field === "robot" ? "kestrel-1" : value)).map((chip) => chip.text);
    expect(texts).toEqual(["in no dataset", "not reviewed", "robot kestrel-1", "no quality"]);
  });
});

describe("a selection", () => {
  it("goes from the last one touched to the next, in the order shown", () => {
    const selection = new Selection();
    selection.toggle("c");
    selection.extend("a", ["a", "b", "c", "d"]);
    expect(selection.ids.sort()).toEqual(["a", "b", "c"]);
    selection.toggle("b");
    expect(selection.has("b")).toBe(false);
    selection.clear();
    selection.extend("d", ["a", "d"]);
    expect(selection.ids).toEqual(["d"]);
  });
});

describe("sums", () => {
  it("give success its interval and what it is of", () => {
    expect(wilson(38, 40)).toEqual([83, 99]);
    expect(wilson(0, 0)).toEqual([0, 100]);
    const text = sums({
      episodes: 1204,
      seconds: 36_000,
      reviewed: 4,
      outcomes: { success: 38, failure: 2, unlabelled: 9 },
    });
    expect(text).toContain("95 %");
    expect(text).toContain("83–99, n 40");
    expect(text).toContain("10.0 h");
    expect(hours(90)).toBe("1 min");
  });

  it("make each group a filter, but not the one without a value", () => {
    const row = { value: "", label: "", episodes: 2, success: 0, failure: 0, seconds: 3 };
    expect(groupList("person", [row], new URLSearchParams())).toContain("disabled");
  });
});

describe("<episode-library>", () => {
  it("asks with the address it was opened at and shows instructions as text", async () => {
    window.history.replaceState(null, "", "/episodes/?outcome=failure&sort=longest&odd=1");
    const page = await shown();
    expect(asked.some((one) => one.url.startsWith("/api/library?outcome=failure&sort=longest"))).toBe(true);
    expect(page.querySelector(".ecard b")?.textContent).toBe("Lift cube <4>");
    expect(page.querySelector("[data-part=chips]")?.textContent).toContain("failure");
  });

  it("hands its filter, but not its order and view, to the player", async () => {
    for (const view of ["", "&view=list"]) {
      window.history.replaceState(null, "", `/episodes/?tag=a%26b&sort=longest${view}`);
      const page = await shown();
      expect(page.querySelector("[data-open]")?.getAttribute("href")).toBe("/episodes/e4/?tag=a%26b");
    }
    window.history.replaceState(null, "", "/episodes/?sort=longest");
    expect((await shown()).querySelector("[data-open]")?.getAttribute("href")).toBe("/episodes/e4/");
  });

  it("leaves the focus on a filter that was toggled by keys, and on the next one when a chip is gone", async () => {
    const page = await shown();
    const at = (part: string, field: string): HTMLElement | null =>
      page.querySelector<HTMLElement>(`[data-part="${part}"] [data-do][data-field="${field}"]`);
    for (const [part, field] of [
      ["facets", "tag"],
      ["by-robot", "robot"],
    ] as const) {
      const before = at(part, field);
      before?.focus();
      before?.click();
      await vi.waitFor(() => expect(at(part, field)).not.toBe(before));
      await vi.waitFor(() => expect(document.activeElement).toBe(at(part, field)));
    }
    at("chips", "robot")?.focus();
    at("chips", "robot")?.click();
    await vi.waitFor(() => expect(at("chips", "robot")).toBeNull());
    await vi.waitFor(() => expect(document.activeElement).toBe(at("chips", "tag")));
  });

  it("writes a chosen filter into the address", async () => {
    const page = await shown();
    page.querySelector<HTMLElement>('[data-field="tag"][data-value="slip"]')?.click();
    expect(window.location.search).toBe("?tag=slip");
    await vi.waitFor(() => expect(asked.some((one) => one.url.startsWith("/api/library?tag=slip"))).toBe(true));
  });

  it("filters by campaign, under the name that people know", async () => {
    const page = await shown();
    page.querySelector<HTMLElement>('[data-field="campaign"][data-value="c1"]')?.click();
    expect(window.location.search).toBe("?campaign=c1");
    await vi.waitFor(() =>
      expect(page.querySelector("[data-part=chips]")?.textContent).toContain("campaign Lifts by Friday"),
    );
    expect(asked.some((one) => one.url.startsWith("/api/library?campaign=c1"))).toBe(true);
  });

  it("says what to do when nothing matches, and when nothing could be loaded", async () => {
    items = [];
    expect((await shown()).textContent).toContain("No episode yet");
    window.history.replaceState(null, "", "/episodes/?tag=slip");
    expect((await shown()).textContent).toContain("No episode matches these filters");
    refuse = "/api/library?";
    expect((await shown()).textContent).toContain("Not now.");
  });

  it("selects a stretch by keys, labels it and takes it back by one key", async () => {
    const page = await shown();
    press("ArrowRight");
    press("ArrowRight", { shiftKey: true });
    expect(chosen(page)).toEqual(["e4", "e3"]);
    press("y");
    await vi.waitFor(() =>
      expect(document.querySelector(".toast")?.textContent).toContain("2 episodes labelled success"),
    );
    const sent = asked.find((one) => one.url === "/api/library/label");
    expect(sent?.body).toEqual({ ids: ["e4", "e3"], outcome: "success" });
    press("u");
    await vi.waitFor(() => expect(asked.find((one) => one.url === "/api/library/undo")?.body).toEqual({ undo: "b1" }));
  });

  it("selects with Shift and the pointer, and adds to a dataset", async () => {
    const page = await shown();
    page.querySelector<HTMLElement>('[data-id="e4"] .tick')?.click();
    page
      .querySelector<HTMLElement>('[data-id="e2"] .tick')
      ?.dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: true }));
    expect(chosen(page)).toEqual(["e4", "e3", "e2"]);
    press("d");
    page.querySelector<HTMLElement>('[data-act="into"]')?.click();
    await vi.waitFor(() =>
      expect(asked.find((one) => one.url === "/api/datasets/d1/picks")?.body).toEqual({
        picks: { e4: "added", e3: "added", e2: "added" },
      }),
    );
    await vi.waitFor(() => expect(chosen(page)).toEqual([]));
  });

  const tick = (page: HTMLElement, id: string): void =>
    page.querySelector<HTMLElement>(`[data-id="${id}"] .tick`)?.click();
  const labelled = (): boolean => asked.some((one) => one.url === "/api/library/label");

  it("forgets the selection when other episodes are searched for, and when Back goes to another filter", async () => {
    const page = await shown();
    tick(page, "e4");
    const search = page.querySelector("input[type=search]") as HTMLInputElement;
    search.value = "bowl";
    search.dispatchEvent(new Event("input", { bubbles: true }));
    await vi.waitFor(() => expect(asked.some((one) => one.url.startsWith("/api/library?search=bowl"))).toBe(true));
    await vi.waitFor(() => expect(chosen(page)).toEqual([]));
    press("y");
    tick(page, "e4");
    window.history.replaceState(null, "", "/episodes/?tag=slip");
    window.dispatchEvent(new PopStateEvent("popstate"));
    await vi.waitFor(() => expect(chosen(page)).toEqual([]));
    press("y");
    expect(labelled()).toBe(false);
  });

  it.each([
    ["another filter", (page: HTMLElement) => page.querySelector<HTMLElement>('[data-value="slip"]')?.click()],
    ["Escape", () => press("Escape")],
  ])("does not select all that matched before %s, however late the answer", async (_, leave) => {
    const page = await shown();
    hold = { url: "/ids", go: () => undefined };
    press("a");
    await vi.waitFor(() => expect(asked.some((one) => one.url.includes("/ids"))).toBe(true));
    leave(page);
    hold.go();
    await vi.waitFor(() => expect(page.querySelector("[data-part=more]")).not.toBeNull());
    await new Promise((done) => setTimeout(done));
    expect(chosen(page)).toEqual([]);
    press("y");
    expect(labelled()).toBe(false);
  });

  it("does not select a card that is about to make place for those of another filter", async () => {
    const page = await shown();
    hold = { url: "/api/library?tag=slip", go: () => undefined };
    page.querySelector<HTMLElement>('[data-value="slip"]')?.click();
    items = [episode(9)];
    tick(page, "e4");
    press("ArrowRight", { shiftKey: true });
    hold.go();
    await new Promise((done) => setTimeout(done));
    press("y");
    expect(labelled()).toBe(false);
  });

  it("leaves a tag alone that is being written while the list is looked at again", async () => {
    const page = await shown();
    tick(page, "e4");
    press("t");
    const field = document.activeElement as HTMLInputElement;
    field.value = "half a ta";
    const before = asked.length;
    await (page as EpisodeLibrary).changed();
    await vi.waitFor(() => expect(asked.slice(before).some((one) => one.url.includes("/choices"))).toBe(true));
    await new Promise((done) => setTimeout(done));
    expect(document.activeElement).toBe(field);
    expect(page.querySelector<HTMLInputElement>(".bulk input")?.value).toBe("half a ta");
    tick(page, "e3");
    expect(page.querySelector(".bulk form")?.textContent).toContain("Tag 2 episodes");
    expect(page.querySelector<HTMLInputElement>(".bulk input")?.value).toBe("half a ta");
  });

  it("leaves the focus on a button of the bar while the list is looked at again", async () => {
    const page = await shown();
    tick(page, "e4");
    const button = page.querySelector<HTMLElement>('.bulk [data-act="tag"]');
    button?.focus();
    await (page as EpisodeLibrary).changed();
    expect(document.activeElement).toBe(button);
  });

  it("clears the selection by Escape", async () => {
    const page = await shown();
    page.querySelector<HTMLElement>('[data-id="e1"] .tick')?.click();
    expect(page.querySelector<HTMLElement>(".bulk")?.hidden).toBe(false);
    press("Escape");
    expect(page.querySelector<HTMLElement>(".bulk")?.hidden).toBe(true);
  });
});
