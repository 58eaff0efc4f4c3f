// The campaign's controller: which keys it takes for itself, what it asks of server and robot, what it remembers.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CampaignTurn } from "../../src/campaigns/shapes";
import { Campaign } from "../../src/cockpit/campaign";
import { Cockpit } from "../../src/cockpit/cockpit";
import type { Peer } from "../../src/cockpit/peer";
import { Takes } from "../../src/cockpit/takes";
import type { TeleopHello } from "../../src/generated/protocol";
import { telemetry } from "../fakes";

type Sent = { type: string; id: string } & Record<string, unknown>;
type Asked = { method: string; url: string; body: { stay: string; kept: Record<string, string> } | undefined };

const nothing = (): void => undefined;
const PROMPT = { id: "lift", instruction: "Lift it", reset: "", goal: 2, have: 0, coming: 0 };
let told: Sent[] = [];
let asked: Asked[] = [];
let answers: ((turn: CampaignTurn) => void)[] = [];
let cockpit: Cockpit;
let campaign: Campaign;

function turn(prompt: string | null, more: Partial<CampaignTurn> = {}): CampaignTurn {
  const prompts = [PROMPT, { ...PROMPT, id: "push", instruction: "Push it" }];
  const times = { due: null, countdown_s: 0, reset_s: 0 };
  const counts = { goal: 4, have: 0, coming: 0, arrived: [] };
  return { id: "c1", name: "Friday", state: "open", prompt, prompts, ...times, ...counts, ...more };
}

function answer(body: unknown): Response {
  return new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
}

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

/** Answers question number `n` with the turn. */
async function reply(n: number, given: CampaignTurn): Promise<void> {
  answers[n]?.(given);
  await settled();
}

function recording(state: "idle" | "recording" | "finalising", episode = "e1"): void {
  cockpit.model.telemetry = telemetry({ recording: { state, episode } });
  campaign.tick(performance.now());
}

beforeEach(() => {
  vi.useFakeTimers({ now: 5000 });
  document.body.innerHTML = "";
  window.localStorage.clear();
  told = [];
  asked = [];
  answers = [];
  const events = { stop: nothing, act: nothing, camera: nothing, motion: nothing, arrow: nothing, lifted: nothing };
  cockpit = new Cockpit("r1", document.createElement("div"), { ...events, changed: nothing }, nothing);
  campaign = new Campaign(cockpit, new Takes(cockpit, () => "by hand", nothing), nothing);
  cockpit.model.hello = { may_drive: true } as TeleopHello;
  cockpit.model.telemetry = telemetry({ recording: { state: "idle" } });
  cockpit.model.authority = {
    ...cockpit.model.authority,
    open: true,
    wordMs: Number.POSITIVE_INFINITY,
    lease: { at: "mine", epoch: 3, seq: 8, sinceMs: 0, confirmed: true },
  };
  cockpit.connection.peer = { tell: (message: Sent) => told.push(message) > 0 } as unknown as Peer;
  const items = [{ id: "c1", name: "Friday", due: null }];
  vi.stubGlobal("fetch", (url: string, init: { method: string; body?: string }) => {
    if (init.method === "GET") return Promise.resolve(answer({ items, sites: [] }));
    asked.push({ method: init.method, url, body: init.body ? JSON.parse(init.body) : undefined });
    return new Promise((done) => answers.push((given) => done(answer(given))));
  });
});

afterEach(() => {
  campaign.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function armed(): Promise<void> {
  campaign.choose("c1");
  await reply(0, turn("lift"));
}

describe("keys", () => {
  test("mean a take without a campaign while none is chosen", () => {
    expect([campaign.enter(), campaign.keep("success"), campaign.again()]).toEqual([false, false, false]);
    expect(told).toEqual([]);
  });

  test("start the take that was armed, with its campaign and its prompt", async () => {
    await armed();
    expect(campaign.enter()).toBe(true);
    campaign.tick(performance.now());
    expect(told).toMatchObject([{ type: "record_start", instruction: "Lift it", campaign: "c1", prompt: "lift" }]);
  });

  test("keep it, and the server is asked for the next with the take on its way", async () => {
    await armed();
    campaign.enter();
    campaign.tick(performance.now());
    recording("recording");
    expect(campaign.keep("failure")).toBe(true);
    recording("finalising");
    expect(told.at(-1)).toMatchObject({ type: "record_stop", outcome: "failure" });
    expect(asked.at(-1)?.body).toMatchObject({ stay: "", kept: { e1: "lift" } });
  });

  test("discard it with a way back, and the same prompt is armed again", async () => {
    await armed();
    campaign.enter();
    campaign.tick(performance.now());
    recording("recording");
    expect(campaign.again()).toBe(true);
    cockpit.asks.hear({ type: "done", v: 1, id: told.at(-1)?.id ?? "" });
    recording("idle", "");
    expect(told.at(-1)).toMatchObject({ type: "record_stop", discard: true });
    expect(asked.at(-1)?.body).toMatchObject({ stay: "lift", kept: {} });
    expect(document.querySelector(".toasts")?.textContent).toContain("Undo");
  });

  test("start nothing without control", async () => {
    await armed();
    cockpit.model.authority = { ...cockpit.model.authority, lease: { at: "none" } };
    expect(campaign.enter()).toBe(true);
    campaign.tick(performance.now());
    expect([cockpit.model.turns.phase.at, told]).toEqual(["armed", []]);
  });
});

describe("the server", () => {
  test("is heard on the newest question alone", async () => {
    campaign.choose("c1");
    campaign.choose("");
    campaign.choose("c1");
    await reply(0, turn("push"));
    expect(cockpit.model.turns.phase.at).toBe("asking");
    await reply(1, turn("lift"));
    expect(cockpit.model.turns.prompt?.id).toBe("lift");
  });

  test("hears each 20 s which prompt this page is at, while it is in control", async () => {
    await armed();
    campaign.tick(performance.now() + 19_000);
    expect(asked.length).toBe(1);
    campaign.tick(performance.now() + 20_001);
    expect(asked.at(-1)?.body).toMatchObject({ stay: "lift" });
    cockpit.model.authority = { ...cockpit.model.authority, lease: { at: "none" } };
    campaign.tick(performance.now() + 60_000);
    expect(asked.length).toBe(2);
  });

  test("tells which campaigns are open, and the remembered one is chosen by itself", async () => {
    window.localStorage.setItem("reins.campaign.r1", "c1");
    campaign.tick(40_000);
    await settled();
    expect(cockpit.model.campaigns).toEqual([{ id: "c1", name: "Friday", due: null }]);
    expect(asked[0]?.url).toBe("/api/campaigns/c1/turn");
  });

  test("is not asked by who may not drive", async () => {
    cockpit.model.hello = { may_drive: false } as TeleopHello;
    campaign.tick(40_000);
    await settled();
    expect(cockpit.model.campaigns).toBeNull();
  });
});
