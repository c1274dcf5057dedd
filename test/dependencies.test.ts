import { readFileSync } from 'node:fs';
import t from 'tap';

type Manifest = {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
  readonly bundleDependencies: readonly string[];
};

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
const page = readFileSync('docs/dependencies.md', 'utf8');

/** The packages that the first column of a table names, the table being the one below a sentence. */
function namedBelow(sentence: string): readonly string[] {
  const [, text = ''] = page.split(sentence);
  const [table = ''] = text.slice(text.indexOf('\n|')).split('\n\n');
  const cells = table.split('\n').map((line) => line.split('|')[1] ?? '');
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)).sort();
}

t.test('docs/dependencies.md says of each package what it is for', async (t) => {
  t.strictSame(namedBelow('# Dependencies'), Object.keys(manifest.dependencies).sort());
  t.match(page, `${Object.keys(manifest.dependencies).length} packages`, 'and how many there are');
});

t.test('optional packages are there in a clone, and the page names them', async (t) => {
  const optional = Object.keys(manifest.peerDependencies).sort();
  t.strictSame(Object.keys(manifest.peerDependenciesMeta).sort(), optional);
  t.ok(Object.values(manifest.peerDependenciesMeta).every((one) => one.optional));
  const named = namedBelow('how to get them');
  const covers = (name: string) =>
    named.some((one) => (one.endsWith('/*') ? name.startsWith(one.slice(0, -1)) : one === name));
  t.strictSame(
    optional.filter((name) => !covers(name)),
    [],
  );
  for (const name of optional) {
    const [, range = ''] = /^[~^]([\d.]+)$/.exec(manifest.peerDependencies[name] ?? '') ?? [];
    t.equal(manifest.devDependencies[name], range, `${name} is tested with the version it is asked for in`);
    t.notOk(name in manifest.dependencies);
  }
});

t.test('only what Prisma holds back is bundled', async (t) => {
  t.strictSame(manifest.bundleDependencies, ['@prisma/adapter-better-sqlite3'], 'docs/decisions/0022 says until when');
});
