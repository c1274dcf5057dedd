/** The part of the configuration that commands need. */
export type Settings = {
  readonly databaseUrl: string;
  readonly keysDir: string;
  readonly bcryptCost: number;
  readonly accessTokenMaxTtlSeconds: number;
};

/** For options that may be repeated. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** Worked examples, printed after a command's options. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
