// Pages of datasets: rules as they are typed, what a version says of itself, work that goes on, what changed, statistics.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { draftRows, readWeights } from "../src/dataset/draft_markup";
import { coverage, histogram } from "../src/dataset/statistics_markup";
import { changes, jobList } from "../src/dataset/versions_markup";
import type { Changes, DatasetDetail, Job, VersionRow } from "../src/datasets/shapes";
import "../src/dataset/dataset_page";
import "../src/datasets/dataset_list";

const VERSION: VersionRow = {
  dataset: "d1",
  name: "tabletop 1",
  number: 1,
  digest: "ab".repeat(32),
  parent: null,
  reason: "to start <b>with</b>",
  query: "",
  episodes: 2,
  rows: 600,
  seconds: 20,
  frozen_at: "2026-01-01T10:00:00Z",
  frozen_by: "Mina",
  state: "frozen",
  withdrawn_at: null,
  withdrawn_reason: "",
};
const DATASET: DatasetDetail = {
  id: "d1",
  url: "/datasets/d1/",
  name: "tabletop",
  description: "",
  organisation: "Lab",
  site: "",
  episodes: 3,
  seconds: 30,
  follows: true,
  query: "search=lift",
  versions: 1,
  newest: VERSION,
  made_at: "2026-01-01T10:00:00Z",
  made_by: "Mina",
  version: 4,
  removed: false,
  validation_share: 0.1,
  seed: 0,
  weights: {},
  added: 1,
  taken_out: 0,
  outcomes: { success: 2, failure: 1, unlabelled: 0 },
  unreviewed: 0,
  history: [VERSION],
  jobs: [],
  may_curate: true,
};
const JOB: Job = {
  id: "j1",
  kind: "export",
  state: "running",
  number: 1,
  asked_at: "2026-01-01T10:00:00Z",
  asked_by: "Mina",
  done: 30,
  total: 120,
  step: "Writing the LeRobot dataset",
  problem: "",
  result: {},
  ended_at: null,
  cancelled_by: "",
  url: "",
  expires_at: null,
};
const NOTHING = { total: 0, items: [] };
const SAME: Changes = {
  same: true,
  rows_before: 600,
  rows_after: 600,
  added: NOTHING,
  removed: NOTHING,
  replaced: NOTHING,
  relabelled: NOTHING,
  retrimmed: NOTHING,
  reweighted: NOTHING,
};

const asked: { method: string; url: string; body: unknown }[] = [];
let refuse: { url: string; sentence: string; method?: string; code?: string } | null = null;
let dataset = DATASET;

function answer(method: string, url: string): unknown {
  if (url.startsWith("/api/library/choices")) return { may_curate: true };
  if (url.startsWith("/api/library/filters")) return [];
  if (url.includes("/draft")) return { items: [], next: "" };
  if (url.endsWith("/versions") && method === "POST") return VERSION;
  if (url.includes("/versions/1"))
    return { version: VERSION, robots: [], people: [], splits: { train: 2 }, missing: 0, children: [], policies: [] };
  if (url.includes("/changes")) return SAME;
  if (url.endsWith("/api/datasets")) return method === "GET" ? [DATASET] : DATASET;
  if (url.endsWith("/picks")) return { episodes: 2, undo: { e1: "" } };
  if (url.endsWith("/jobs")) return dataset.jobs;
  return dataset;
}

beforeEach(() => {
  asked.length = 0;
  refuse = null;
  dataset = DATASET;
  window.history.replaceState(null, "", "/datasets/d1/");
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    const method = init.method ?? "GET";
    asked.push({ method, url, body: init.body ? JSON.parse(String(init.body)) : null });
    const headers = { "Content-Type": "application/json" };
    if (refuse && url.includes(refuse.url) && (refuse.method ?? method) === method) {
      const body = { code: refuse.code ?? "empty_draft", sentence: refuse.sentence, detail: {} };
      return Promise.resolve(new Response(JSON.stringify(body), { status: 409, headers }));
    }
    return Promise.resolve(new Response(JSON.stringify(answer(method, url)), { status: 200, headers }));
  });
});

