// Services that check access tokens by the published keys alone, as people build them: what others wrote, in its default
// settings. Each fetches its keys from the server it is told.
import fastifyJwt from '@fastify/jwt';
import { createVerifier, type DecodedJwt } from 'fast-jwt';
import Fastify, { type FastifyRequest } from 'fastify';
import buildGetJwks from 'get-jwks';
import { createLocalJWKSet, createRemoteJWKSet, type JWTVerifyGetKey, jwtVerify } from 'jose';
import jsonwebtoken, { type SigningKeyCallback } from 'jsonwebtoken';
import jwksRsa from 'jwks-rsa';
import type { Test } from 'tap';
import { jwksOf, jwksUrl } from './rotation-jwks.js';

/** Checks access tokens: resolves for a good one, rejects for any other. */
export type Verifier = { readonly name: string; verify(token: string): Promise<unknown> };

/** What every server here calls itself, and what its tokens are for. */
export const ISSUER = 'http://localhost';

/** Holds a token against keys and our names with jose. */
export function verifyWith(token: string, keys: JWTVerifyGetKey): Promise<unknown> {
  return jwtVerify(token, keys, { issuer: ISSUER, audience: ISSUER, typ: 'at+jwt' });
}

/** All of them but PyJWT, in their default settings, with the keys of one server. */
export async function verifiersOf(t: Test, origin: string): Promise<readonly Verifier[]> {
  return [
    joseRemote(origin),
    jwksRsaWithJsonwebtoken(origin),
    fastJwt(origin),
    await fastify(t, origin),
    fresh(origin),
  ];
}

/** jose, which keeps what it got for 10 minutes, and asks again for an unknown kid after 30 seconds; or as told. */
export function joseRemote(origin: string, keepSeconds: number | null = null): Verifier {
  const keepMs = (keepSeconds ?? 0) * 1000;
  const options = keepSeconds === null ? {} : { cacheMaxAge: keepMs, cooldownDuration: keepMs };
  const keys = createRemoteJWKSet(new URL(jwksUrl(origin)), options);
  const name = keepSeconds === null ? 'jose' : `jose (${keepSeconds} s)`;
  return { name, verify: (token) => verifyWith(token, keys) };
}

function jwksRsaWithJsonwebtoken(origin: string): Verifier {
  const client = jwksRsa({ jwksUri: jwksUrl(origin) });
  const getKey = ({ kid }: { kid?: string | undefined }, callback: SigningKeyCallback) => {
    client.getSigningKey(kid).then((key) => callback(null, key.getPublicKey()), callback);
  };
  const verify = (token: string) =>
    new Promise((resolve, reject) => {
      jsonwebtoken.verify(token, getKey, { issuer: ISSUER, audience: ISSUER }, (error, claims) => {
        if (error === null) resolve(claims);
        else reject(error);
      });
    });
  return { name: 'jwks-rsa, jsonwebtoken', verify };
}

function fastJwt(origin: string): Verifier {
  const getJwks = buildGetJwks({ issuersWhitelist: [origin] });
  const verify = createVerifier({
    key: ({ header }: DecodedJwt) => getJwks.getPublicKey({ domain: origin, kid: header['kid'], alg: header['alg'] }),
    allowedIss: ISSUER,
    allowedAud: ISSUER,
  });
  return { name: 'get-jwks, fast-jwt', verify };
}

/** A whole service, which is asked with a bearer token. */
async function fastify(t: Test, origin: string): Promise<Verifier> {
  const service = Fastify();
  t.teardown(() => service.close());
  const getJwks = buildGetJwks({ issuersWhitelist: [origin] });
  await service.register(fastifyJwt, {
    decode: { complete: true },
    secret: (_request: FastifyRequest, { header }: fastifyJwt.TokenOrHeader) =>
      getJwks.getPublicKey({ domain: origin, kid: header['kid'], alg: header['alg'] }),
    verify: { allowedIss: ISSUER, allowedAud: ISSUER },
  });
  service.addHook('onRequest', (request) => request.jwtVerify());
  service.get('/', async () => ({}));
  const url = await service.listen({ host: '127.0.0.1', port: 0 });
  const verify = async (token: string) => {
    const reply = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const answer = await reply.text();
    if (!reply.ok) throw new Error(`${reply.status} ${answer}`);
  };
  return { name: '@fastify/jwt, get-jwks', verify };
}

/** One that has just been started, each time: it knows what is published now and nothing of before. */
function fresh(origin: string): Verifier {
  return {
    name: 'just started',
    verify: async (token) => verifyWith(token, createLocalJWKSet((await jwksOf(origin)).keys)),
  };
}
