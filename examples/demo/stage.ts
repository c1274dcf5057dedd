// What the demo needs to start programs, speak HTTP and tell aloud what happens.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type Answer = { readonly status: number; readonly body: Record<string, unknown> };

let steps = 0;

/** One step of the story. It throws when something did not go as told. */
export async function step(title: string, play: () => Promise<void>): Promise<void> {
  steps += 1;
  console.log(`\n${steps}. ${title}`);
  await play();
}

/** A line of narration. */
export function say(text: string): void {
  console.log(`   ${text}`);
}

/** Ends the demo unless what was said is true. */
export function expect(isTrue: boolean, claim: string): void {
  if (!isTrue) throw new Error(`not so: ${claim}`);
  say(`✓ ${claim}`);
}

/** Long secrets and tokens, cut for the eye. */
export function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replace(/[\w.-]{40,}/g, (long) => `${long.slice(0, 12)}…${long.slice(-6)}`);
}

/** POSTs a form and tells what was sent and what came back. */
export async function post(url: string, form: Record<string, string>): Promise<Answer> {
  say(
    `→ POST ${url}  ${short(new URLSearchParams({ ...form, ...(form['password'] && { password: '***' }) }).toString())}`,
  );
  return tell(await fetch(url, { method: 'POST', body: new URLSearchParams(form) }));
}

/** GETs something protected and tells what came back. */
export async function getWith(url: string, token: string): Promise<Answer> {
  say(`→ GET ${url}  Authorization: Bearer ${short(token)}`);
  return tell(await fetch(url, { headers: { authorization: `Bearer ${token}` } }));
}

async function tell(response: Response): Promise<Answer> {
  const body = (await response.json()) as Record<string, unknown>;
  say(`← ${response.status}  ${short(body)}`);
  return { status: response.status, body };
}

/** Runs a program to its end and returns what it printed. */
export async function run(command: readonly string[], env: NodeJS.ProcessEnv, stdin = ''): Promise<string> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(stdin);
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += String(chunk);
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
  return printed;
}

/** Starts a program and waits until it prints a line with an address; returns both. */
export async function start(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ process: ChildProcess; address: string }> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const address = await new Promise<string>((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`${command.join(' ')} ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /https?:\/\/[\w.:[\]]+/.exec(line)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
  return { process: child, address };
}

/** The header or the claims of a JWT. */
export function decode(token: string, part: 'header' | 'claims'): Record<string, unknown> {
  const text = token.split('.')[part === 'header' ? 0 : 1] ?? '';
  return JSON.parse(Buffer.from(text, 'base64url').toString());
}
