// node-oidc-provider as an issuer of tokens for passwords: it has no password grant of its own, so one is registered, with what
// its documentation says for that. Tokens and users are in SQLite. The drivers are mintd's own, so that both have the same.
import { createRequire } from 'node:module';
import { exportJWK, generateKeyPair } from 'jose';
import { errors, Provider } from 'oidc-provider';

const require = createRequire(`${process.env.MINTD}/package.json`);
const bcrypt = require('bcrypt');
const SqliteConnection = require('better-sqlite3');

const COST = 10;
const USERS = 32;
const RESOURCE = 'https://api.example.com';
const DAY_SECONDS = 86_400;
const apiServer = {
  scope: 'api',
  accessTokenFormat: 'jwt',
  accessTokenTTL: 600,
  jwt: { sign: { alg: 'RS256' } },
};

const connection = new SqliteConnection(process.env.DATABASE);
connection.pragma('journal_mode = WAL');
connection.pragma('synchronous = NORMAL');
connection.exec(`
  CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, password_hash TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL, grant_id TEXT, uid TEXT, user_code TEXT,
    consumed_at INTEGER, expires_at INTEGER, PRIMARY KEY (kind, id)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS records_by_grant ON records (grant_id) WHERE grant_id IS NOT NULL;`);

const addUser = connection.prepare('INSERT OR REPLACE INTO users VALUES (?, ?)');
const passwordHash = bcrypt.hashSync('correct horse battery', COST);
for (let i = 0; i < USERS; i++) addUser.run(`user${i}`, passwordHash);
const hashOf = connection.prepare('SELECT password_hash FROM users WHERE name = ?').pluck();

const put = connection.prepare(`
  INSERT INTO records (kind, id, content, grant_id, uid, user_code, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (kind, id) DO UPDATE SET content = excluded.content, expires_at = excluded.expires_at`);
const byColumn = (column) =>
  connection.prepare(`SELECT content, consumed_at, expires_at FROM records WHERE kind = ? AND ${column} = ?`);
const [byId, byUid, byUserCode] = ['id', 'uid', 'user_code'].map(byColumn);
const remove = connection.prepare('DELETE FROM records WHERE kind = ? AND id = ?');
const removeGrant = connection.prepare('DELETE FROM records WHERE kind = ? AND grant_id = ?');
const consume = connection.prepare('UPDATE records SET consumed_at = ? WHERE kind = ? AND id = ?');

const nowSeconds = () => Math.floor(Date.now() / 1000);

function contentOf(row) {
  if (row === undefined || (row.expires_at !== null && row.expires_at < nowSeconds())) return undefined;
  const content = JSON.parse(row.content);
  return row.consumed_at === null ? content : { ...content, consumed: row.consumed_at };
}

/** What it asks of a database. */
class Adapter {
  constructor(kind) {
    this.kind = kind;
  }
  async upsert(id, content, lifetimeSeconds) {
    const expiresAt = lifetimeSeconds ? nowSeconds() + lifetimeSeconds : null;
    const { grantId = null, uid = null, userCode = null } = content;
    put.run(this.kind, id, JSON.stringify(content), grantId, uid, userCode, expiresAt);
  }
  async find(id) {
    return contentOf(byId.get(this.kind, id));
  }
  async findByUid(uid) {
    return contentOf(byUid.get(this.kind, uid));
  }
  async findByUserCode(userCode) {
    return contentOf(byUserCode.get(this.kind, userCode));
  }
  async destroy(id) {
    remove.run(this.kind, id);
  }
  async consume(id) {
    consume.run(nowSeconds(), this.kind, id);
  }
  async revokeByGrantId(grantId) {
    removeGrant.run(this.kind, grantId);
  }
}

const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
const provider = new Provider(`http://127.0.0.1:${process.env.PORT}`, {
  adapter: Adapter,
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'only' }] },
  clients: [
    {
      client_id: 'app',
      client_secret: 'a-secret-of-nobody-but-the-measurements',
      grant_types: ['password', 'refresh_token', 'client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: 'offline_access api',
    },
  ],
  scopes: ['offline_access', 'api'],
  rotateRefreshToken: true,
  findAccount: (_context, name) =>
    hashOf.get(name) === undefined ? undefined : { accountId: name, claims: () => ({ sub: name }) },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => apiServer,
    },
  },
  ttl: { AccessToken: 600, ClientCredentials: 600, RefreshToken: 14 * DAY_SECONDS, Grant: 14 * DAY_SECONDS },
  cookies: { keys: ['only'] },
});

provider.registerGrantType(
  'password',
  async (context) => {
    const { client, params } = context.oidc;
    const hash = hashOf.get(params.username);
    const matches = await bcrypt.compare(params.password ?? '', hash ?? passwordHash);
    if (hash === undefined || !matches) throw new errors.InvalidGrant('wrong name or password');
    const grant = new provider.Grant({ accountId: params.username, clientId: client.clientId });
    grant.addOIDCScope('offline_access');
    grant.addResourceScope(RESOURCE, 'api');
    const grantId = await grant.save();
    const login = { accountId: params.username, client, grantId, gty: 'password' };
    const accessToken = new provider.AccessToken({ ...login, scope: 'api' });
    accessToken.resourceServer = new provider.ResourceServer(RESOURCE, apiServer);
    const refreshToken = new provider.RefreshToken({ ...login, scope: 'offline_access api', resource: RESOURCE });
    context.oidc.entity('Grant', grant);
    context.oidc.entity('AccessToken', accessToken);
    context.body = {
      access_token: await accessToken.save(),
      expires_in: accessToken.expiration,
      token_type: 'Bearer',
      refresh_token: await refreshToken.save(),
      scope: 'api',
    };
  },
  ['username', 'password', 'scope'],
);
provider.on('server_error', (_context, error) => console.error(error));
provider.listen(Number(process.env.PORT), '127.0.0.1');
