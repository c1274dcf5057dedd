import { Prisma } from './generated/sqlite/client.js';

/** SQL, true while the user of a family lives and has not had all logins ended since this one began. */
export const USER_LIVES = Prisma.sql`(users.disabled_at IS NULL AND users.login_epoch = families.login_epoch)`;

/** The same of its client. */
export const CLIENT_LIVES = Prisma.sql`(clients.disabled_at IS NULL AND clients.login_epoch = families.client_epoch)`;
