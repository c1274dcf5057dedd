import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { jwksUrl } from './rotation-jwks.js';
import { ISSUER, type Verifier } from './rotation-verifiers.js';

const SCRIPT = fileURLToPath(new URL('rotation-pyjwt.py', import.meta.url));

/** Debian keeps its python3-jwt here; elsewhere it may be with whatever python comes first. */
const PYTHONS = ['/usr/bin/python3', 'python3'];

/** PyJWT with the keys of one server; none, and a remark, where this machine does not have it. */
export function pyjwtVerifiers(t: Test, origin: string): readonly Verifier[] {
  const python = PYTHONS.find((one) => spawnSync(one, ['-c', 'import cryptography, jwt']).status === 0);
  if (python === undefined) {
    t.comment('python3-jwt is not installed here: this goes without PyJWKClient');
    return [];
  }
  const child = spawn(python, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: ((answer: string | null) => void)[] = [];
  let isOver = false;
  createInterface({ input: child.stdout })
    .on('line', (line) => waiting.shift()?.(line))
    .on('close', () => {
      isOver = true;
      for (const answer of waiting.splice(0)) answer(null);
    });
  child.stdin.on('error', () => undefined);
  t.teardown(() => child.kill('SIGKILL'));

  async function verify(token: string): Promise<void> {
    if (isOver) throw new Error('python has ended');
    const answered = new Promise<string | null>((resolve) => waiting.push(resolve));
    child.stdin.write(`${JSON.stringify({ url: jwksUrl(origin), issuer: ISSUER, token })}\n`);
    const answer = await answered;
    if (answer === null) throw new Error('python has ended');
    const { refused }: { refused: string | null } = JSON.parse(answer);
    if (refused !== null) throw new Error(refused);
  }
  return [{ name: 'PyJWKClient', verify }];
}
