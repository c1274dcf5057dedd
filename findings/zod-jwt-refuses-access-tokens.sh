#!/bin/sh
# zod 4.6.7: z.jwt() refuses the access tokens of RFC 9068 and every other token that says of what type it is.
#
# Expected: z.jwt() takes any well-formed JSON Web Token. RFC 8725 (section 3.11) advises to give each kind of token a type
# of its own in the header member `typ`, and RFC 9068 gives access tokens `at+jwt`. jose, which makes and verifies the
# tokens here, and jsonwebtoken take all of these.
#
# What happens: zod looks into the header, and where there is a `typ` it must be exactly "JWT", in capitals. There is no
# option for another value; `alg` is the only one about the token. The same look stands behind the deprecated
# z.string().jwt().
#
# seen: typ           z.jwt()  jose      jsonwebtoken
# seen: none          ok       verified  verified
# seen: JWT           ok       verified  verified
# seen: jwt           refused  verified  verified
# seen: at+jwt        refused  verified  verified
# seen: logout+jwt    refused  verified  verified
# seen: dpop+jwt      refused  verified  verified
# seen: secevent+jwt  refused  verified  verified
#
# For those who build such services: a resource server, a gateway or a client that describes its token with z.jwt() works
# with an issuer of plain JWTs and refuses everything once the issuer follows RFC 9068. Describe a token as a string, and
# leave its form to the library that verifies it.
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
npm install --no-audit --no-fund zod@4.6.7 jose@6.2.18 jsonwebtoken@9.0.3 >install.log 2>&1 || cannot

cat >main.js <<'END'
import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import * as z from 'zod';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const row = (...cells) => console.log(cells.map((cell, at) => cell.padEnd([12, 7, 8, 0][at])).join('  '));
row('typ', 'z.jwt()', 'jose', 'jsonwebtoken');
for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'logout+jwt', 'dpop+jwt', 'secevent+jwt']) {
  const header = { alg: 'RS256', ...(typ && { typ }) };
  const token = await new SignJWT({ sub: 'somebody' }).setProtectedHeader(header).sign(privateKey);
  const forms = new Set([z.jwt(), z.string().jwt()].map((form) => (form.safeParse(token).success ? 'ok' : 'refused')));
  const byJose = await jwtVerify(token, publicKey).then(() => 'verified', ({ code }) => code);
  let byJsonwebtoken = 'verified';
  try {
    jsonwebtoken.verify(token, publicKey, { algorithms: ['RS256'] });
  } catch ({ message }) {
    byJsonwebtoken = message;
  }
  row(typ ?? 'none', [...forms].join('/'), byJose, byJsonwebtoken);
}
END
seen=$(node main.js) || exit 2
printf '%s\n' "$seen"
[ "$seen" = "$(sed -n 's/^# seen: //p' "$self")" ]
