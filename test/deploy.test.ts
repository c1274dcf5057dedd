import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import t from 'tap';
import { composeFaults } from './deploy/compose.js';
import { imageFaults, imageOf } from './deploy/image.js';
import { kubernetesFaults } from './deploy/kubernetes.js';
import { nginxFaults, systemdSays, unitFaults } from './deploy/machine.js';
import type { Files } from './deploy/node.js';
import { temporaryFolder } from './helper.js';

/** What closing may take at most, from the program itself. */
const [, stopWithinMs = ''] = /STOP_WITHIN_MS = ([\d_]+);/.exec(readFileSync('src/program.ts', 'utf8')) ?? [];
const stopWithinSeconds = Number(stopWithinMs.replaceAll('_', '')) / 1000;

const paths = readdirSync('deploy', { recursive: true, encoding: 'utf8' })
  .map((path) => `deploy/${path}`)
  .filter((path) => statSync(path).isFile() && !path.startsWith('deploy/secrets/'));
const files: Files = Object.fromEntries(
  ['Dockerfile', '.dockerignore', 'package.json', ...paths].map((path) => [path, readFileSync(path, 'utf8')]),
);

const CHECKS: readonly (readonly [prefix: string, faults: (given: Files) => string[]])[] = [
  ['deploy/kubernetes/', (given) => kubernetesFaults(given, imageOf(given), stopWithinSeconds)],
  ['deploy/compose', (given) => composeFaults(given, imageOf(given), stopWithinSeconds)],
  ['deploy/systemd/', (given) => unitFaults(given, stopWithinSeconds)],
  ['deploy/nginx/', nginxFaults],
  ['', (given) => imageFaults(given, existsSync)],
];

/** All faults, or all that a change of one file can bring: the image's are everybody's. */
function faultsOf(given: Files, changed = ''): string[] {
  const concerned = CHECKS.filter(([prefix]) => !changed.startsWith('deploy/') || changed.startsWith(prefix));
  return concerned.flatMap(([, faults]) => faults(given));
}

t.test('the image, the manifests, the unit and the proxy fit the program and each other', async (t) => {
  t.equal(stopWithinSeconds, 15);
  t.strictSame(imageOf(files).uid, 1000);
  t.strictSame(faultsOf(files), []);
});

t.test('systemd has nothing against the unit', async (t) => {
  const folder = temporaryFolder(t);
  const said = systemdSays(files, folder);
  if (said === null) {
    t.pass('there is no systemd here: the directives were compared with a list');
    return;
  }
  t.equal(said, '');
  const path = 'deploy/systemd/mintd.service';
  const wrong = { ...files, [path]: (files[path] ?? '').replace('ProtectSystem', 'ProtectSytem') };
  t.match(systemdSays(wrong, folder), /ProtectSytem/, 'and would have');
});

const KUBERNETES = 'deploy/kubernetes/';
const DEPLOYMENT = `${KUBERNETES}deployment.yaml`;
const UNIT = 'deploy/systemd/mintd.service';
const NGINX = 'deploy/nginx/mintd.conf';

