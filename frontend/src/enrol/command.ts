// The lines a person types beside the robot, and how long their code still works. Pure.

export interface Code {
  id: number;
  code: string;
  expires_at: string;
  name: string;
}

/** A folder name that needs no quotes in any shell. */
export function folder(name: string): string {
  return `robots/${
    name
      .toLowerCase()
      .replace(/[^a-z0-9._]+/g, "-")
      .replace(/^[-.]+|-+$/g, "") || "robot"
  }`;
}

/** Enrol, then run. The code is the only secret and works once. */
export function commandLines(server: string, code: Code, body: string): string[] {
  const dir = folder(code.name);
  return [
    `python -m robot enrol --server ${server} --code ${code.code} --body ${body} --dir ${dir}`,
    `python -m robot run --dir ${dir}`,
  ];
}

export function secondsLeft(code: Code, now_ms: number): number {
  return Math.max(0, (Date.parse(code.expires_at) - now_ms) / 1000);
}
