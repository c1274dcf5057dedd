import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { Ingress } from 'kubernetes-models/networking.k8s.io/v1/Ingress';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import { parseAllDocuments } from 'yaml';
import type { Image } from './image.js';
import { type Files, list, type Node, node, text } from './node.js';
import { pathFaults, probedPathFaults, settingFaults } from './settings.js';

const MODELS = [
  ConfigMap,
  Deployment,
  Ingress,
  Job,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  Secret,
  Service,
] as const;
const FOLDER = 'deploy/kubernetes/';

/** A value that reports each of its properties that is read. */
function watched(value: unknown, path: string, unread: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => watched(item, `${path}/${index}`, unread));
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, watched(item, `${path}/${key}`, unread)]),
  );
  for (const key of Object.keys(copy)) unread.add(`${path}/${key}`);
  const get = (target: Node, key: string | symbol) => {
    unread.delete(`${path}/${String(key)}`);
    return target[String(key)];
  };
  return new Proxy(copy, { get });
}

/** What the schema of its kind has against a resource. A field that the schema never looks at is unknown to it. */
function schemaFaults(resource: Node): string[] {
  const model = MODELS.find(
    ({ kind, apiVersion }) => resource['kind'] === kind && resource['apiVersion'] === apiVersion,
  );
  if (model === undefined) return [`no schema for ${text(resource['apiVersion'])} ${text(resource['kind'])}`];
  const unread = new Set<string>();
  try {
    model.prototype.validate.call(watched(resource, '', unread));
  } catch (error) {
    return [String(error)];
  }
  return [...unread].map((path) => `${model.kind} knows no ${path}`);
}

/** All faults of deploy/kubernetes, as sentences. */
export function kubernetesFaults(files: Files, image: Image, stopWithinSeconds: number): string[] {
  const own = Object.keys(files).filter((path) => path.startsWith(FOLDER) && path.endsWith('.yaml'));
  const applied = node(parseAllDocuments(files[`${FOLDER}kustomization.yaml`] ?? '')[0]?.toJS());
  const listed = list(applied['resources']).map((name) => `${FOLDER}${text(name)}`);
  const byHand = own.filter((path) => /\.example\.yaml$|kustomization\.yaml$|migrate-job\.yaml$/.test(path));
  const faults = own
    .filter((path) => !listed.includes(path) && !byHand.includes(path))
    .map((path) => `${path}: unused`);
  faults.push(...listed.filter((path) => !own.includes(path)).map((path) => `${path}: not there`));
  const resources = own
    .filter((path) => !path.endsWith('kustomization.yaml'))
    .flatMap((path) => parseAllDocuments(files[path] ?? '').map((document) => ({ path, document })))
    .map(({ path, document }) => {
      faults.push(...document.errors.map((error) => `${path}: ${error.message}`));
      const resource = node(document.toJS());
      faults.push(...schemaFaults(resource).map((fault) => `${path}: ${fault}`));
      return resource;
    });
  const cluster = { resources, image, stopWithinSeconds };
  return [...faults, ...workloadFaults(cluster), ...selectorFaults(cluster), ...ingressFaults(cluster)];
}

type Cluster = {
  readonly resources: readonly Node[];
  readonly image: Image;
  readonly stopWithinSeconds: number;
};

const ofKind = ({ resources }: Cluster, kind: string) => resources.filter((resource) => resource['kind'] === kind);
const nameOf = (resource: Node) => text(node(resource['metadata'])['name']);
const specOf = (resource: Node) => node(resource['spec']);
const podOf = (resource: Node) => node(specOf(resource)['template']);

/** Whatever runs: as whom, with which settings and secrets, and how it is watched. */
function workloadFaults(cluster: Cluster): string[] {
  return [...ofKind(cluster, 'Deployment'), ...ofKind(cluster, 'Job')].flatMap((workload) => {
    const pod = specOf(podOf(workload));
    const context = node(pod['securityContext']);
    const faults: string[] = [];
    const demand = (is: boolean, fault: string) => void (is || faults.push(`${text(workload['kind'])}: ${fault}`));
    demand(context['runAsNonRoot'] === true, 'may run as root');
    demand(context['runAsUser'] === cluster.image.uid, 'not the user of the image');
    demand(context['runAsGroup'] === cluster.image.uid, 'not the group of the image');
    demand(node(context['seccompProfile'])['type'] === 'RuntimeDefault', 'no seccomp profile');
    demand(pod['automountServiceAccountToken'] === false, 'holds a token of the cluster');
    for (const container of list(pod['containers']).map(node)) {
      const own = node(container['securityContext']);
      demand(own['allowPrivilegeEscalation'] === false, 'may gain privileges');
      demand(own['readOnlyRootFilesystem'] === true, 'may write to its image');
      demand(list(node(own['capabilities'])['drop']).includes('ALL'), 'keeps capabilities');
      demand(node(node(container['resources'])['limits'])['memory'] !== undefined, 'no limit of memory');
      faults.push(...environmentFaults(cluster, pod, container));
      if (workload['kind'] === 'Deployment') faults.push(...serverFaults(cluster, workload, pod, container));
    }
    return faults;
  });
}

