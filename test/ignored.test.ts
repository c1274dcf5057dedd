// What the documents tell people to write into this folder has password hashes, private keys or secrets in it: `git
// add --all` must leave it out. (That no image takes it along is in test/deploy/image.ts.)
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';

const WRITTEN: readonly (readonly [path: string, document: string, named?: string])[] = [
  ['backup/mintd.db', 'docs/operations/backup.md'],
  ['backup/mintd.dump', 'docs/operations/backup.md'],
  ['backup/keys/ring.json', 'docs/operations/backup.md', 'backup/keys'],
  ['data/mintd.db', 'docs/operations/backup.md'],
  ['keys/ring.json', 'docs/operations/backup.md'],
  ['DATABASE_URL', 'docs/operations/install.md', '> DATABASE_URL'],
  ['KEYS_ENCRYPTION_KEY', 'docs/operations/install.md', '> KEYS_ENCRYPTION_KEY'],
  ['deploy/secrets/postgres_password', 'docs/operations/install.md', 'deploy/secrets'],
  ['deploy/.env', 'docs/operations/install.md'],
  ['office.secret', 'docs/admin.md'],
  ['admin.header', 'docs/admin.md'],
  ['worker.key.pem', 'docs/clients.md'],
  ['users.csv', 'docs/users.md'],
];

/** Those of the paths that git ignores. */
function ignoredOf(paths: readonly string[]): readonly string[] {
  const said = execFileSync('git', ['check-ignore', '--no-index', '--stdin'], { input: paths.join('\n') });
  return String(said).trim().split('\n');
}

t.test('what the documents have people write is ignored by git', async (t) => {
  for (const [path, document, named = path] of WRITTEN) {
    t.ok(readFileSync(document, 'utf8').includes(named), `${document} names ${named}`);
  }
  const paths = WRITTEN.map(([path]) => path);
  t.strictSame(ignoredOf([...paths, 'src/main.ts', 'docs/operations/backup.md', 'test/proofs/backup.test.ts']), paths);
});
