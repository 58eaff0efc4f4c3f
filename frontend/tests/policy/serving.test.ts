import { expect, test } from "vitest";
import { type Server, type Serving, servingPanel, standing } from "../../src/policy/serving_words";

const health = {
  batches: 4,
  answered: 9,
  troubles: 0,
  dropped: 0,
  robots: 3,
  last_batch_at: null,
  batch_mean: 2.5,
  p50_ms: 11.4,
  p99_ms: 30,
  thought_p50_ms: 5,
  memory_mb: 300,
}; // prettier-ignore
const server: Server = {
  id: "a",
  place: 0,
  state: "running",
  owner: "host:7",
  began_at: null,
  ready_at: "2026-11-21T10:00:00Z",
  deaths: 0,
  problem: "",
  health,
}; // prettier-ignore
const serving: Serving = { policy: "p", asking: 3, waiting: 0, servers: [server], unknown: "" };

test("a server that answers shows how fast and for whom", () => {
  const said = servingPanel(serving);
  expect(said).toContain("3 robots asked in the last minute");
  for (const word of ["answers", "host:7", "2.5", "11 ms", "30 ms"]) expect(said).toContain(word);
});

test("what a server is at is said in a word", () => {
  expect(standing(server)).toEqual(["answers", "ok"]);
  expect(standing({ ...server, health: null })).toEqual(["silent", "warn"]);
  expect(standing({ ...server, health: null, ready_at: null })).toEqual(["loads", ""]);
  expect(standing({ ...server, state: "queued" })[0]).toBe("waits for a worker");
});

test("a failure stands there with its reason and nothing in it becomes markup", () => {
  const said = servingPanel({
    ...serving,
    servers: [{ ...server, state: "failed", health: null, problem: "<b>gone" }],
  });
  expect(said).toContain("&lt;b&gt;gone");
});

test("nobody asks, or nobody knows", () => {
  expect(servingPanel({ ...serving, asking: 0, servers: [] })).toContain("No server runs");
  expect(servingPanel({ ...serving, servers: [{ ...server, state: "done" }] })).toContain("No server runs");
  expect(servingPanel({ ...serving, unknown: "Redis does not answer." })).toContain("Redis does not answer.");
});
