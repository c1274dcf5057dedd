import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import t from 'tap';
import { listen, listenFault } from '../src/listen.js';

const NO_NAME =
  /^HOST=mymachine\.invalid: (no address is known for this name|the name servers do not answer) \(E\w+\)\./;

t.test('a HOST that cannot be used is named with its value and the way out, in one line', async (t) => {
  const rows: readonly (readonly [host: string, fault: RegExp])[] = [
    ['mymachine.invalid', NO_NAME],
    ['192.0.2.1', /^HOST=192\.0\.2\.1: this machine has no such address; HOST=0\.0\.0\.0 takes all addresses/],
    ['localhost:4000', /^HOST=localhost:4000: (no address|the name servers)/],
    ['local\nhost ', /^HOST="local\\nhost ": (no address|the name servers)/],
  ];
  for (const [HOST, fault] of rows) {
    const app = Fastify();
    await t.rejects(listen(app, { HOST, PORT: 0 }), { message: fault }, JSON.stringify(HOST));
    await t.rejects(listen(app, { HOST, PORT: 0 }), { message: /^[^\n]*HOST=127\.0\.0\.1[^\n]*$/ });
    await app.close();
  }
});

t.test('each error of the system names the variable that it is about', async (t) => {
  const rows: readonly (readonly [code: string, syscall: string, host: string, port: number, fault: RegExp | null])[] =
    [
      [
        'ENOTFOUND',
        'getaddrinfo',
        'mymachine',
        4000,
        /^HOST=mymachine: no address is known for this name \(ENOTFOUND\)/,
      ],
      ['EAI_AGAIN', 'getaddrinfo', 'mymachine', 4000, /^HOST=mymachine: the name servers do not answer \(EAI_AGAIN\)/],
      ['EINVAL', 'getaddrinfo', 'x', 4000, /^HOST=x: no address is known for this name \(EINVAL\)/],
      ['EADDRNOTAVAIL', 'listen', '10.1.2.3', 4000, /^HOST=10\.1\.2\.3: this machine has no such address/],
      ['EINVAL', 'listen', 'fe80::1', 4000, /^HOST=fe80::1: this machine cannot listen on such an address \(EINVAL\)/],
      [
        'EAFNOSUPPORT',
        'listen',
        '::',
        4000,
        /^HOST=::: this machine cannot listen on such an address \(EAFNOSUPPORT\)/,
      ],
      ['EADDRINUSE', 'listen', '127.0.0.1', 4000, /^something else listens on 127\.0\.0\.1:4000 already: set PORT/],
      ['EACCES', 'listen', '0.0.0.0', 443, /^PORT=443: this process may not listen on ports below 1024; set PORT to/],
      ['EACCES', 'listen', '0.0.0.0', 5000, /^PORT=5000: this process may not listen on it \(EACCES\); set PORT to/],
      ['EMFILE', 'listen', '0.0.0.0', 4000, null],
    ];
  for (const [code, syscall, HOST, PORT, fault] of rows) {
    const said = listenFault(Object.assign(new Error(code), { code, syscall }), { HOST, PORT });
    if (fault === null) t.equal(said, null, code);
    else t.match(said, fault, `${code} ${syscall}`);
  }
  t.equal(listenFault(new Error('of another kind'), { HOST: 'localhost', PORT: 1 }), null);
});

/** The lowest port that the system lets any process listen on; 0 where that cannot be told. */
function lowestFreePort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  } catch {
    return 0;
  }
}

t.test(
  'a PORT that takes a privilege is named',
  { skip: lowestFreePort() <= 80 && 'every port is free here' },
  async (t) => {
    const app = Fastify();
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      await t.rejects(listen(app, { HOST: '127.0.0.1', PORT: 80 }), { message: /^PORT=80: .* below 1024; set PORT/ });
    } finally {
      if (isRoot) process.seteuid?.(0);
      await app.close();
    }
  },
);