const MISTAKES: readonly (readonly [path: string, from: string, to: string, fault: RegExp])[] = [
  ['Dockerfile', 'prisma.config.ts', 'prisma.confg.ts', /prisma\.confg\.ts is not there/],
  ['Dockerfile', 'scripts/generate.mjs ', '', /the build needs scripts\/generate\.mjs/],
  ['Dockerfile', 'USER 1000:1000', 'USER node', /not a user and group by number/],
  ['Dockerfile', 'USER 1000:1000', 'USER 1001:1001', /not the user of the image/],
  ['Dockerfile', 'NODE_VERSION=24.22.3', 'NODE_VERSION=24', /the version is not exact/],
  ['Dockerfile', 'NODE_VERSION=24.22.3', 'NODE_VERSION=20.20.2', /not one of package.json's engines/],
  ['Dockerfile', 'bookworm-slim\nLABEL', 'bookworm\nLABEL', /not the small one/],
  ['Dockerfile', '/livez', '/healthz', /\/healthz is no path/],
  ['Dockerfile', '/livez', '/readyz', /fails with the database/],
  ['Dockerfile', '"serve"]', '"serve",]', /not a list in JSON/],
  ['Dockerfile', '/app/prisma prisma', '/app/src src', /prisma is missing/],
  ['Dockerfile', 'NODE_ENV=production', 'NODE_ENV=prod', /NODE_ENV is not production/],
  ['Dockerfile', 'SQLITE_TMPDIR=/app/data', 'SQLITE_TMPDIR=/app', /nowhere to sort/],
  ['Dockerfile', ' --omit=optional', '', /what only builds stays/],
  ['Dockerfile', ' && mv /tmp/@napi-rs node_modules/', '', /no low priority/],
  ['Dockerfile', 'EXPOSE 4000', 'EXPOSE 4001', /EXPOSE and PORT differ/],
  ['.dockerignore', '!src\n', '', /keeps src back/],
  ['.dockerignore', '*\n', '', /lets \.env in/],
  [DEPLOYMENT, 'readOnlyRootFilesystem', 'readonlyRootFilesystem', /knows no .*readonlyRootFilesystem/],
  [DEPLOYMENT, 'replicas: 2', 'replicas: two', /replicas/],
  [DEPLOYMENT, 'replicas: 2', 'replicas: 1', /fewer than two/],
  [DEPLOYMENT, 'minReadySeconds', 'minReadSeconds', /knows no .*minReadSeconds/],
  [DEPLOYMENT, 'runAsUser: 1000', 'runAsUser: 0', /not the user of the image/],
  [DEPLOYMENT, 'runAsNonRoot: true', 'runAsNonRoot: false', /may run as root/],
  [DEPLOYMENT, 'drop: [ALL]', 'drop: [NET_RAW]', /keeps capabilities/],
  [DEPLOYMENT, 'containerPort: 4000', 'containerPort: 3000', /not the port/],
  [DEPLOYMENT, 'path: /readyz', 'path: /ready', /\/ready is no path/],
  [DEPLOYMENT, 'path: /readyz, port: http', 'path: /readyz, port: web', /no port web/],
  [
    DEPLOYMENT,
    '{ path: /livez, port: http }\n            periodSeconds: 10',
    '{ path: /readyz, port: http }',
    /livenessProbe asks/,
  ],
  [DEPLOYMENT, 'GracePeriodSeconds: 30', 'GracePeriodSeconds: 20', /killed before/],
  [DEPLOYMENT, 'maxUnavailable: 0', 'maxUnavailable: 1', /takes servers away/],
  [DEPLOYMENT, 'name: DATABASE_URL_FILE', 'name: DATABASE_FILE', /DATABASE_FILE is no setting/],
  [DEPLOYMENT, 'mintd/DATABASE_URL }', 'mintd/database-url }', /which is not there/],
  [DEPLOYMENT, '{ secretName: mintd,', '{ secretName: mint,', /no secret for/],
  [DEPLOYMENT, 'configMapRef: { name: mintd }', 'configMapRef: { name: settings }', /no such ConfigMap/],
  [`${KUBERNETES}migrate-job.yaml`, 'runAsUser: 1000', 'runAsUser: 1', /Job: not the user/],
  [`${KUBERNETES}configmap.yaml`, 'TRUST_PROXY: "1"', 'TRUST_PROXY: "yes"', /TRUST_PROXY must be/],
  [`${KUBERNETES}configmap.yaml`, 'TRUST_PROXY: "1"', 'TRUST_PROXY: 1', /TRUST_PROXY.*string/],
  [`${KUBERNETES}configmap.yaml`, 'PASSWORD_THREADS', 'HASH_THREADS', /HASH_THREADS is no setting/],
  [`${KUBERNETES}configmap.yaml`, 'https://login', 'http://login', /ISSUER must be/],
  [`${KUBERNETES}secret.example.yaml`, 'DATABASE_URL: ""', 'DATABASE_URL: "postgres://a:b@c/d"', /has a value for/],
  [`${KUBERNETES}service.yaml`, 'component: server', 'component: web', /selects no server/],
  [`${KUBERNETES}service.yaml`, 'targetPort: http', 'targetPort: 8080', /no such port/],
  [`${KUBERNETES}poddisruptionbudget.yaml`, 'component: server', 'component: web', /selects no server/],
  [`${KUBERNETES}networkpolicy.yaml`, 'port: 4000', 'port: 8080', /lets nobody in/],
  [`${KUBERNETES}ingress.example.yaml`, 'path: /token', 'path: /tokens', /\/token cannot be reached/],
  [`${KUBERNETES}ingress.example.yaml`, 'path: /password', 'path: /metrics', /\/metrics is open/],
  [`${KUBERNETES}ingress.example.yaml`, 'name: mintd-well-known', 'name: keys', /no Service keys/],
  [`${KUBERNETES}kustomization.yaml`, '- service.yaml', '- services.yaml', /services\.yaml: not there/],
  [`${KUBERNETES}kustomization.yaml`, '  - networkpolicy.yaml\n', '', /networkpolicy\.yaml: unused/],
  ['deploy/compose.yaml', 'read_only: true', 'readonly: true', /additional properties/],
  ['deploy/compose.yaml', 'DATABASE_URL_FILE: /run', 'DATABASE_FILE: /run', /DATABASE_FILE is no setting/],
  ['deploy/compose.yaml', 'secrets: [database_url]', 'secrets: [database]', /uses database of no secrets/],
  ['deploy/compose.yaml', 'POSTGRES_PASSWORD_FILE', 'POSTGRES_PASSWORD', /has POSTGRES_PASSWORD in/],
  ['deploy/compose.yaml', 'stop_grace_period: 20s', 'stop_grace_period: 10s', /killed before/],
  ['deploy/compose.yaml', '4000/readyz', '4000/health', /\/health is no path/],
  ['deploy/compose.yaml', '"127.0.0.1:4000:4000"', '"127.0.0.1:4000:8080"', /a port nobody listens/],
  ['deploy/compose.sqlite.yaml', '"data:/app/data", ', '', /loses \/app\/data/],
  ['deploy/compose.sqlite.yaml', 'file:/app', 'sqlite:/app', /DATABASE_URL must be/],
  [UNIT, 'ProtectSystem=', 'ProtectSytem=', /has no ProtectSytem/],
  [UNIT, 'TimeoutStopSec=20', 'TimeoutStopSec=10', /killed before/],
  [UNIT, 'LoadCredential=database_url', 'LoadCredential=database', /which is not there/],
  [UNIT, 'KEYS_DIR=/var', 'KEY_DIR=/var', /KEY_DIR is no setting/],
  [UNIT, 'NODE_ENV=production', 'NODE_ENV=dev', /NODE_ENV is not production/],
  ['deploy/systemd/mintd-command', 'KEYS_DIR=/var/lib/mintd/keys', 'KEYS_DIR=keys', /not that of mintd-command/],
  ['deploy/systemd/mintd.env', 'TRUST_PROXY', 'TRUST_PROXIES', /TRUST_PROXIES is no setting/],
  [NGINX, '$remote_addr;', '$proxy_add_x_forwarded_for;', /claim any address/],
  [NGINX, 'location / {\n    return 404', 'location / {\n    proxy_pass http://mintd', /\/metrics is open/],
  [NGINX, 'token|revoke', 'token|revocation', /\/revoke cannot be reached/],
  [NGINX, '$uri', '$request_uri', /is logged/],
];

t.test('a mistake in any of them is found', async (t) => {
  for (const [path, from, to, fault] of MISTAKES) {
    const wrong = (files[path] ?? '').replace(from, to);
    t.not(wrong, files[path], `${path} has ${from}`);
    t.match(faultsOf({ ...files, [path]: wrong }, path).join('\n'), fault, `${path}: ${to}`);
  }
});
