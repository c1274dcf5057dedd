/** A token server to be measured: where it is, and who may ask it for what. */
export type Target = {
  /** For example `http://127.0.0.1:4000`; paths are added to it. */
  readonly baseUrl: string;
  readonly tokenPath: string;
  readonly jwksPath: string;
  readonly revokePath?: string;
  readonly introspectPath?: string;
  /** How the client authenticates (RFC 6749 §2.3.1), if it does. */
  readonly auth: 'basic' | 'none';
  readonly clientId: string;
  readonly clientSecret?: string;
  /** `{n}` in it is the number of the visitor, modulo `userCount`. */
  readonly username: string;
  readonly userCount: number;
  readonly password: string;
  /** Asked for in each login; left out: the client's default. */
  readonly scope?: string;
  /** Who asks for client_credentials, with client_secret_basic; left out: the client. */
  readonly clientCredentials?: { readonly clientId: string; readonly clientSecret: string };
};

/** client_secret_basic (RFC 6749 §2.3.1). */
export function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
}

/** A form of the client at one of the paths, with its credentials. */
export function clientForm({ auth, clientId, clientSecret = '' }: Target, form: Readonly<Record<string, string>>) {
  if (auth === 'basic') return { form, authorization: basic(clientId, clientSecret) };
  return { form: { ...form, client_id: clientId }, authorization: undefined };
}
