// A run that is followed: what the robot says stands on the page whether or not the server has answered the rest.
import { afterAll, beforeAll, expect, it, vi } from "vitest";

const lines = [{ n: 0, heard_ns: 1, time_ns: 1e9, phase: "moving" }] as Record<string, unknown>[];
let given = 0;
let answers = true;
let posted: unknown = null;

const detail = {
  id: "r",
  url: "/runs/r/",
  number: 1,
  fence: 1,
  sentence: "Lift it",
  parts: [],
  phase: "moving",
  reason: "",
  explanation: "",
  result: "",
  help: "",
  waits: "",
  robot: { id: "k", name: "kestrel-1" },
  policy: { id: "p", name: "starter 1" },
  started_by: "Ann",
  started_at: "2026-01-01T00:00:00Z",
  cameras: {},
  embodiment: { cameras: [] },
  episode: null,
  episode_id: "",
  may_run: true,
  may_drive: true,
  newest: lines[0],
};

function answered(body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { headers: { "Content-Type": "application/json", ...headers } });
}

beforeAll(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", async (url: string, how?: RequestInit) => {
    if (how?.method === "POST") {
      posted = JSON.parse(String(how.body));
      return answered(JSON.stringify(detail));
    }
    if (!url.includes("/trace"))
      return answers ? answered(JSON.stringify(detail)) : new Promise<Response>(() => undefined);
    const fresh = lines.slice(given);
    given = lines.length;
    return answered(fresh.map((one) => `${JSON.stringify(one)}\n`).join(""), { "X-Next": String(100 * given) });
  });
  await import("../../src/run/run_page");
});
afterAll(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("shows and says aloud that the robot holds while the server has not answered", async () => {
  document.body.innerHTML = '<run-page data-url="/api/runs/r"></run-page>';
  const page = document.querySelector("run-page") as HTMLElement;
  await vi.advanceTimersByTimeAsync(500);
  expect(page.dataset.phase).toBe("moving");
  answers = false;
  await vi.advanceTimersByTimeAsync(1500);
  lines.push({ n: 1, heard_ns: 2, time_ns: 2e9, phase: "holding", reason: "doubt", sentence: "Unlike what it knows." });
  await vi.advanceTimersByTimeAsync(250);
  expect(page.dataset.phase).toBe("holding");
  expect(page.querySelector("[data-part=banner]")?.textContent).toContain("Unlike what it knows.");
  expect(document.getElementById("alarm")?.textContent).toBe("Unlike what it knows.");
});

it.each([
  ["doubt", 5],
  ["server_lost", 0],
])("says with Go on after %s for how long it need not ask", async (reason, seconds) => {
  answers = true;
  const page = document.querySelector("run-page") as HTMLElement;
  lines.push({ n: lines.length, heard_ns: 3, time_ns: 3e9, phase: "holding", reason, sentence: "It stands still." });
  await vi.advanceTimersByTimeAsync(250);
  (page.querySelector("[data-do=resume]") as HTMLElement).click();
  expect(posted).toEqual({ doubt_off_s: seconds });
});
