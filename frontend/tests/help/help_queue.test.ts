// The queue of help while others work at it: a key acts on the request that was chosen, wherever it stands now.
import { afterAll, beforeAll, expect, it, vi } from "vitest";

const asked: [string, string][] = [];
let open: unknown[] = [];

function row(id: string): Record<string, unknown> {
  const robot = { id: `robot-${id}`, name: `kestrel-${id}` };
  const run = { id: `run-${id}`, url: "/runs/x/", robot, sentence: "Lift it", phase: "holding", result: "", help: "" };
  const said = { reason: "doubt", explanation: "", doubt: 0.9, limit: 0.6, answer: "", taken_by: "", closed_at: null };
  const may = { may_run: true, may_drive: true, cockpit: "/teleop/x/", mine: false, took_s: null, pictures: 0 };
  return { id, url: `/help/${id}/`, state: "open", waiting_s: 3, urgency: 1, version: 1, run, ...said, ...may };
}

async function read(...ids: string[]): Promise<void> {
  open = ids.map(row);
  await vi.advanceTimersByTimeAsync(800);
}

async function press(key: string): Promise<void> {
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, code: `Key${key.toUpperCase()}`, bubbles: true }));
  await vi.advanceTimersByTimeAsync(10);
}

const told = (): string[] => asked.filter(([how]) => how === "POST").map(([, url]) => url);

beforeAll(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", async (url: string, given?: RequestInit) => {
    asked.push([given?.method ?? "GET", url]);
    return new Response(JSON.stringify({ open, closed: [], closed_today: 0 }), {
      headers: { "Content-Type": "application/json" },
    });
  });
  await import("../../src/help/help_queue");
});
afterAll(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("goes on with the one that was chosen, also when another is the first now, and with none when it went", async () => {
  open = [row("a"), row("b")];
  document.body.innerHTML = '<help-queue></help-queue><div class="toasts"></div>';
  await read("a", "b");
  await read("b", "a");
  expect(document.querySelector('[aria-current="true"]')?.getAttribute("data-request")).toBe("a");
  await press("g");
  expect(told()).toEqual(["/api/help/a/answer"]);
  await read("b");
  await press("g");
  expect(told()).toHaveLength(1);
  await press("ArrowDown");
  await press("g");
  expect(told()).toEqual(["/api/help/a/answer", "/api/help/b/answer"]);
});
