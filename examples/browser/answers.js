// What the answers of mintd mean to a page.

/**
 * @typedef {object} User who is logged in, as /userinfo says
 * @property {string} sub
 * @property {string} preferred_username
 * @property {string[]} roles
 * @property {string} sid the id of this login
 *
 * @typedef {object} Session a login of this user, on this device or another
 * @property {string} sid
 * @property {string} client_id
 * @property {string | null} user_agent what the browser called itself: show it as text, never as HTML
 * @property {string | null} address
 * @property {string} created_at
 * @property {string} last_used_at
 * @property {string} expires_at
 * @property {boolean} is_current
 */

/** No answer, or one that says "later". It tells nothing about the login, so nobody is logged out: ask again. */
export class TryAgain extends Error {
  name = 'TryAgain';
}

/** There is no login, or it is over: ask for the password. */
export class LoggedOut extends Error {
  name = 'LoggedOut';
}

/** User name and password do not belong together. */
export class WrongPassword extends Error {
  name = 'WrongPassword';
}

/** A lost answer is asked for again for this long. */
const RETRY_FOR_MS = 5000;

/**
 * What mintd answers to a request.
 *
 * @param {() => Promise<Response>} ask
 * @returns {Promise<any>} the JSON; null where there is nothing to say
 * @throws {TryAgain | LoggedOut}
 */
export async function answerTo(ask) {
  const { status, body } = await read(ask);
  if (status < 300) return body;
  // This alone says that the login is over.
  if (body.error === 'invalid_grant') throw new LoggedOut(body.error_description);
  // A mistake in the set-up: a wrong client, an origin that is not in its list.
  throw new Error(`the issuer says ${status}: ${body.error_description}`);
}

/** @param {() => Promise<Response>} ask */
async function read(ask) {
  try {
    const response = await ask();
    const { status } = response;
    if (status === 429 || status >= 500) throw new TryAgain(`the issuer says ${status}`);
    return { status, body: status === 204 ? null : await response.json() };
  } catch (error) {
    // The network failed (TypeError), it took too long (DOMException), or something in between answered (SyntaxError).
    const isLost = error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError;
    throw isLost ? new TryAgain('no answer', { cause: error }) : error;
  }
}

/**
 * Asks again when there was no answer. With a refresh that is safe: mintd gives a repeated one the same successor.
 *
 * @template T
 * @param {() => Promise<T>} question
 * @returns {Promise<T>}
 */
export async function patiently(question) {
  const end = Date.now() + RETRY_FOR_MS;
  for (let pause = 400; ; pause *= 2) {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof TryAgain) || Date.now() + pause > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
