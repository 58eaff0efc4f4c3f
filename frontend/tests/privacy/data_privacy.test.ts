// <data-privacy> against a server whose answers come when the test says so.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Holding } from "../../src/privacy/shapes";
import "../../src/privacy/data_privacy";

const holding = (): Holding => ({
  id: 1,
  name: "Lab",
  used_bytes: 0,
  quota_bytes: 0,
  free_bytes: 1e9,
  sites: [{ id: 3, name: "West", rules: [], grace_days: 7, version: 1, forecast: [], waiting: 0 }],
  robots: [],
  people: [
    { uid: "a", name: "Ann", episodes: 12 },
    { uid: "b", name: "Bob", episodes: 12 },
  ],
  erasures: [],
});

interface Waiting {
  method: string;
  url: string;
  body: unknown;
  answer(value: unknown, status?: number): Promise<void>;
}

let waiting: Waiting[] = [];
let now: Holding;
let down = false;

/** The answer to `/api/privacy` comes at once, a refusal while the server is down; every other request waits for the test. */
function server(url: string, init: RequestInit): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  if (down) return Promise.resolve(new Response("", { status: 502 }));
  if (url === "/api/privacy") return Promise.resolve(new Response(JSON.stringify([now]), { headers }));
  return new Promise((done) => {
    waiting.push({
      method: init.method ?? "GET",
      url,
      body: init.body ? JSON.parse(String(init.body)) : null,
      answer: async (value, status = 200) => {
        done(new Response(JSON.stringify(value), { status, headers }));
        await vi.advanceTimersByTimeAsync(1);
      },
    });
  });
}

async function open(): Promise<HTMLElement> {
  document.body.innerHTML = "<data-privacy></data-privacy>";
  await vi.advanceTimersByTimeAsync(1);
  return document.querySelector("data-privacy") as HTMLElement;
}

function choose(page: HTMLElement, uid: string): void {
  const field = page.querySelector("select[name=person]") as HTMLSelectElement;
  field.value = uid;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

const preview = (name: string): unknown => ({ name, episodes: 12, size_bytes: 1, seconds: 1, versions: [], users: [] });
const previewed = (page: HTMLElement): string => page.querySelector('[data-part="preview"]')?.textContent ?? "";

function confirmed(page: HTMLElement): void {
  (page.querySelector("input[name=confirm]") as HTMLInputElement).value = "12";
  page.querySelector<HTMLElement>('[data-do="forget"]')?.click();
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", server);
  waiting = [];
  now = holding();
  down = false;
});
afterEach(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("deleting a person's episodes", () => {
  it("shows the person who is chosen, though the answer about another comes last", async () => {
    const page = await open();
    choose(page, "a");
    choose(page, "b");
    await waiting[1]?.answer(preview("Bob"));
    await waiting[0]?.answer(preview("Ann"));
    expect(previewed(page)).toContain("of Bob would go for good");
    confirmed(page);
    expect(waiting.at(-1)).toMatchObject({ method: "POST", body: { person: "b", confirm: 12 } });
  });

  it("shows nobody when the choice was taken back before the answer", async () => {
    const page = await open();
    choose(page, "a");
    choose(page, "");
    await waiting[0]?.answer(preview("Ann"));
    expect(previewed(page)).toBe("");
  });

  it("deletes whom the words name, whatever the choice says by then", async () => {
    const page = await open();
    choose(page, "a");
    await waiting[0]?.answer(preview("Ann"));
    (page.querySelector("select[name=person]") as HTMLSelectElement).value = "b"; // as a form restored by the browser
    confirmed(page);
    expect(waiting.at(-1)).toMatchObject({ method: "POST", body: { person: "a", confirm: 12 } });
  });
});

describe("while an erasure runs", () => {
  const erasure = (done: number, state: "running" | "done" = "running"): Holding["erasures"][number] => ({
    id: "0123456789",
    state,
    reason: "Asked for",
    asked_by: "Mina",
    asked_at: "2026-01-01T10:00:00Z",
    ended_at: null,
    episodes: 12,
    done,
  });
  const text = (page: HTMLElement, part: string): string =>
    page.querySelector(`[data-part="${part}"]`)?.textContent ?? "";

  it("shows how far it is and leaves what is being written alone", async () => {
    now.erasures = [erasure(1)];
    const page = await open();
    const days = page.querySelector('input[name="days.failure"]') as HTMLInputElement;
    days.value = "9";
    days.dispatchEvent(new Event("input", { bubbles: true }));
    days.focus();
    choose(page, "a");
    await waiting.at(-1)?.answer(preview("Ann"));
    const reason = page.querySelector("input[name=reason]") as HTMLInputElement;
    reason.value = "half a rea";
    now = { ...holding(), erasures: [erasure(7)] };
    now.sites = [{ ...(now.sites[0] as Holding["sites"][number]), version: 2 }];
    await vi.advanceTimersByTimeAsync(2500);
    expect(text(page, "records")).toContain("7 of 12");
    expect(page.contains(days) && document.activeElement === days && days.value).toBe("9");
    expect(page.contains(reason) && reason.value).toBe("half a rea");
    page.querySelector<HTMLElement>('[data-do="save"]')?.click();
    expect(waiting.at(-1)).toMatchObject({ method: "PUT", body: { version: 1 } }); // the rules that the person sees
  });

  it("goes on looking when the server was away, and says so once", async () => {
    now.erasures = [erasure(1)];
    const page = await open();
    down = true;
    await vi.advanceTimersByTimeAsync(7000);
    expect(page.querySelector("[data-site]")).not.toBeNull();
    expect(document.querySelectorAll(".toast")).toHaveLength(1);
    down = false;
    now = { ...holding(), people: [], erasures: [erasure(12, "done")] };
    await vi.advanceTimersByTimeAsync(2500);
    expect(text(page, "records")).toContain("Signed record");
    expect(text(page, "forget")).toContain("Nobody drove");
  });

  it("begins with what was asked, without drawing the rules anew", async () => {
    const page = await open();
    const site = page.querySelector("[data-site]");
    choose(page, "a");
    await waiting[0]?.answer(preview("Ann"));
    confirmed(page);
    now = { ...holding(), erasures: [erasure(0)] };
    await waiting.at(-1)?.answer({});
    expect(text(page, "records")).toContain("0 of 12");
    expect(previewed(page)).toBe("");
    expect(page.querySelector("[data-site]")).toBe(site);
  });
});

it("offers to try again when it could not be loaded", async () => {
  down = true;
  const page = await open();
  down = false;
  page.querySelector<HTMLElement>('[data-do="retry"]')?.click();
  await vi.advanceTimersByTimeAsync(1);
  expect(page.querySelector("[data-site]")).not.toBeNull();
});
