import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { hashSync } from 'bcrypt';
import t, { type Test } from 'tap';
import { ok } from '../../src/oauth/result.js';
import {
  type Bcrypt,
  comparedWith,
  type HasherOptions,
  openHasher,
  type PasswordHasher,
} from '../../src/passwords/hasher.js';
import { temporaryFolder } from '../helper.js';

const PASSWORD = 'correct horse battery';
const HASH = hashSync(PASSWORD, 4);

/** However slow the machine is. */
const PATIENT_MS = 60_000;

/** A hasher of the lowest cost, closed with the test. */
function aHasher(t: Test, options: Partial<HasherOptions> = {}): PasswordHasher {
  const hasher = openHasher({ cost: 4, threads: 1, ...options, limits: { maxWaitMs: PATIENT_MS, ...options.limits } });
  t.teardown(() => hasher.close());
  return hasher;
}

const NOBODY_LEAVES = new AbortController().signal;

/** Does something in a turn of its own; the reason, when there is none. */
async function inTurn<T>(hasher: PasswordHasher, work: (bcrypt: Bcrypt) => Promise<T>, account = 'ada') {
  const done = await hasher.inTurn({ account, signal: NOBODY_LEAVES }, async (bcrypt) => ok(await work(bcrypt)));
  return done.ok ? done.value : done.refusal.reason;
}

const verifyWith = (hasher: PasswordHasher, password: string, hash: string | null, account?: string) =>
  inTurn(hasher, (bcrypt) => bcrypt.verify(password, hash), account);

/** For tests that only ask whether something matches: a thread takes a second to start. */
const one = openHasher({ cost: 5, threads: 1 });
t.teardown(() => one.close());
const shared = {
  hash: (password: string) => inTurn(one, (bcrypt) => bcrypt.hash(password)),
  verify: (password: string, hash: string | null) => verifyWith(one, password, hash),
};

t.test('a password matches its own hash alone', async (t) => {
  const hash = await shared.hash(PASSWORD);
  t.match(hash, /^\$2b\$05\$.{53}$/);
  t.not(await shared.hash(PASSWORD), hash, 'salted');
  t.equal(await shared.verify(PASSWORD, hash), true);
  for (const other of ['', 'Correct horse battery', `${PASSWORD} `, hash]) {
    t.equal(await shared.verify(other, hash), false, JSON.stringify(other));
  }
});

t.test('passwords of every script, and of exactly 72 bytes, match', async (t) => {
  for (const password of ['пароль', '密码密码', 'naïve 😀', 'x'.repeat(72), 'é'.repeat(36)]) {
    const hash = await shared.hash(password);
    t.equal(await shared.verify(password, hash), true, password);
    t.equal(await shared.verify(password.slice(0, -1), hash), false, `${password}, cut`);
  }
});

t.test('hashes of other programs match: $2a$, $2b$ and $2y$', async (t) => {
  for (const prefix of ['$2a$', '$2b$', '$2y$']) {
    const imported = HASH.replace('$2b$', prefix);
    t.equal(await shared.verify(PASSWORD, imported), true, prefix);
    t.equal(await shared.verify('another', imported), false, prefix);
  }
  // A published test vector of another implementation: jBCrypt's "abc" at cost 6.
  t.equal(await shared.verify('abc', '$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'), true);
});

t.test('without a hash nothing matches', async (t) => {
  for (const password of [PASSWORD, '', '.', 'mintd/', 'null', '\0']) {
    t.equal(await shared.verify(password, null), false, JSON.stringify(password));
  }
});

t.test('a malformed hash never matches', async (t) => {
  const malformed = [
    '',
    PASSWORD,
    `${HASH} `,
    `${HASH}\n`,
    `${HASH}\0`,
    ` ${HASH}`,
    HASH.slice(0, -1),
    HASH.replace('$2b$', '$2x$'),
    HASH.replace('$2b$', '$2$'),
    HASH.replace('$04$', '$4$'),
    HASH.replace('$04$', '$03$'),
    HASH.replace('$04$', '$99$'),
    HASH.replace('$04$', '$ab$'),
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27oQ',
  ];
  for (const hash of malformed) t.equal(await shared.verify(PASSWORD, hash), false, JSON.stringify(hash));
});

t.test('what bcrypt would cut or confuse never matches', async (t) => {
  const long = 'x'.repeat(72);
  const pairs: readonly (readonly [name: string, hashed: string, tried: string])[] = [
    ['73 bytes, of which bcrypt reads 72', long, `${long}y`],
    ['37 characters of 2 bytes', 'é'.repeat(36), 'é'.repeat(37)],
    ['a NUL, where bcrypt may stop', 'secret', 'secret\0and more'],
    ['a NUL alone', '', '\0'],
    ['a lone surrogate, which turns into U+FFFD', 'key \ufffd', 'key \ud800'],
  ];
  for (const [name, hashed, tried] of pairs) t.equal(await shared.verify(tried, hashSync(hashed, 4)), false, name);
});

