// Requests to the server's API: JSON both ways, the page's own token, refusals as typed errors. No retries: the caller decides.

/** The server's typed refusal, or `unreachable` when no answer came. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    sentence: string,
    readonly detail: Record<string, unknown> = {},
  ) {
    super(sentence);
  }
}

function token(): string {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

async function refusal(answer: Response): Promise<Refused> {
  const fallback = `The server answered ${answer.status}. Load the page again in a moment.`;
  if (!answer.headers.get("Content-Type")?.includes("json")) return new Refused(answer.status, "failed", fallback);
  const body = (await answer.json()) as { code?: string; sentence?: string; detail?: Record<string, unknown> };
  return new Refused(answer.status, body.code ?? "failed", body.sentence ?? fallback, body.detail ?? {});
}

async function ask(method: string, url: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { method, credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, "unreachable", "The server is not reached. Try again when it is back.");
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** JSON in, JSON out. Throws Refused; an aborted signal throws AbortError. */
export async function call<T>(method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = token();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await ask(method, url, {
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** Bytes in, JSON out. Throws Refused. */
export async function sent<T>(
  method: string,
  url: string,
  body: ArrayBuffer,
  extra: Record<string, string>,
): Promise<T> {
  const headers = {
    Accept: "application/json",
    "Content-Type": "application/octet-stream",
    "X-CSRFToken": token(),
    ...extra,
  };
  return (await (await ask(method, url, { headers, body })).json()) as T;
}

/** The bytes behind an address. Throws Refused. */
export async function bytesOf(url: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await ask("GET", url, signal ? { signal } : {})).arrayBuffer();
}
