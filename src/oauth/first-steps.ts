import { PATHS } from './metadata.js';

/** The client and the user that the first start in development makes are both called this. */
export const DEMO = 'demo';

/** Where a path is found from outside: an issuer may have a path of its own, and may end with a slash. */
export function addressOfPath(issuer: string, path: string): string {
  return issuer.replace(/\/$/, '') + path;
}

/** A command that gets a token for the demo user. */
export function tokenCommand(issuer: string, password: string): string {
  const url = addressOfPath(issuer, PATHS.token);
  return `curl -s ${url} -d grant_type=password -d client_id=${DEMO} -d username=${DEMO} -d password=${password}`;
}

/**
 * What a person may want to do next.
 *
 * @param mintd how its commands are typed here: `mintd` or `npx mintd`
 */
export function nextCommands(mintd: string): readonly { readonly line: string; readonly label: string }[] {
  return [
    { line: `${mintd} users add ada`, label: 'Your own user' },
    {
      line: `${mintd} clients add web --kind public --grant password --grant refresh_token --scope read --default-scope read`,
      label: 'Your own client',
    },
    { line: `${mintd} keys list`, label: 'Signing keys' },
  ];
}