t.test('when too many wait the answer is no at once, and nothing is hashed', async (t) => {
  const hasher = aHasher(t, {
    limits: { atOnce: 1, maxWaiting: 2, maxWaitingPerAccount: 2 },
  });
  const settled: number[] = [];
  const slow = hashSync(PASSWORD, 10);
  const asked = Array.from({ length: 6 }, (_, i) =>
    verifyWith(hasher, PASSWORD, i === 0 ? slow : null).then((answer) => {
      settled.push(i);
      return answer;
    }),
  );
  const full = 'password_queue_full';
  t.strictSame(await Promise.all(asked), [true, false, false, full, full, full]);
  t.strictSame(settled, [3, 4, 5, 0, 1, 2], 'those did not wait');
  t.equal(await verifyWith(hasher, PASSWORD, HASH), true, 'and afterwards it works');
});

t.test('by default 32 a thread may wait, half of them of one account, four of which run at once', async (t) => {
  const hasher = aHasher(t);
  const status = () => hasher.status();
  let finish = () => {};
  const hold = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const ask = (account: string) => inTurn(hasher, () => hold, account);
  const asked = Array.from({ length: 30 }, () => ask('ada'));
  t.match(status(), { running: 3, waiting: 16 }, 'a thread and two more that ask the database meanwhile');
  for (let i = 0; i < 30; i++) asked.push(ask(`user ${i}`));
  t.match(status(), { running: 3, waiting: 32 });
  finish();
  const answers = await Promise.all(asked);
  t.equal(answers.filter((answer) => answer === 'password_queue_full').length, 60 - 35);
});

t.test('a turn ends with its work, also when that fails', async (t) => {
  const hasher = aHasher(t, { limits: { atOnce: 1 } });
  await t.rejects(
    inTurn(hasher, async () => {
      throw new Error('in the middle');
    }),
    /in the middle/,
  );
  t.match(hasher.status(), { running: 0, turns: 1 });
});

t.test(
  'a hash of a lower cost takes as many rounds as one of the configured cost, and as an unknown name',
  async (t) => {
    const rounds = new Map<string, number>();
    const cost = 7;
    const name = (hash: string | null) => (hash === null ? 'unknown' : hash.slice(0, 7));
    for (const hash of [null, ...[4, 5, 6, 7].map((lower) => hashSync(PASSWORD, lower))]) {
      rounds.set(name(hash), roundsOf(comparedWith(hash, cost)));
    }
    t.same(new Set(rounds.values()), new Set([2 ** cost]), 'as many for each');
    const hasher = aHasher(t, { cost });
    t.equal(await verifyWith(hasher, PASSWORD, HASH), true, 'and the first is the one that counts');
    t.equal(await verifyWith(hasher, 'another', HASH), false);
  },
);

t.test('a hash of a lower cost is outdated; others, and what is no hash, are not', async (t) => {
  const hasher = aHasher(t, { cost: 5 });
  const outdated = (hash: string) => inTurn(hasher, async (bcrypt) => bcrypt.isOutdated(hash));
  t.equal(await outdated(HASH), true);
  for (const other of [hashSync(PASSWORD, 5), hashSync(PASSWORD, 6), '', 'x']) t.equal(await outdated(other), false);
});

t.test('closing ends what waits', async (t) => {
  const hasher = openHasher({ cost: 10, threads: 1 });
  const pending = Array.from({ length: 4 }, () => verifyWith(hasher, PASSWORD, null));
  const outcomes = Promise.allSettled(pending);
  await hasher.close();
  t.equal((await outcomes).length, 4, 'nobody waits for ever');
  await t.resolves(hasher.close(), 'closing twice is harmless');
});

t.test('eight passwords in the queue do not keep a signature waiting', async (t) => {
  const hasher = aHasher(t, { threads: 2 });
  await Promise.all([verifyWith(hasher, PASSWORD, HASH), verifyWith(hasher, PASSWORD, HASH)]);
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const { privateKey } = await crypto.subtle.generateKey({ ...algorithm, hash: 'SHA-256' }, false, ['sign', 'verify']);
  const slow = hashSync(PASSWORD, 12);
  const order: string[] = [];
  const passwords = Array.from({ length: 8 }, async () => {
    await verifyWith(hasher, PASSWORD, slow);
    order.push('password');
  });
  await crypto.subtle.sign(algorithm.name, privateKey, new Uint8Array(8));
  order.push('signature');
  await Promise.all(passwords);
  // libuv has four threads: with bcrypt on them the signature would wait for the first password at least.
  t.equal(order.indexOf('signature'), 0);
});

t.test('passwords are hashed while every thread of libuv is taken', async (t) => {
  const hasher = aHasher(t);
  await verifyWith(hasher, PASSWORD, HASH);
  // Opening a named pipe for reading keeps a libuv thread until somebody opens it for writing.
  const pipe = join(temporaryFolder(t), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
  const readers = Array.from({ length: threads }, () => open(pipe, 'r'));
  let isFree = false;
  const probe = open(import.meta.filename).then((file) => {
    isFree = true;
    return file.close();
  });
  t.equal(await verifyWith(hasher, PASSWORD, HASH), true);
  t.equal(isFree, false, 'they were taken all the while');
  execFileSync('sh', ['-c', 'exec 3>"$1"', 'sh', pipe]);
  for (const reader of await Promise.all(readers)) await reader.close();
  await probe;
});

function roundsOf(hashes: readonly string[]): number {
  return hashes.reduce((sum, hash) => sum + 2 ** Number(hash.slice(4, 6)), 0);
}
