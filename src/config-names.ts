import leven from 'leven';

/** A variable of another program, and the setting of mintd that its name resembles. */
export type IgnoredVariable = { readonly name: string; readonly setting: string };

/** The variables that are no settings of mintd and look like some. */
export type LookAlikes = {
  /** A sentence about each that stops the start. */
  readonly faults: readonly string[];
  /** Those that belong to other programs. */
  readonly ignored: readonly IgnoredVariable[];
};

const ADDRESS = /^[0-9A-Fa-f.:]+$/;
const NUMBER = /^\d+$/;

/**
 * What Kubernetes puts into the environment of every pod beside a service called `mintd` or `mintd-…`: names, and what
 * is in each. The value counts as well, for a person who writes `MINTD_PORT=8080` means PORT.
 */
const SERVICE_LINKS: readonly (readonly [name: RegExp, value: RegExp])[] = [
  [/^MINTD_(\w+_)?SERVICE_HOST$/, ADDRESS],
  [/^MINTD_(\w+_)?SERVICE_PORT(_\w+)?$/, NUMBER],
  [/^MINTD_(\w+_)?PORT(_\d+_(TCP|UDP|SCTP))?$/, /^(tcp|udp|sctp):\/\/./],
  [/^MINTD_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, /^(tcp|udp|sctp)$/],
  [/^MINTD_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_PORT$/, NUMBER],
  [/^MINTD_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_ADDR$/, ADDRESS],
];

/**
 * Tells misspelt settings from variables of other programs. A misspelt setting must not be ignored in silence, so a
 * look-alike stops the start, with two exceptions: the setting that it resembles is set itself, if only to nothing; or
 * it is one of Kubernetes. What begins with `MINTD_` is always meant for mintd.
 *
 * @param settings the names that mintd knows
 * @param secrets those of them that may also be given as `NAME_FILE`
 */
export function findLookAlikes(
  environment: Readonly<Record<string, string | undefined>>,
  settings: readonly string[],
  secrets: readonly string[],
): LookAlikes {
  const known = [...settings, ...secrets.map((name) => `${name}_FILE`)];
  const faults: string[] = [];
  const ignored: IgnoredVariable[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || known.includes(name) || isServiceLink(name, value)) continue;
    const bare = name.replace(/^MINTD_/, '');
    const near = known.find((one) => one === bare || resembles(one, bare));
    if (bare !== name) {
      faults.push(
        `${name} is not known; ${near === undefined ? 'see docs/configuration.md' : `did you mean ${near}?`}`,
      );
    } else if (near !== undefined) {
      const given = waysToSet(near, secrets).find((one) => environment[one] !== undefined);
      if (given === undefined) faults.push(misspelt(name, near));
      else ignored.push({ name, setting: given });
    }
  }
  return { faults, ignored };
}

function misspelt(name: string, near: string): string {
  return (
    `${name} is not known; did you mean ${near}? Rename it; ` +
    `or, if it belongs to another program, set ${near} too (${near}= keeps its default)`
  );
}

/** Two letters may differ, in shorter names one. HOST and PORT resemble too many ordinary names (POST, HOSTS, PORTS). */
function resembles(known: string, name: string): boolean {
  return known.length > 4 && leven(known, name) <= (known.length > 6 ? 2 : 1);
}

/** A secret that comes from a file is set as well. */
function waysToSet(name: string, secrets: readonly string[]): readonly string[] {
  const setting = secrets.find((one) => one === name || `${one}_FILE` === name);
  return setting === undefined ? [name] : [setting, `${setting}_FILE`];
}

function isServiceLink(name: string, value: string): boolean {
  return SERVICE_LINKS.some(([names, values]) => names.test(name) && values.test(value));
}
