import type { ArchivedExecution, Definition } from './archive';
import { html, type Markup } from './html';
import { layOut, NODE, type Placed } from './layout';
import type { StateOutcome, StateRun } from './state-runs';
import { duration } from './wording';

/** What a state shows beside its colour, so that nothing depends on colour alone. */
const SHOWN: Readonly<Record<StateOutcome | 'not-reached', { readonly mark: string; readonly word: string }>> = {
  succeeded: { mark: '✓', word: 'succeeded' },
  failed: { mark: '✗', word: 'failed' },
  'timed-out': { mark: '✗', word: 'timed out' },
  'cut-off': { mark: '■', word: 'cut off' },
  'not-reached': { mark: '–', word: 'not reached' },
};

/** The state graph of one execution: what each state did and how long, drawn where the definition has it. */
export function drawStateGraph(
  { name }: Pick<ArchivedExecution, 'name'>,
  definition: Definition,
  runs: ReadonlyMap<string, StateRun>,
): Markup {
  const { width, height, nodes, frames, joints, lines } = layOut(definition);
  const id = `graph-${name.replace(/[^\w-]/g, '')}`;
  return html`<svg class="graph" role="img" aria-labelledby="${id}-title" aria-describedby="${id}-text" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title id="${id}-title">State graph of ${name}</title>
<desc id="${id}-text">${describe(nodes, runs)}</desc>
<defs><marker id="${id}-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>
${frames.map(
  (
    frame,
  ) => html`<g class="frame ${runs.get(frame.name)?.outcome ?? 'not-reached'}"><rect x="${frame.x}" y="${frame.y}" width="${frame.width}" height="${frame.height}" rx="10"/>
<text x="${frame.x + 12}" y="${frame.y + 20}">${frame.name}: ${caption(runs.get(frame.name))}</text></g>`,
)}
${lines.map(
  ({ points, head }) =>
    html`<path class="line" d="${curve(points)}"${head ? html` marker-end="url(#${id}-head)"` : undefined}/>`,
)}
${joints.map(({ x, y }) => html`<circle class="joint" cx="${x}" cy="${y}" r="3"/>`)}
${nodes.map((node) => box(node, runs.get(node.name)))}
</svg>`;
}

function box({ name, x, y }: Placed, run: StateRun | undefined): Markup {
  const [left, top] = [x - NODE.width / 2, y - NODE.height / 2];
  const lines = wrap(name);
  const first = y - (lines.length * 14) / 2 + 2;
  return html`<g class="state ${run?.outcome ?? 'not-reached'}"><rect x="${left}" y="${top}" width="${NODE.width}" height="${NODE.height}" rx="6"/>
${lines.map((line, index) => html`<text class="name" x="${x}" y="${first + index * 14}">${line}</text>`)}
<text class="caption" x="${x}" y="${first + lines.length * 14 + 1}">${caption(run)}</text></g>`;
}

/** `✓ 1.2 s, 3 attempts` */
function caption(run: StateRun | undefined): string {
  const { mark, word } = SHOWN[run?.outcome ?? 'not-reached'];
  if (run === undefined) return `${mark} ${word}`;
  const said = run.outcome === 'succeeded' ? mark : `${mark} ${word}`;
  return [
    `${said} ${duration(run.durationMs)}`,
    ...(run.visits > 1 ? [`${run.visits} times`] : []),
    ...(run.attempts > run.visits ? [`${run.attempts} attempts`] : []),
  ].join(', ');
}

/** For those who cannot see the drawing. */
const describe = (nodes: readonly Placed[], runs: ReadonlyMap<string, StateRun>): string =>
  nodes.map(({ name }) => `${name}: ${wordsOf(runs.get(name))}.`).join(' ');

export function wordsOf(run: StateRun | undefined): string {
  if (run === undefined) return SHOWN['not-reached'].word;
  const times = run.visits > 1 ? `, entered ${run.visits} times` : '';
  const attempts = run.attempts > 1 ? `, ${run.attempts} attempts` : '';
  return `${SHOWN[run.outcome].word} after ${duration(run.durationMs)}${times}${attempts}${run.error === undefined ? '' : `, last error ${run.error}`}`;
}

/** At most two lines of a box's width. */
function wrap(name: string): readonly string[] {
  const most = 24;
  if (name.length <= most) return [name];
  const space = name.lastIndexOf(' ', most);
  return space < 0 ? [name] : [name.slice(0, space), name.slice(space + 1)];
}

/** A line through the layout's points, corners rounded. */
function curve(points: readonly { readonly x: number; readonly y: number }[]): string {
  const [first, ...rest] = points.map(({ x, y }) => ({ x: round(x), y: round(y) }));
  if (first === undefined) return '';
  const last = rest.at(-1);
  const middle = rest.slice(0, -1);
  const through = middle.map((point, index) => {
    const next = middle[index + 1];
    const to = next === undefined ? point : { x: round((point.x + next.x) / 2), y: round((point.y + next.y) / 2) };
    return next === undefined ? `L${point.x} ${point.y}` : `Q${point.x} ${point.y} ${to.x} ${to.y}`;
  });
  return `M${first.x} ${first.y}${through.join('')}${last === undefined ? '' : `L${last.x} ${last.y}`}`;
}

const round = (value: number): number => Math.round(value * 10) / 10;
