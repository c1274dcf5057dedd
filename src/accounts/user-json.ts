import { toRfc3339 } from '../oauth/time.js';
import type { User } from '../store/users.js';

/** A user as JSON shows it. */
export function userJson(user: User) {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    roles: user.roles,
    revision: user.revision,
    created_at: toRfc3339(user.createdAt),
    disabled_at: user.disabledAt === null ? null : toRfc3339(user.disabledAt),
  };
}
