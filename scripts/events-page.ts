import { MEMBERS } from '../src/oauth/event-members.js';
import { EVENTS, type EventName, type EventOrigin, membersOf } from '../src/oauth/events.js';

const SECTIONS: readonly (readonly [origin: EventOrigin, title: string, text: string])[] = [
  ['request', 'What people and clients do', ''],
  [
    'change',
    'What administrators do',
    'Over HTTP the line is in the log of the server, with `by` and `address` besides; a command writes it to `AUDIT_FILE`, with `by`.',
  ],
  ['command', 'What only commands do', 'In `AUDIT_FILE`, with `by` besides.'],
  ['server', 'What the server does', ''],
];

/** docs/events.md, from the table of events. */
export function eventsPage(): string {
  return `# Events

<!-- Written by \`npm run docs\` from src/oauth/events.ts. -->

\`mintd serve\` writes one JSON object a line to stdout (in development a terminal shows the same as text). Besides the members below each line has \`level\` (20 debug, 30 info, 40
warn, 50 error, 60 fatal), \`time\` (RFC 3339, UTC), \`msg\`, and where it belongs to a request \`requestId\`.
A test does each of these things and fails when a line has a member more or less than here. \`msg\` is a sentence for people, made of
these members; programs go by \`event\` and \`reason\`, because a sentence may change with any release.

\`\`\`json
{"level":30,"time":"2026-01-01T09:00:00.000Z","requestId":"5c1f…","event":"login","clientId":"web","userId":"1f0e…","sid":"3f0c…","jti":"9b1d…","grantType":"password","address":"203.0.113.7","msg":"user 1f0e… logged in at client web"}
\`\`\`

**Commands** run in processes of their own. With [\`AUDIT_FILE\`](configuration.md) each one that changes something adds a line there:

\`\`\`json
{"time":"2026-01-01T09:05:00.000Z","event":"user_added","by":{"command":"users add","os_user":"ops"},"targetUserId":"5c1a…","roles":["audit"]}
\`\`\`

The file is made with mode 0600 and only ever added to. It is opened before anything is done, and a command that cannot open it
does nothing. If the line cannot be written after all, the command says so and fails, though the change was made. Whoever may
change the database may also leave mintd out: send these lines somewhere else at once. \`mintd migrate\` changes the schema and
writes no line.

## What is never in a line

A password, secret, token, assertion, cookie, hash or header; a URL of a request; the name of a user, or any other text that was
sent, with two exceptions: a refused \`scope\` and a refused \`audience\` are named, so that one sees what a client lacks. They are named
only where their syntax is right, without whatever is longer than 40 characters (each credential that mintd makes is longer), and of an
audience that is a URL the query is left out.
People are their \`userId\`, which \`mintd users show\` finds. What administrators choose (roles, client ids) is there as JSON
strings, in which no line break and no quote can stand as it is: nobody can write a line of their own. \`err\` has the text of
errors of the database and the file system: no values of what was sent, but names of tables, paths and hosts.

## What to raise an alarm for

| when | because |
|---|---|
| any \`reuse\` | somebody else had a copy of a refresh token, or a client keeps old ones; the login has ended |
| any \`refused\` with \`client_assertion_replayed\` | a signed assertion was sent twice: copied on its way, or a client that does not make a new one each time |
| \`refused\` with \`client_secret_wrong\` or \`client_assertion_signature_wrong\`, more than a few for one \`clientId\` | somebody guesses, or a service was left behind by a change of its secret |
| \`login_failed\` above what is usual, in all or for one \`address\` | passwords are tried out |
| \`login_failed\` with \`login_blocked\` | a limit was reached: \`limit\` says whether that of one name or of one address |
| \`login_failed\` with \`current_password_wrong\` | who guesses here has an access token already |
| \`refused\` with \`admin_role_missing\` or \`admin_scope_missing\` | somebody tries the administration without being allowed |
| \`user_added\`, \`user_changed\` with the role \`mintd.admin\`; \`client_added\`, \`client_changed\` with the scope \`mintd.admin\`; \`users_imported\` with \`administrators\`; any change at an hour when nobody works | an administrator was made |
| any \`key_ring_fault\`, \`key_rotation_refused\`, \`key_upkeep_failed\`, \`signing_unavailable\` | an hour after a fault of the ring nothing is signed any more |
| \`key_rotated\` with \`"forced":true\`, any \`key_revoked\`, \`key_imported\`, \`keys_copied\` | nobody does that on an ordinary day |
| \`clock_jumped\`, \`database_unavailable\`, \`failure\`, \`crash\` | as with every server |

## Members

| member | |
|---|---|
${Object.entries(MEMBERS)
  .map(([name, says]) => `| \`${name}\` | ${says} |`)
  .join('\n')}

${SECTIONS.map(section).join('\n\n')}
`;
}

function section([origin, title, text]: (typeof SECTIONS)[number]): string {
  const rows = (Object.keys(EVENTS) as EventName[]).flatMap((event) => {
    const line = membersOf(event, origin);
    if (line === null) return [];
    const { level, says } = EVENTS[event];
    const list = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(' ');
    return [`| \`${event}\` | ${level} | ${says} | ${list(line.always)} | ${list(line.sometimes)} |`];
  });
  const head = ['| event | level | | members | sometimes |', '|---|---|---|---|---|'];
  return [`## ${title}`, '', ...(text === '' ? [] : [text, '']), ...head, ...rows].join('\n');
}
