// The dialog that imports a policy, against a server that takes pieces: closing it gives the import up.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { askForPolicy } from "../../src/policies/bring";

let asked: string[] = [];
let left: object[] = [];
let piece: () => void = () => {};

function server(url: string, init: RequestInit): Promise<Response> {
  asked.push(`${init.method} ${url}`);
  const answer = (body: unknown): Response =>
    new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
  if (init.method === "GET") return Promise.resolve(answer(left));
  if (url.endsWith("/cancel")) left = [];
  if (init.method !== "PUT") return Promise.resolve(answer({ id: "7", offset: 0, bytes: 3 << 20, url: "#there" }));
  const offset = Number(new URL(url, "http://here").searchParams.get("offset")) + (1 << 20);
  return new Promise((done) => {
    piece = () => done(answer({ id: "7", offset }));
  });
}

const dialog = (): HTMLDialogElement => document.querySelector("dialog") as HTMLDialogElement;
const until = (seen: () => unknown): Promise<unknown> => vi.waitFor(() => expect(seen()).toBeTruthy());

function choose(size: number): void {
  const files = dialog().querySelector("input[name=tar]") as HTMLInputElement;
  Object.defineProperty(files, "files", { value: [new File(["x".repeat(size)], "arm.tar")] });
  (dialog().querySelector("form") as HTMLFormElement).dispatchEvent(new SubmitEvent("submit", { cancelable: true }));
}

beforeEach(() => {
  [asked, left] = [[], []];
  vi.stubGlobal("fetch", server);
});
afterEach(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
});

it("gives up what is on its way when it is closed", async () => {
  askForPolicy();
  choose(3 << 20);
  await until(() => asked.includes("PUT /api/policy-imports/7/pieces?offset=0"));
  const away = dialog().querySelector<HTMLElement>('[data-part="away"]');
  expect(away?.textContent).toBe("Give it up");
  away?.click();
  piece();
  await until(() => asked.includes("POST /api/policy-imports/7/cancel"));
  expect(asked.filter((one) => one.startsWith("PUT"))).toHaveLength(1);
  expect(asked).not.toContain("POST /api/policy-imports/7/complete");
});

it("shows what was left of before, and gives it up", async () => {
  left = [{ id: "9", name: "<b>", offset: 0, bytes: 100, made_at: "2026-03-01T10:00:00Z" }];
  askForPolicy();
  await until(() => dialog().querySelector("[data-do=give-up]"));
  expect(dialog().textContent).toContain("<b>, nothing of");
  dialog().querySelector<HTMLElement>("[data-do=give-up]")?.click();
  await until(() => !dialog().querySelector("[data-do=give-up]"));
  expect(asked).toContain("POST /api/policy-imports/9/cancel");
});
