// The page: what login.js knows becomes visible here, and nothing else happens.
import { settings } from './config.js';
import { LoggedOut, Login, TryAgain, WrongPassword } from './login.js';

const { issuer, api, clientId } = settings;

/** @param {string} id */
const element = (id) => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
};
const form = /** @type {HTMLFormElement} */ (element('login'));
const submit = /** @type {HTMLButtonElement} */ (element('submit'));

const login = new Login({ issuer, clientId, apis: [api], onChange });

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { username, password } = Object.fromEntries(new FormData(form));
  // Twice would be two logins.
  submit.disabled = true;
  await act(() => login.login(String(username), String(password)));
  submit.disabled = false;
});
element('call').addEventListener('click', () => act(callService));
element('logout').addEventListener('click', () => act(() => login.logout()));
element('again').addEventListener('click', () => act(start));
act(start);

async function start() {
  try {
    if ((await login.restore()) === null) show('login');
  } catch (error) {
    element('again').hidden = false;
    throw error;
  }
}

/**
 * Somebody is logged in or not any more, because of this tab or of another one.
 *
 * @param {import('./answers.js').User | null} user
 */
function onChange(user) {
  form.reset();
  element('answer').hidden = true;
  element('devices').replaceChildren();
  element('name').textContent = user?.preferred_username ?? '';
  element('roles').textContent = user?.roles.join(', ') ?? '';
  element('message').textContent = user === null ? 'You are logged out.' : '';
  show(user === null ? 'login' : 'account');
  if (user !== null) act(showDevices);
}

/** @param {'login' | 'account'} part */
function show(part) {
  element('waiting').hidden = true;
  element('login').hidden = part !== 'login';
  element('account').hidden = part !== 'account';
  element('who').hidden = part !== 'account';
  element('logout').hidden = part !== 'account';
  if (part === 'login') form.querySelector('input')?.focus();
}

async function callService() {
  const response = await login.fetch(`${api}/whoami`);
  element('answer').textContent = `HTTP ${response.status}\n${JSON.stringify(await response.json(), null, 2)}`;
  element('answer').hidden = false;
}

async function showDevices() {
  const sessions = await login.sessions();
  element('devices').replaceChildren(...sessions.map(deviceItem));
}

/** @param {import('./answers.js').Session} session */
function deviceItem({ sid, user_agent, address, last_used_at, is_current }) {
  const item = document.createElement('li');
  const text = document.createElement('div');
  // What a browser calls itself is somebody's text: textContent, never innerHTML.
  const name = document.createElement('strong');
  name.textContent = deviceName(user_agent ?? '');
  name.title = user_agent ?? '';
  const detail = document.createElement('small');
  const when = new Date(last_used_at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  detail.textContent = [address, `last used ${when}`].filter(Boolean).join(' · ');
  text.append(name, detail);
  item.append(text, is_current ? currentBadge() : endButton(sid));
  return item;
}

function currentBadge() {
  const badge = document.createElement('span');
  badge.className = 'badge';
  badge.textContent = 'this one';
  return badge;
}

/** @param {string} sid */
function endButton(sid) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'End this one';
  button.addEventListener('click', () =>
    act(async () => {
      await login.endSession(sid);
      await showDevices();
    }),
  );
  return button;
}

/**
 * Good enough for people to know their own devices by.
 *
 * @param {string} userAgent
 */
function deviceName(userAgent) {
  const browser = /Firefox|Edg|OPR|Chrome|Safari/.exec(userAgent)?.[0] ?? 'A program';
  const system = /Windows|Android|iPhone|iPad|Mac OS|Linux/.exec(userAgent)?.[0] ?? 'an unknown system';
  return `${{ Edg: 'Edge', OPR: 'Opera' }[browser] ?? browser} on ${system}`;
}

/**
 * Does something and tells when it did not work. Who was logged out sees the form already, by onChange.
 *
 * @param {() => Promise<unknown>} work
 */
async function act(work) {
  element('message').textContent = '';
  try {
    await work();
  } catch (error) {
    element('message').textContent = explain(error);
  }
}

/** @param {unknown} error */
function explain(error) {
  if (error instanceof WrongPassword) return 'The user name or the password is wrong.';
  if (error instanceof LoggedOut) return 'Your login is over. Please log in again.';
  // TypeError is what fetch() says when a service could not be reached.
  if (error instanceof TryAgain || error instanceof TypeError) return 'No answer just now. Please try again.';
  return `This should not happen: ${error instanceof Error ? error.message : error}`;
}
