import type { Files } from './node.js';
import { probedPathFaults } from './settings.js';

/** What the Dockerfile says of the image. */
export type Image = {
  readonly uid: number;
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
};

type Instruction = { readonly word: string; readonly rest: string };

/** The instructions of each stage; what comes before the first is stage 0. */
function stagesOf(dockerfile: string): readonly (readonly Instruction[])[] {
  const lines = dockerfile
    .split('\n')
    .filter((line) => !line.startsWith('#') && line.trim() !== '')
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const stages: Instruction[][] = [[]];
  for (const line of lines) {
    const [word = '', ...rest] = line.split(' ');
    if (word === 'FROM') stages.push([]);
    stages.at(-1)?.push({ word, rest: rest.join(' ') });
  }
  return stages;
}

const restsOf = (stage: readonly Instruction[], wanted: string) =>
  stage.filter(({ word }) => word === wanted).map(({ rest }) => rest);

/** What a container gets that says nothing else. */
export function imageOf(files: Files): Image {
  const last = stagesOf(files['Dockerfile'] ?? '').at(-1) ?? [];
  const environment = restsOf(last, 'ENV').flatMap((rest) => rest.split(/\s+/).map((pair) => pair.split('=')));
  const [uid, gid] = (restsOf(last, 'USER').at(-1) ?? '').split(':');
  return {
    uid: uid === gid ? Number(uid) : Number.NaN,
    port: Number(restsOf(last, 'EXPOSE')[0]),
    environment: Object.fromEntries(environment.map(([name = '', value = '']) => [name, value])),
  };
}

/** Whether a version is in a range such as `^20.19 || >=24 <24.19`. */
function isWithin(version: string, range: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return range.split(' || ').some((part) =>
    part.split(' ').every((limit) => {
      const [, sign, ...given] = /^(\^|>=|<)(\d+)\.?(\d*)$/.exec(limit) ?? [];
      const [toMajor = 0, toMinor = 0] = given.map(Number);
      const isAtLeast = major > toMajor || (major === toMajor && minor >= toMinor);
      return sign === '<' ? !isAtLeast : isAtLeast && (sign === '>=' || major === toMajor);
    }),
  );
}

/** Whether docker sends a path to what builds. Of its rules we use names and folders alone; the last that fits counts. */
function isSent(dockerignore: string, path: string): boolean {
  let sent = true;
  for (const line of dockerignore.split('\n').filter((one) => one !== '' && !one.startsWith('#'))) {
    const name = line.replace(/^!/, '');
    if (name === '*' || path === name || path.startsWith(`${name}/`)) sent = line.startsWith('!');
  }
  return sent;
}

/**
 * All faults of the Dockerfile and .dockerignore, as sentences.
 *
 * @param exists whether a path is there in this repository
 */
export function imageFaults(files: Files, exists: (path: string) => boolean): string[] {
  const faults: string[] = [];
  const demand = (is: boolean, fault: string) => void (is || faults.push(`Dockerfile: ${fault}`));
  const stages = stagesOf(files['Dockerfile'] ?? '');
  const [first = [], ...rest] = stages;
  const last = rest.at(-1) ?? [];
  const { uid, port, environment } = imageOf(files);

  demand(
    restsOf(first, 'ARG').some((arg) => /^NODE_VERSION=\d+\.\d+\.\d+$/.test(arg)),
    'the version is not exact',
  );
  const { scripts, engines } = JSON.parse(files['package.json'] ?? '{}') as {
    scripts: Record<string, string>;
    engines: Record<string, string>;
  };
  const version = restsOf(first, 'ARG')[0]?.split('=')[1] ?? '';
  demand(isWithin(version, engines['node'] ?? ''), "not one of package.json's engines");
  const sources = rest.flatMap((stage) => restsOf(stage, 'FROM')).map((from) => from.split(' ')[0] ?? '');
  demand(
    sources.every((from) => from.startsWith(`node:\${NODE_VERSION}-`)),
    'a base without a version',
  );
  demand(sources.at(-1)?.endsWith('-slim') === true, 'the last stage is not the small one');
  demand(Number.isInteger(uid) && uid > 0, 'not a user and group by number, alike');
  demand(String(port) === environment['PORT'], 'EXPOSE and PORT differ');

  const [volumes = '[]'] = restsOf(last, 'VOLUME');
  demand(isList(volumes) && volumes.includes(`"${environment['SQLITE_TMPDIR']}"`), 'SQLite has nowhere to sort');

  const copied = rest
    .slice(0, -1)
    .flatMap((stage) => restsOf(stage, 'COPY'))
    .flatMap((copy) => copy.split(' ').slice(0, -1));
  for (const path of copied) {
    demand(exists(path), `${path} is not there`);
    demand(isSent(files['.dockerignore'] ?? '', path), `.dockerignore keeps ${path} back`);
  }
  const secret = ['.env', 'data/mintd.db', 'keys/ring.json', 'backup/keys/ring.json', 'deploy/secrets/database_url'];
  for (const path of [...secret, 'KEYS_ENCRYPTION_KEY', 'office.secret', '.git', 'node_modules'])
    demand(!isSent(files['.dockerignore'] ?? '', path), `.dockerignore lets ${path} in`);
  for (const [path] of `${scripts['build']} ${scripts['generate']}`.matchAll(/\S+\.(mjs|json)\b/g))
    demand(copied.includes(path), `the build needs ${path}`);

  const built = rest
    .slice(0, -1)
    .flatMap((stage) => restsOf(stage, 'RUN'))
    .join('\n');
  demand(built.includes('prune --omit=dev --omit=optional'), 'what only builds stays in the image');
  demand(built.includes('mv /tmp/@napi-rs node_modules/'), 'password threads have no low priority');
  const kept = restsOf(last, 'COPY').map((copy) => copy.split(' ').at(-2) ?? '');
  for (const path of ['package.json', 'node_modules', 'dist', 'prisma'])
    demand(kept.includes(`/app/${path}`), `${path} is missing in the image`);
  const [check = ''] = restsOf(last, 'HEALTHCHECK');
  faults.push(...probedPathFaults(/PORT\}(\/\w+)`/.exec(check)?.[1] ?? ''));
  demand(check.includes('/livez'), 'a health check that fails with the database');
  for (const json of [...restsOf(last, 'CMD'), check.slice(check.indexOf('[')), ...restsOf(last, 'VOLUME')])
    demand(isList(json), `not a list in JSON: ${json}`);
  return faults;
}

function isList(json: string): boolean {
  try {
    return Array.isArray(JSON.parse(json));
  } catch {
    return false;
  }
}
