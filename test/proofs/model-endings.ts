import type { App, Login, Model, Owner, Person } from './model.js';
import type { Ending } from './model-steps.js';
import type { World } from './model-world.js';

/** The nth of a list that goes round. */
export function pick<T>(list: readonly T[], n: number): T {
  const one = list[n % list.length];
  if (one === undefined) throw new Error('there is none to pick');
  return one;
}

/** Whom an ending is about, found before anything changes. */
export type Concerned = { readonly person: Person; readonly app: App; readonly login: Login | null };

/** Those a number chooses; to be enabled: one that can be, if there is one. */
export function concernedBy({ people, apps }: Model, { end, of }: Ending, login: Login | null): Concerned {
  const choose = <T extends Owner>(all: readonly T[]) => {
    const disabled = all.filter(({ isThere, isEnabled }) => isThere && !isEnabled);
    return pick(end.startsWith('enable') && disabled.length > 0 ? disabled : all, of);
  };
  return { person: choose(people), app: choose(apps), login };
}

/** Ends or opens something in the model; whether there was anything to do. */
export function expectedEnd(model: Model, { end }: Ending, { person, app, login }: Concerned): boolean {
  switch (end) {
    case 'one login':
      return login !== null && model.revokeOne(login, 'ended_by_user');
    case 'all of user':
      return model.endAll(person);
    case 'all at client':
      return model.endAll(app);
    case 'disable user':
      return model.disable(person);
    case 'enable user':
      return model.enable(person);
    case 'disable client':
      return model.disable(app);
    case 'enable client':
      return model.enable(app);
    case 'remove user':
      return model.remove(person);
    case 'remove client':
      return model.remove(app);
    case 'change password':
      person.passwords++;
      return model.endAll(person);
  }
}

/** The same in reality, after the model; a login goes by its sid. */
export async function realEnd(
  world: World,
  { end }: Ending,
  { person, app }: Concerned,
  sid: string | null,
  now: number,
): Promise<boolean> {
  const { users, families, clients } = world.real.tokens;
  const [userId, clientId] = [world.userIdOf(person), world.clientIdOf(app)];
  switch (end) {
    case 'one login':
      return sid !== null && families.revoke(sid, 'ended_by_user', now);
    case 'all of user':
      return users.endLogins(userId);
    case 'all at client':
      return clients.endLogins(clientId);
    case 'disable user':
      return users.disable(userId, now);
    case 'enable user':
      return users.enable(userId);
    case 'disable client':
      return clients.disable(clientId, now);
    case 'enable client':
      return clients.enable(clientId);
    case 'remove user':
      return users.remove(userId);
    case 'remove client':
      return clients.remove(clientId);
    case 'change password':
      return users.setPassword(userId, world.hashOf(person.passwords));
  }
}
