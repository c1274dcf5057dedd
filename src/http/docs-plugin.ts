import type { FastifySwaggerUiOptions } from '@fastify/swagger-ui';

type Plugin = NonNullable<NonNullable<FastifySwaggerUiOptions['uiConfig']>['plugins']>[number];

// What the plugin touches of a browser, of React and of Swagger UI: as much as it needs, and no more is typed.
type Element = { value: string; focus(): void; click(): void; querySelector(selector: string): Element | null };
type Browser = {
  readonly document: {
    readonly documentElement: { readonly classList: { toggle(name: string, isOn: boolean): void } };
    getElementById(id: string): Element | null;
  };
  matchMedia(query: string): {
    readonly matches: boolean;
    addEventListener(type: 'change', listener: () => void): void;
  };
};
type Scheme = { get(name: string): string | undefined };
type Schemes = { some(test: (scheme: Scheme) => boolean): boolean; first(): Scheme };
type AuthSelectors = {
  shownDefinitions(): { some(test: (schemes: Schemes) => boolean): boolean };
  getConfigs(): { readonly username?: string } | undefined;
};
type AuthsProps = { readonly definitions: Schemes; readonly authSelectors: AuthSelectors };
type OAuth2Props = { readonly schema: Scheme; readonly authSelectors: AuthSelectors };
type OAuth2Form = new (
  props: OAuth2Props,
  context: unknown,
) => { state: { username: string }; componentDidMount?(): void };
type Press = { readonly key: string; readonly currentTarget: Element };
type System = {
  readonly React: { createElement(type: unknown, props: object | null, ...children: unknown[]): object };
};

// Plugins run in the browser: @fastify/swagger-ui sends the source of these functions, so they refer to nothing outside of
// themselves.

/** The page is dark where the browser prefers that. */
export const followColours: Plugin = () => {
  const { document, matchMedia } = globalThis as unknown as Browser;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
  follow();
  dark.addEventListener('change', follow);
  return {};
};

/**
 * In the dialog to authorize, the login form is the one that is open, with the demo user in it where there is one
 * (src/http/docs.ts); the other ways are below it, folded.
 */
export const loginFirst: Plugin = ({ React }: System) => {
  const { document } = globalThis as unknown as Browser;
  const isLogin = (schemes: Schemes) => schemes.some((scheme) => scheme.get('flow') === 'password');
  const titles: Readonly<Record<string, string>> = {
    clientCredentials: 'Or as a client: client_credentials',
    basic: 'Or as a client, for /introspect and /revoke: HTTP Basic',
    bearer: 'Or with an access token that you have',
  };
  return {
    wrapComponents: {
      auths: (Auths: unknown) => (props: AuthsProps) => {
        const { definitions, authSelectors } = props;
        const form = React.createElement(Auths, props);
        if (isLogin(definitions)) {
          // Swagger UI's inputs are in no form.
          const onKeyDown = ({ key, currentTarget }: Press) => {
            if (key === 'Enter') currentTarget.querySelector('button.authorize')?.click();
          };
          const hint =
            authSelectors.getConfigs()?.username === undefined
              ? []
              : [React.createElement('p', null, 'The first start printed the password in the terminal.')];
          return React.createElement('div', { className: 'login', onKeyDown }, ...hint, form);
        }
        if (!authSelectors.shownDefinitions().some(isLogin)) return form;
        const scheme = definitions.first();
        const title = titles[scheme.get('flow') ?? scheme.get('scheme') ?? ''] ?? 'Or in another way';
        return React.createElement(
          'details',
          { className: 'other-way' },
          React.createElement('summary', null, title),
          form,
        );
      },
      oauth2: (Form: OAuth2Form) =>
        class extends Form {
          constructor(props: OAuth2Props, context: unknown) {
            super(props, context);
            const { username = '' } = props.authSelectors.getConfigs() ?? {};
            if (props.schema.get('flow') === 'password' && this.state.username === '') this.state.username = username;
          }
          override componentDidMount() {
            super.componentDidMount?.();
            if (this.showUsername()) document.getElementById('oauth_password')?.focus();
          }
          componentDidUpdate() {
            this.showUsername();
          }
          /** The input does not show the state by itself. */
          showUsername(): boolean {
            const input = document.getElementById('oauth_username');
            if (input === null || input.value !== '' || this.state.username === '') return false;
            input.value = this.state.username;
            return true;
          }
        },
    },
  };
};

/** Of the login form, what a person needs who logs in; and the other ways as quiet lines. */
export const DOCS_STYLE = `
.swagger-ui .login h4, .swagger-ui .login .scope-def, .swagger-ui .login .flow, .swagger-ui .login p:has(+ .flow),
.swagger-ui .login div:has(> [for=password_type]), .swagger-ui .login:has([aria-label^=Remove]) > p { display: none }
.swagger-ui .login > p { padding: 0 20px }
.swagger-ui .login [for=client_secret_password]:not(:has(+ code))::after { content: ' (a public client has none)'; font-weight: 400 }
.swagger-ui .other-way { border-top: 1px solid #8884; padding: 10px 0 }
.swagger-ui .other-way summary { cursor: pointer; font-size: 14px }
`;
