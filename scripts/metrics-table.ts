/** What each metric is, as a table, from what a server says at /metrics. */
export function metricsTable(text: string): string {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  const rows = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(
    ([, name = '', help = '']) => `| \`${name}\` | ${types.get(name)} | ${help.replaceAll('|', '\\|')} |`,
  );
  return ['| metric | type | |', '|---|---|---|', ...rows.sort()].join('\n');
}

const BEGIN = '<!-- Written by `npm run docs` from /metrics. -->';
const END = '<!-- To here. -->';

/** A page with its table written anew, between its two marks. */
export function withMetricsTable(page: string, table: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('the marks of the table are gone');
  return `${before}${BEGIN}\n\n${table}\n\n${END}${after}`;
}
