import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Files } from './node.js';
import { pathFaults, settingFaults } from './settings.js';

const UNIT = 'deploy/systemd/mintd.service';

/** Every directive we know to be one of systemd 252, by section. A misspelt one only makes systemd warn, and go on. */
const DIRECTIVES: Readonly<Record<string, string>> = {
  Unit: 'Description Documentation Wants After StartLimitIntervalSec',
  Service:
    'Type User Group WorkingDirectory Environment EnvironmentFile LoadCredential ExecStart Restart RestartSec TimeoutStopSec ' +
    'StateDirectory StateDirectoryMode UMask ReadWritePaths ProtectSystem ProtectHome PrivateTmp PrivateDevices PrivateUsers ' +
    'ProtectHostname ProtectClock ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectControlGroups ' +
    'ProtectProc ProcSubset NoNewPrivileges CapabilityBoundingSet AmbientCapabilities RestrictAddressFamilies ' +
    'RestrictNamespaces RestrictRealtime RestrictSUIDSGID RemoveIPC LockPersonality SystemCallArchitectures ' +
    'SystemCallFilter SystemCallErrorNumber LimitCORE LimitNOFILE',
  Install: 'WantedBy',
};

type Line = { readonly section: string; readonly key: string; readonly value: string };

function linesOf(unit: string): readonly Line[] {
  let section = '';
  return unit
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap((line) => {
      section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section;
      const at = line.indexOf('=');
      return line.startsWith('[') ? [] : [{ section, key: line.slice(0, at), value: line.slice(at + 1) }];
    });
}

const pairsOf = (lines: readonly string[]) =>
  lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);

/** All faults of the unit and of the command beside it, as sentences. */
export function unitFaults(files: Files, stopWithinSeconds: number): string[] {
  const faults: string[] = [];
  const lines = linesOf(files[UNIT] ?? '');
  const valuesOf = (key: string) => lines.filter((line) => line.key === key).map(({ value }) => value);
  const demand = (is: boolean, fault: string) => void (is || faults.push(`${UNIT}: ${fault}`));
  for (const { section, key } of lines)
    demand(DIRECTIVES[section]?.split(' ').includes(key) === true, `[${section}] has no ${key}`);
  for (const [key, value] of [
    ['ProtectSystem', 'strict'],
    ['ReadWritePaths', '/var/lib/mintd'],
    ['NoNewPrivileges', 'yes'],
    ['CapabilityBoundingSet', ''],
    ['StateDirectoryMode', '0700'],
  ])
    demand(valuesOf(key ?? '').includes(value ?? ''), `${key} is not ${value}`);
  demand(Number(valuesOf('TimeoutStopSec')[0]) > stopWithinSeconds, 'killed before it has stopped');
  demand(valuesOf('User')[0] !== 'root' && valuesOf('User').length === 1, 'runs as root');

  const credentials = valuesOf('LoadCredential').map((value) => `%d/${value.split(':')[0]}`);
  const settings = files['deploy/systemd/mintd.env'] ?? '';
  const common = pairsOf(settings.split('\n').filter((line) => line !== '' && !line.startsWith('#')));
  const own = Object.fromEntries([...pairsOf(valuesOf('Environment')), ...common]);
  faults.push(...settingFaults(own, new Set(credentials)).map((fault) => `${UNIT}: ${fault}`));

  const [, given = ''] = /^(NODE_ENV=.*)$/m.exec(files['deploy/systemd/mintd-command'] ?? '') ?? [];
  const command = Object.fromEntries([...pairsOf(given.split(' ')), ...common]);
  const secrets = new Set(valuesOf('LoadCredential').map((value) => value.split(':')[1] ?? ''));
  faults.push(...settingFaults(command, secrets).map((fault) => `mintd-command: ${fault}`));
  const { HOST: _host, PORT: _port, DATABASE_URL_FILE: _of, ...same } = own;
  for (const [name, value] of Object.entries(same))
    demand(command[name] === value, `${name} is not that of mintd-command`);
  return faults;
}

/** What systemd itself says of the unit; null where there is no systemd. */
export function systemdSays(files: Files, folder: string): string | null {
  const path = join(folder, 'mintd.service');
  // Node may be elsewhere on this machine.
  writeFileSync(path, (files[UNIT] ?? '').replace('/usr/bin/node', process.execPath));
  const { error, stdout, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
  return error === undefined ? `${stdout}${stderr}` : null;
}

/** All faults of the example for nginx, as sentences. */
export function nginxFaults(files: Files): string[] {
  const config = files['deploy/nginx/mintd.conf'] ?? '';
  const faults: string[] = [];
  const [, pattern = '$^'] = /location ~ (\S+) \{/.exec(config) ?? [];
  const prefixes = [...config.matchAll(/location (\/\S*) \{\s*proxy_pass/g)].map(([, prefix = '']) => prefix);
  const open = new RegExp(pattern);
  faults.push(...pathFaults((path) => open.test(path) || prefixes.some((prefix) => path.startsWith(prefix))));
  if (!config.includes('proxy_set_header X-Forwarded-For $remote_addr;')) faults.push('a client may claim any address');
  if (/\$(request|request_uri|args|query_string)\b/.test(config)) faults.push('what is asked for is logged');
  if (!/access_log \S+ mintd;/.test(config)) faults.push('what is asked for is logged, by default');
  if ((config.match(/[{]/g) ?? []).length !== (config.match(/[}]/g) ?? []).length) faults.push('a brace is missing');
  return faults.map((fault) => `nginx: ${fault}`);
}
