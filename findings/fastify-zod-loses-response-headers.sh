#!/bin/sh
# fastify-type-provider-zod 7.0.0 between zod 4.6.7 and @fastify/swagger 9.9.3: a response that is described by content
# type loses its headers on the way into the OpenAPI document.
#
# Expected: a response with `description`, `headers` and `content` comes out with all three. That is what the object is in
# OpenAPI, the type provider says that its per-content-type responses have that form, and @fastify/swagger writes all
# three where the schema is JSON Schema.
#
# What happens: jsonSchemaTransform builds the response anew of `description` and the `schema` of each content type.
# `headers` is not copied, nor are the examples of a content type; nothing is said of it. A response that is one zod
# schema, for JSON alone, can carry headers in its .meta(), and they come out.
#
# seen: JSON Schema, by content type: description, headers (www-authenticate), content (schema, example)
# seen: zod, by content type: description, content (schema)
# seen: zod, with .meta(): description, headers (www-authenticate), content (schema)
#
# For those who build such services: what OAuth promises is partly in headers, such as WWW-Authenticate with a 401,
# Cache-Control with a token, Retry-After with a 429, Location with a redirect. A document made this way does not speak of
# them, and a client generated from it does not read them. Put them into .meta(), or add them to the finished document.
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
npm install --no-audit --no-fund \
  fastify@5.12.8 @fastify/swagger@9.9.3 fastify-type-provider-zod@7.0.0 zod@4.6.7 >install.log 2>&1 || cannot

cat >main.js <<'END'
import swagger from '@fastify/swagger';
import Fastify from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import * as z from 'zod';

const openapi = { openapi: '3.1.0', info: { title: 'a resource', version: '1.0.0' } };
const description = 'No token, or one that is no good';
const headers = { 'www-authenticate': { type: 'string', description: 'What is wrong with it' } };
const example = { error: 'invalid_token' };

/** What the document says of the response with status 401. */
async function see(what, response, options, prepare = () => undefined) {
  const app = Fastify();
  prepare(app);
  await app.register(swagger, { openapi, ...options });
  app.get('/me', { schema: { response: { 401: response } } }, async () => ({}));
  await app.ready();
  const said = app.swagger().paths['/me'].get.responses[401];
  const parts = Object.entries(said).map(([name, part]) => {
    if (name === 'description') return name;
    return `${name} (${Object.keys(name === 'content' ? part['application/json'] : part).join(', ')})`;
  });
  console.log(`${what}: ${parts.join(', ')}`);
  await app.close();
}
const withZod = (app) => app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler);
const transformed = { transform: jsonSchemaTransform };
const byContentType = (schema) => ({ description, headers, content: { 'application/json': { schema, example } } });

const jsonSchema = { type: 'object', properties: { error: { type: 'string' } } };
const schema = z.object({ error: z.string() });
await see('JSON Schema, by content type', byContentType(jsonSchema), {});
await see('zod, by content type', byContentType(schema), transformed, withZod);
await see('zod, with .meta()', schema.meta({ description, headers }), transformed, withZod);
END
seen=$(node main.js) || exit 2
printf '%s\n' "$seen"
[ "$seen" = "$(sed -n 's/^# seen: //p' "$self")" ]