function serverFaults(cluster: Cluster, deployment: Node, pod: Node, container: Node): string[] {
  const faults: string[] = [];
  const ports = list(container['ports']).map(node);
  if (!ports.some((port) => port['containerPort'] === cluster.image.port)) faults.push('not the port of the image');
  for (const [name, path] of [
    ['startupProbe', '/livez'],
    ['readinessProbe', '/readyz'],
    ['livenessProbe', '/livez'],
  ] as const) {
    const get = node(node(container[name])['httpGet']);
    faults.push(...probedPathFaults(text(get['path'])));
    if (get['path'] !== path) faults.push(`${name} asks ${text(get['path'])}`);
    if (!ports.some((port) => port['name'] === get['port'])) faults.push(`${name}: no port ${text(get['port'])}`);
  }
  const [program, seconds] = list(node(node(node(container['lifecycle'])['preStop'])['exec'])['command']);
  const graceSeconds = Number(pod['terminationGracePeriodSeconds']);
  if (program !== 'sleep') faults.push('stops before the proxies know');
  if (!(graceSeconds > Number(seconds) + cluster.stopWithinSeconds)) faults.push('killed before it has stopped');
  const rolling = node(node(specOf(deployment)['strategy'])['rollingUpdate']);
  if (rolling['maxUnavailable'] !== 0) faults.push('an update takes servers away');
  if (!(Number(specOf(deployment)['replicas']) >= 2)) faults.push('fewer than two servers');
  return faults;
}

/** The settings that a container really gets: from the image, the ConfigMap, and by name; secrets as files. */
function environmentFaults(cluster: Cluster, pod: Node, container: Node): string[] {
  const faults: string[] = [];
  const secrets = new Set<string>();
  for (const mount of list(container['volumeMounts']).map(node)) {
    const volume = list(pod['volumes'])
      .map(node)
      .find((one) => one['name'] === mount['name']);
    const secretName = node(volume?.['secret'])['secretName'];
    const secret = ofKind(cluster, 'Secret').find((one) => nameOf(one) === secretName);
    if (secret === undefined) faults.push(`no secret for the mount ${text(mount['name'])}`);
    for (const [key, value] of Object.entries(node(secret?.['stringData']))) {
      secrets.add(`${text(mount['mountPath'])}/${key}`);
      if (value !== '') faults.push(`the example of a secret has a value for ${key}`);
    }
  }
  const environment: Record<string, string> = { ...cluster.image.environment };
  for (const from of list(container['envFrom']).map(node)) {
    const map = ofKind(cluster, 'ConfigMap').find((one) => nameOf(one) === node(from['configMapRef'])['name']);
    if (map === undefined) faults.push('no such ConfigMap');
    for (const [name, value] of Object.entries(node(map?.['data']))) environment[name] = text(value);
  }
  for (const variable of list(container['env']).map(node))
    environment[text(variable['name'])] = text(variable['value']);
  return [...faults, ...settingFaults(environment, secrets)];
}

/** Selectors find the pods they are meant for, and ports have the names that are asked for. */
function selectorFaults(cluster: Cluster): string[] {
  const [deployment] = ofKind(cluster, 'Deployment');
  const labels = node(node(podOf(deployment ?? {})['metadata'])['labels']);
  const selects = (selector: Node) =>
    Object.keys(selector).length > 0 && Object.entries(selector).every(([label, value]) => labels[label] === value);
  const faults: string[] = [];
  for (const kind of ['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy']) {
    const all = ofKind(cluster, kind);
    if (all.length === 0) faults.push(`no ${kind}`);
    for (const resource of all) {
      const { selector, podSelector } = specOf(resource) as { selector?: unknown; podSelector?: unknown };
      const wanted = kind === 'Service' ? node(selector) : node(node(selector ?? podSelector)['matchLabels']);
      if (!selects(wanted)) faults.push(`${kind} ${nameOf(resource)} selects no server`);
    }
  }
  for (const service of ofKind(cluster, 'Service')) {
    const targets = list(specOf(service)['ports']).map((port) => node(port)['targetPort']);
    if (targets.some((target) => target !== 'http')) faults.push(`Service ${nameOf(service)}: no such port`);
  }
  for (const policy of ofKind(cluster, 'NetworkPolicy')) {
    const ports = list(specOf(policy)['ingress']).flatMap((rule) => list(node(rule)['ports']).map(node));
    if (ports.some(({ port }) => port !== cluster.image.port)) faults.push('NetworkPolicy lets nobody in');
  }
  return faults;
}

/** Everything for the world is reachable, nothing else is, and always through a Service that there is. */
function ingressFaults(cluster: Cluster): string[] {
  return ofKind(cluster, 'Ingress').flatMap((ingress) => {
    const paths = list(specOf(ingress)['rules']).flatMap((rule) => list(node(node(rule)['http'])['paths']).map(node));
    const services = ofKind(cluster, 'Service').map(nameOf);
    const missing = paths
      .map((path) => text(node(node(path['backend'])['service'])['name']))
      .filter((name) => !services.includes(name))
      .map((name) => `Ingress: no Service ${name}`);
    const lets = (asked: string) =>
      paths.some(({ path, pathType }) =>
        pathType === 'Prefix' ? `${asked}/`.startsWith(`${text(path)}/`) : asked === text(path),
      );
    return [...missing, ...pathFaults(lets).map((fault) => `Ingress: ${fault}`)];
  });
}
