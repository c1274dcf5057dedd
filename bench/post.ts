import { type Connection, formRequest, openConnection } from './connection.js';

/** An answer of the token endpoint, and how long it took in milliseconds. */
export type Answered = {
  readonly status: number;
  readonly ms: number;
  readonly retryAfter: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
};

/** Posts forms of the client `bench` to the token endpoint, over as many connections as there are forms on their way. */
export type Poster = { post(form: Readonly<Record<string, string>>): Promise<Answered>; close(): void };

export function openPoster(url: string): Poster {
  const all: Connection[] = [];
  const idle: Connection[] = [];
  const another = () => {
    const connection = openConnection(url);
    all.push(connection);
    return connection;
  };
  return {
    async post(form) {
      const connection = idle.pop() ?? another();
      const answer = await connection.send(formRequest(`${url}/token`, { client_id: 'bench', ...form }));
      idle.push(connection);
      const retryAfter = /\r\nretry-after: *([^\r]+)/i.exec(answer.head)?.[1];
      return { status: answer.status, ms: answer.ms, retryAfter, body: JSON.parse(answer.body) };
    },
    close() {
      for (const connection of all) connection.close();
    },
  };
}
