/** Values of an element's attributes; numbers are written with at most two decimals. */
export type Attributes = Readonly<Record<string, string | number>>;

/** Attributes of a text beside its place and its anchor. */
export type TextStyle = { readonly size?: number; readonly fill?: string; readonly bold?: boolean };

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const FONT_SIZE = 12;
const INK = '#222222';

/** Text as it stands in XML, in an element or in an attribute. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}

/** One element; its content is XML already. */
export function element(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes).map(([key, value]) => {
    const shown = typeof value === 'number' ? String(Number(value.toFixed(2))) : escapeXml(value);
    return ` ${key}="${shown}"`;
  });
  return content === '' ? `<${name}${written.join('')}/>` : `<${name}${written.join('')}>${content}</${name}>`;
}

/** A vertical or horizontal stroke. */
export function stroke(from: readonly [number, number], to: readonly [number, number], attributes: Attributes): string {
  return element('line', { x1: from[0], y1: from[1], x2: to[0], y2: to[1], ...attributes });
}

/** Text whose middle line is at `y`. `anchor` says which of its ends, or its middle, is at `x`. */
export function textAt(
  [x, y]: readonly [number, number],
  anchor: 'start' | 'middle' | 'end',
  text: string,
  { size = FONT_SIZE, fill = INK, bold = false }: TextStyle = {},
): string {
  const weight: Attributes = bold ? { 'font-weight': 'bold' } : {};
  // Not every viewer knows dominant-baseline; a third of the font's size is the same for all.
  const attributes = { x, y: y + size * 0.35, 'text-anchor': anchor, 'font-size': size, fill, ...weight };
  return element('text', attributes, escapeXml(text));
}

/** A whole picture on white, one element a line, with a title for screen readers. */
export function picture(width: number, height: number, title: string, elements: readonly string[]): string {
  const root = { xmlns: 'http://www.w3.org/2000/svg', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img' };
  const background = element('rect', { width, height, fill: '#ffffff' });
  const content = [element('title', {}, escapeXml(title)), background, ...elements];
  return `${element('svg', { ...root, 'font-family': 'sans-serif' }, `\n${content.join('\n')}\n`)}\n`;
}
