import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Client } from '../oauth/client.js';
import { type BrowserHeaders, cookieName } from '../oauth/cookie-delivery.js';
import { type Device, shownUserAgent } from '../oauth/device.js';
import type { EpochMs } from '../oauth/time.js';
import { addressOf } from './sender.js';

/** What a browser says of a request beside its body. */
export function browserHeaders({ headers }: FastifyRequest): BrowserHeaders {
  return {
    origin: headers.origin,
    secFetchSite: one(headers['sec-fetch-site']),
    requestedWith: one(headers['x-requested-with']),
    cookie: headers.cookie,
  };
}

/** As Node itself joins most headers that were sent twice. */
function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

/** What a login is known by to its person. */
export function deviceOf(request: FastifyRequest): Device {
  return { userAgent: shownUserAgent(request.headers['user-agent']), address: addressOf(request) };
}

/** A refresh token for the browser to keep, and for how long; null takes it away. */
export type Keep = { readonly token: string; readonly expiresAt: EpochMs; readonly now: EpochMs } | null;

/** Sets the cookie of a client: no script can read it, no other site makes a browser send it. */
export function setRefreshCookie(reply: FastifyReply, { id }: Client, keep: Keep, isSecure: boolean): void {
  reply.setCookie(cookieName(id, isSecure), keep?.token ?? '', {
    httpOnly: true,
    secure: isSecure,
    sameSite: 'strict',
    path: '/',
    maxAge: keep === null ? 0 : Math.ceil((keep.expiresAt - keep.now) / 1000),
  });
}
