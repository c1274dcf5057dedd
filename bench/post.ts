import { type Agent, request } from 'node:http';

/** An answer of the token endpoint, and how long it took in milliseconds. */
export type Answered = {
  readonly status: number;
  readonly ms: number;
  readonly retryAfter: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
};

/** POST /token with a form. */
export function postToken(agent: Agent, url: string, form: Readonly<Record<string, string>>): Promise<Answered> {
  const body = new URLSearchParams({ client_id: 'bench', ...form }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length };
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/token`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const { statusCode = 0, headers: got } = response;
        const ms = performance.now() - from;
        resolve({ status: statusCode, ms, retryAfter: got['retry-after'], body: JSON.parse(text) });
      });
    });
    sent.on('error', reject).end(body);
  });
}
