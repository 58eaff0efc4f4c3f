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
let refuse: { url: string; sentence: string } | null = null;

function answer(method: string, url: string): unknown {
  if (url.startsWith("/api/library/choices")) return { may_curate: true };
  if (url.startsWith("/api/library/filters")) return [];
  if (url.includes("/draft")) return { items: [], next: "" };
  if (url.endsWith("/versions") && method === "POST") return VERSION;
  if (url.includes("/versions/1"))
    return { version: VERSION, robots: [], people: [], splits: { train: 2 }, missing: 0, children: [], policies: [] };
  if (url.includes("/changes")) return SAME;
  if (url.endsWith("/api/datasets")) return method === "GET" ? [DATASET] : DATASET;
  return DATASET;
}

beforeEach(() => {
  asked.length = 0;
  refuse = null;
  window.history.replaceState(null, "", "/datasets/d1/");
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    const method = init.method ?? "GET";
    asked.push({ method, url, body: init.body ? JSON.parse(String(init.body)) : null });
    const headers = { "Content-Type": "application/json" };
    if (refuse && url.includes(refuse.url)) {
      const body = { code: "empty_draft", sentence: refuse.sentence, detail: {} };
      return Promise.resolve(new Response(JSON.stringify(body), { status: 409, headers }));
    }
    return Promise.resolve(new Response(JSON.stringify(answer(method, url)), { status: 200, headers }));
  });
});

afterEach(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
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
