import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { change, query } from "../src/episodes/store";
import { call, Refused } from "../src/http";

const asked: { url: string; init: RequestInit }[] = [];

function answers(...replies: (Response | Error)[]): void {
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    asked.push({ url, init });
    const reply = replies.shift();
    if (reply instanceof Error || reply === undefined) throw reply ?? new TypeError("no reply left");
    return reply;
  });
}

function json(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

beforeEach(() => {
  asked.length = 0;
  // biome-ignore lint/suspicious/noDocumentCookie: this is how the token reaches the page.
  document.cookie = "csrftoken=abc123";
});
afterEach(() => vi.unstubAllGlobals());

describe("requests", () => {
  it("carry the page's token when they change something", async () => {
    answers(json(200, { ok: 1 }), json(200, {}));
    await call("PATCH", "/api/x", { a: 1 });
    await call("GET", "/api/x");
    expect(asked[0]?.init.headers).toMatchObject({ "X-CSRFToken": "abc123", "Content-Type": "application/json" });
    expect(asked[1]?.init.headers).not.toHaveProperty("X-CSRFToken");
  });

  it("turn a typed refusal into an error with its code and sentence", async () => {
    answers(json(409, { code: "stale_version", sentence: "Changed meanwhile.", detail: { current: 1 } }));
    const error = await call("PATCH", "/api/x", {}).catch((e: unknown) => e);
    expect(error).toMatchObject({ status: 409, code: "stale_version", message: "Changed meanwhile." });
  });

  it("say so when the server is away or answers with something else", async () => {
    answers(new TypeError("Failed to fetch"), new Response("<h1>502</h1>", { status: 502 }));
    await expect(call("GET", "/api/x")).rejects.toMatchObject({ code: "unreachable" });
    await expect(call("GET", "/api/x")).rejects.toBeInstanceOf(Refused);
  });
});

describe("changing an episode", () => {
  it("sends the version that was seen", async () => {
    answers(json(200, { version: 4 }));
    expect(await change("/api/episodes/e", 3, { outcome: "success" })).toEqual({ kept: true, now: { version: 4 } });
    expect(JSON.parse(String(asked[0]?.init.body))).toEqual({ version: 3, outcome: "success" });
  });

  it("keeps nothing when somebody was first, and brings what stands there now", async () => {
    answers(
      json(409, { code: "stale_version", sentence: "…", detail: {} }),
      json(200, { version: 5, outcome: "failure" }),
    );
    const answer = await change("/api/episodes/e", 3, { outcome: "success" });
    expect(answer).toEqual({ kept: false, now: { version: 5, outcome: "failure" } });
    expect(asked.map((a) => a.init.method)).toEqual(["PATCH", "GET"]);
  });

  it("leaves empty filters out of the address", () => {
    const none = { outcome: "", robot: "", search: "", removed: false } as const;
    expect(query(none, 1, 50)).toBe("page=1&page_size=50");
    expect(query({ ...none, outcome: "failure", search: "red cube" }, 2, 50)).toContain(
      "outcome=failure&search=red+cube",
    );
  });
});