afterEach(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function shown(markup: string, selector: string): Promise<HTMLElement> {
  document.body.innerHTML = markup;
  const page = document.body.firstElementChild as HTMLElement;
  await vi.waitFor(() => expect(page.querySelector(selector)).not.toBeNull());
  return page;
}
const onePage = (): Promise<HTMLElement> =>
  shown('<dataset-page data-url="/api/datasets/d1"></dataset-page>', '[data-form="rules"]');
const press = (key: string): boolean =>
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

describe("what is typed", () => {
  it("becomes weights, or is not understood", () => {
    expect(readWeights("correction 3, bench A 0.5,")).toEqual({ correction: 3, "bench A": 0.5 });
    expect(readWeights("")).toEqual({});
    expect(readWeights("correction")).toBeNull();
  });
});

describe("work on a version", () => {
  it("shows how far it is and can be ended", () => {
    const text = jobList([JOB], true);
    expect(text).toContain("Writing the LeRobot dataset, 25 %");
    expect(text).toContain('data-do="cancel"');
    expect(jobList([JOB], false)).not.toContain("Cancel");
  });

  it("says what was found, offers the archive, and says when it is gone", () => {
    const done: Job = { ...JOB, state: "done", url: "/datasets/d1/exports/j1.tar", result: { bytes: 2e6 } };
    expect(jobList([done], true)).toContain('href="/datasets/d1/exports/j1.tar" download');
    const damages = [{ sentence: "frames.parquet differs." }];
    const damaged: Job = { ...JOB, kind: "verify", state: "done", result: { damaged_files: 1, damages } };
    expect(jobList([damaged], true)).toContain("1 damaged file: frames.parquet differs.");
    expect(jobList([{ ...JOB, state: "expired" }], true)).toContain("export again");
  });
});

describe("what changed", () => {
  it("is nothing, or lists each with before and after", () => {
    expect(changes(SAME)).toContain("Both have the same hash");
    const one = { id: "e1", number: 7, instruction: "Lift", url: "/x/", fields: { outcome: ["success", "failure"] } };
    const text = changes({ ...SAME, same: false, relabelled: { total: 1, items: [one] } });
    expect(text).toContain("Labelled anew");
    expect(text).toContain("outcome: <s");
    expect(text).toContain("<b>failure</b>");
  });
});

describe("drawings", () => {
  it("give every bar its height and every cell its place", () => {
    expect(histogram([0, 2, 4], "x").match(/<rect/g)).toHaveLength(3);
    expect(coverage(null)).toContain("does not say where its hand is");
    const cells = [
      [0, 2],
      [1, 0],
    ];
    const map = coverage({
      low: [0, 0],
      high: [1, 1],
      cell_m: 0.5,
      cells,
      closings: [[0.5, 0.5]],
      episodes: 3,
      reached: 0.5,
    });
    expect(map.match(/<rect/g)).toHaveLength(2);
    expect(map).toContain('x="1" y="1"');
    expect(map).toContain("50 % of it");
  });
});

describe("<dataset-list>", () => {
  it("shows drafts and versions, and removes with the version it saw", async () => {
    const page = await shown('<dataset-list data-url="/api/datasets"></dataset-list>', "tbody tr");
    expect(page.textContent).toContain("version 1");
    page.querySelector<HTMLElement>('[data-do="remove"]')?.click();
    await vi.waitFor(() => expect(asked.some((one) => one.url === "/api/datasets/d1?version=4")).toBe(true));
  });
});

describe("<dataset-page>", () => {
  it("freezes with a reason and says when nothing changed", async () => {
    const page = await onePage();
    const reason = page.querySelector<HTMLInputElement>("input[name=reason]") as HTMLInputElement;
    reason.value = "again";
    reason.form?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await vi.waitFor(() =>
      expect(document.querySelector(".toast")?.textContent).toContain("Nothing changed since version 1"),
    );
    expect(asked.find((one) => one.method === "POST")?.body).toEqual({ version: 4, reason: "again" });
    await vi.waitFor(() => expect(page.querySelector("[data-part=lineage] .digest")).not.toBeNull());
    expect(page.querySelector("td.why")?.textContent).toBe("to start <b>with</b>");
  });

  it("says why it was not frozen", async () => {
    refuse = { url: "/versions", sentence: "The draft has no episode that is checked." };
    const page = await onePage();
    page
      .querySelector<HTMLFormElement>('[data-form="freeze"]')
      ?.dispatchEvent(new Event("submit", { cancelable: true, bubbles: true }));
    await vi.waitFor(() =>
      expect(document.querySelector(".toast")?.textContent).toContain("no episode that is checked"),
    );
  });

  it("keeps rules with the version it saw", async () => {
    const page = await onePage();
    const form = page.querySelector<HTMLFormElement>('[data-form="rules"]') as HTMLFormElement;
    (form.elements.namedItem("weights") as HTMLInputElement).value = "slip 2";
    form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await vi.waitFor(() => expect(asked.some((one) => one.method === "PATCH")).toBe(true));
    expect(asked.find((one) => one.method === "PATCH")?.body).toEqual({
      version: 4,
      follows: true,
      query: "search=lift",
      validation_share: 0.1,
      seed: 0,
      weights: { slip: 2 },
    });
  });

  const field = (page: HTMLElement, name: string): HTMLInputElement =>
    page.querySelector<HTMLInputElement>(`[data-form] [name="${name}"]`) as HTMLInputElement;
  const write = (page: HTMLElement, name: string, value: string): void => {
    const place = field(page, name);
    place.value = value;
    place.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const keep = (page: HTMLElement): boolean =>
    page
      .querySelector('[data-form="rules"]')
      ?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true })) ?? false;
  const sent = (method: string): unknown[] => asked.filter((one) => one.method === method).map((one) => one.body);

  it("keeps the rules that were written when they are refused", async () => {
    const page = await onePage();
    write(page, "query", "search=bowl");
    write(page, "weights", "slip 2");
    refuse = { url: "/api/datasets/d1", method: "PATCH", code: "invalid_field:weights", sentence: "No such tag." };
    keep(page);
    await vi.waitFor(() => expect(document.querySelector(".toast")?.textContent).toContain("No such tag."));
    await new Promise((done) => setTimeout(done));
    expect([field(page, "query").value, field(page, "weights").value]).toEqual(["search=bowl", "slip 2"]);
  });

  it("takes the version that somebody else made, keeps what was written, and sends it with that version", async () => {
    const page = await onePage();
    write(page, "weights", "slip 2");
    dataset = { ...DATASET, version: 9, query: "search=theirs" };
    refuse = { url: "/api/datasets/d1", method: "PATCH", code: "stale_version", sentence: "Changed meanwhile." };
    keep(page);
    await vi.waitFor(() => expect(field(page, "query").value).toBe("search=theirs"));
    expect(field(page, "weights").value).toBe("slip 2");
    refuse = null;
    keep(page);
    await vi.waitFor(() => expect(sent("PATCH")).toHaveLength(2));
    expect(sent("PATCH")[1]).toMatchObject({ version: 9, query: "search=theirs", weights: { slip: 2 } });
  });

  it("leaves what is being written, and the cursor, where it was when an episode is taken out", async () => {
    const page = await onePage();
    page.insertAdjacentHTML("beforeend", '<button data-do="take-out" data-id="e1"></button>');
    write(page, "weights", "slip 2");
    write(page, "reason", "more bowls");
    field(page, "reason").focus();
    field(page, "reason").setSelectionRange(4, 4);
    const before = page.querySelector("h1");
    page.querySelector<HTMLElement>('[data-do="take-out"]')?.click();
    await vi.waitFor(() => expect(page.querySelector("h1")).not.toBe(before));
    expect([field(page, "reason").value, field(page, "weights").value]).toEqual(["more bowls", "slip 2"]);
    expect(document.activeElement).toBe(field(page, "reason"));
    expect(field(page, "reason").selectionStart).toBe(4);
  });

  it("goes on looking at running work after a look was refused", async () => {
    vi.useFakeTimers();
    dataset = { ...DATASET, jobs: [JOB] };
    window.history.replaceState(null, "", "/datasets/d1/?tab=versions");
    document.body.innerHTML = '<dataset-page data-url="/api/datasets/d1"></dataset-page>';
    await vi.advanceTimersByTimeAsync(10);
    refuse = { url: "/jobs", sentence: "The server is on its way down." };
    await vi.advanceTimersByTimeAsync(7500);
    expect(document.querySelectorAll(".toast")).toHaveLength(1); // told once
    refuse = null;
    dataset = { ...dataset, jobs: [{ ...JOB, done: 60 }] };
    await vi.advanceTimersByTimeAsync(5000);
    expect(document.querySelector('[data-part="jobs"]')?.textContent).toContain("50 %");
  });

  it("turns its pages by keys", async () => {
    const page = await onePage();
    press("3");
    await vi.waitFor(() => expect(page.textContent).toContain("Both have the same hash"));
    expect(window.location.search).toContain("tab=changes");
  });

  it("says what to do when the draft is empty", () => {
    expect(draftRows([], false, false, true)).toContain("Open the library");
  });
});
