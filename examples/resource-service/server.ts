// A service that is protected by tokens of mintd and never asks mintd about one: it knows the issuer's address, fetches
// the key set once in a while, and verifies by itself. Nothing in here is mintd's: any service can be written like this.
//
//   ISSUER=http://localhost:4000 AUDIENCE=http://localhost:4000 PORT=5000 npx tsx examples/resource-service/server.ts
//
// With ALLOWED_ORIGIN, pages of that origin may call it from a browser.
import Fastify from 'fastify';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';

const { ISSUER, AUDIENCE, PORT = '5000', ALLOWED_ORIGIN } = process.env;
if (ISSUER === undefined || AUDIENCE === undefined) throw new Error('set ISSUER and AUDIENCE');

/** Where the keys are, from the issuer's metadata (RFC 8414 §3). */
async function discoverKeySet(issuer: string): Promise<URL> {
  const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/oauth-authorization-server`);
  const metadata = (await answer.json()) as { issuer?: string; jwks_uri?: string };
  if (metadata.issuer !== issuer || metadata.jwks_uri === undefined) throw new Error(`${issuer} is not that issuer`);
  return new URL(metadata.jwks_uri);
}

const keySet = createRemoteJWKSet(await discoverKeySet(ISSUER));

/** The checks of RFC 9068 §4: type, algorithm, signature, issuer, audience, expiry. */
async function verify(token: string): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, keySet, {
    typ: 'at+jwt',
    algorithms: ['RS256'],
    issuer: ISSUER ?? '',
    audience: AUDIENCE ?? '',
    requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti'],
  });
  return payload;
}

const app = Fastify();

// The Fetch standard's CORS protocol. The token comes in a header, not in a cookie, so no credentials are allowed.
if (ALLOWED_ORIGIN !== undefined) {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('vary', 'Origin');
    if (request.headers.origin === ALLOWED_ORIGIN) reply.header('access-control-allow-origin', ALLOWED_ORIGIN);
  });
  app.options('/whoami', async (_request, reply) =>
    reply
      .code(204)
      .headers({ 'access-control-allow-headers': 'authorization', 'access-control-max-age': '600' })
      .send(),
  );
}

app.get('/whoami', async (request, reply) => {
  const token = /^Bearer +([\w.-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  // RFC 6750 §3.1: without credentials there is no error code.
  if (token === undefined) return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'no token' });
  try {
    const { sub, username, roles, scope } = await verify(token);
    return { sub, username, roles, scope };
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    reply.code(401).header('www-authenticate', 'Bearer error="invalid_token"');
    return { error: 'invalid_token', reason: error.code };
  }
});

console.log(await app.listen({ host: '127.0.0.1', port: Number(PORT) }));
