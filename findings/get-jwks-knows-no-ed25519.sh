#!/bin/sh
# get-jwks 11.0.3 between fast-jwt 6.3.6 and an issuer: the key of an Ed25519 signature is found and then not given out.
#
# Expected: fast-jwt verifies EdDSA, Node reads the key, and get-jwks names fast-jwt as what its getPublicKey is for; so
# the three of them verify an EdDSA token as they verify an RS256 one.
#
# What happens: getPublicKey finds the key by its kid and fails while it makes a PEM of it, because jwk-to-pem, which it
# does that with, knows the key types RSA and EC and not OKP. getJwk of the same package returns the key, and Node makes
# of it what fast-jwt takes. jwks-rsa 4.1.0, in spite of its name, gives the Ed25519 key out.
#
# seen: RS256  get-jwks getPublicKey: verified
# seen: ES256  get-jwks getPublicKey: verified
# seen: EdDSA  get-jwks getPublicKey: Unsupported key type "OKP"
# seen: EdDSA  get-jwks getJwk and createPublicKey: verified
# seen: EdDSA  jwks-rsa: verified
#
# For those who build such services: when an issuer changes from RS256 to EdDSA, for smaller tokens and faster signatures,
# a resource server that gets its keys this way refuses every new token, although its verifier knows EdDSA and has been
# told to take it. Such a server takes getJwk and createPublicKey; an issuer asks its resource servers before it changes.
set -u
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' HUP INT TERM
cannot() {
  cat "$dir/install.log" >&2
  exit 2
}
cd "$dir" || exit 2
echo '{"private":true,"type":"module"}' >package.json
npm install --no-audit --no-fund get-jwks@11.0.3 fast-jwt@6.3.6 jwks-rsa@4.1.0 jose@6.2.18 >install.log 2>&1 || cannot

cat >main.js <<'END'
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createVerifier } from 'fast-jwt';
import buildGetJwks from 'get-jwks';
import { SignJWT } from 'jose';
import jwksRsa from 'jwks-rsa';

const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
};
const keys = Object.entries(pairs).map(([alg, { publicKey }]) => {
  return { ...publicKey.export({ format: 'jwk' }), kid: `${alg}-1`, alg, use: 'sig' };
});
const issuer = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys }));
});
issuer.listen(0, '127.0.0.1');
await once(issuer, 'listening');
const domain = `http://127.0.0.1:${issuer.address().port}`;

// Each makes something that finds the key for a header.
const ways = {
  'get-jwks getPublicKey': () => {
    const jwks = buildGetJwks({ jwksPath: '/keys' });
    return ({ kid, alg }) => jwks.getPublicKey({ domain, kid, alg });
  },
  'get-jwks getJwk and createPublicKey': () => {
    const jwks = buildGetJwks({ jwksPath: '/keys' });
    return async ({ kid, alg }) => {
      const key = await jwks.getJwk({ domain, kid, alg });
      return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    };
  },
  'jwks-rsa': () => {
    const client = jwksRsa({ jwksUri: `${domain}/keys` });
    return async ({ kid }) => (await client.getSigningKey(kid)).getPublicKey();
  },
};

async function see(alg, way) {
  const findKey = ways[way]();
  const verify = createVerifier({ key: ({ header }) => findKey(header), algorithms: [alg] });
  const header = { alg, kid: `${alg}-1` };
  const token = await new SignJWT({ sub: 'somebody' }).setProtectedHeader(header).sign(pairs[alg].privateKey);
  const result = await verify(token).then(() => 'verified', (error) => (error.originalError ?? error).message);
  console.log(`${alg}  ${way}: ${result}`);
}
for (const alg of ['RS256', 'ES256', 'EdDSA']) await see(alg, 'get-jwks getPublicKey');
await see('EdDSA', 'get-jwks getJwk and createPublicKey');
await see('EdDSA', 'jwks-rsa');
issuer.close();
issuer.closeAllConnections();
END
seen=$(node main.js) || exit 2
printf '%s\n' "$seen"
[ "$seen" = "$(sed -n 's/^# seen: //p' "$self")" ]
