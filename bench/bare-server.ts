// The floor: what a server costs that does nothing but this. It reads the form, signs and answers, checks nothing and stores
// nothing; and it answers every GET with the same bytes. A process of its own, started by bench/subjects.ts.
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/** What mintd answered, so that the same comes from here. */
export type Model = {
  readonly header: { readonly alg: string; readonly typ: string; readonly kid: string };
  readonly claims: JWTPayload;
  /** The answer but for its tokens. */
  readonly answer: Readonly<Record<string, unknown>>;
};
export type BareSettings = {
  /** For client_credentials, and for every other grant. */
  readonly client: Model;
  readonly user: Model;
  readonly get: { readonly headers: Readonly<Record<string, string>>; readonly body: string };
};

const REFRESH_TOKEN_BYTES = 48;
const LIFETIME_SECONDS = 600;
const JSON_HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  pragma: 'no-cache',
};

const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048 });

async function answerOf({ header, claims, answer }: Model): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  const payload = { ...claims, iat, exp: iat + LIFETIME_SECONDS, jti: randomUUID() };
  const signed = await new SignJWT(payload).setProtectedHeader(header).sign(privateKey);
  const refreshToken = `mrt_${randomBytes(REFRESH_TOKEN_BYTES).toString('base64url')}`;
  const more = 'sid' in claims ? { refresh_token: refreshToken } : {};
  return JSON.stringify({ access_token: signed, ...answer, ...more });
}

function send(response: ServerResponse, headers: Readonly<Record<string, string>>, body: string): void {
  response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

function listen({ client, user, get }: BareSettings): void {
  const server = createServer((request, response) => {
    if (request.method === 'GET') return send(response, get.headers, get.body);
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', async () => {
      const isClient = new URLSearchParams(text).get('grant_type') === 'client_credentials';
      send(response, JSON_HEADERS, await answerOf(isClient ? client : user));
    });
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

process.once('message', listen);
process.on('disconnect', () => process.exit());
