import type { Device } from './device.js';
import { type EpochMs, toRfc3339 } from './time.js';

/** A family as people see it: one login on one device. */
export type Session = {
  readonly sid: string;
  readonly userId: string;
  readonly username: string;
  readonly clientId: string;
  readonly device: Device;
  readonly createdAt: EpochMs;
  readonly lastUsedAt: EpochMs;
  /** When it ends if it is not used again. */
  readonly expiresAt: EpochMs;
  /** Why it is over; null while it lives. */
  readonly ended: string | null;
};

/** What everybody who may see a session is shown of it; times in RFC 3339. */
export function sessionJson(session: Session): Record<string, unknown> {
  return {
    sid: session.sid,
    client_id: session.clientId,
    user_agent: session.device.userAgent,
    address: session.device.address,
    created_at: toRfc3339(session.createdAt),
    last_used_at: toRfc3339(session.lastUsedAt),
    expires_at: toRfc3339(session.expiresAt),
  };
}
