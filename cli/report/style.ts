import { Markup } from './html';

/** Contrast of text is at least 4.5 to 1 (WCAG 2.2 AA); colours repeat what a word or a mark says. */
export const STYLE = new Markup(`
:root { color-scheme: light; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #fff; --tint: #f6f8fa;
  --good: #1a7f37; --good-tint: #dafbe1; --bad: #b3261e; --bad-tint: #ffebe9; --plain-tint: #eaeef2; --link: #0550ae; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Liberation Sans", Arial, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .75rem; padding-top: 1rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { position: static; }
code { font: .85em ui-monospace, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0 0 1rem; }
.facts div { max-width: 100%; }
.facts dt { color: var(--soft); font-size: .8rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.facts.wide { display: grid; grid-template-columns: 9rem 1fr; gap: .15rem 1rem; }
.facts.wide div { display: contents; }
.facts.wide dt { font-size: .9rem; }
.verdict { padding: .75rem 1rem; border-radius: 8px; border: 1px solid; }
.verdict.intact { background: var(--good-tint); border-color: var(--good); }
.verdict.broken { background: var(--bad-tint); border-color: var(--bad); }
nav ol { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; padding: 0; list-style: none; }
.scroll { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
caption { text-align: left; color: var(--soft); font-size: .85rem; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
th { background: var(--tint); white-space: nowrap; }
td { overflow-wrap: break-word; }
td code { overflow-wrap: anywhere; }
time { white-space: nowrap; }
.badge { display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-size: .78rem; font-weight: 600; white-space: nowrap; }
.badge.good { background: var(--good-tint); color: #0f5323; }
.badge.bad { background: var(--bad-tint); color: #8c1d18; }
.badge.plain { background: var(--plain-tint); color: #3d444d; }
.none { color: var(--soft); }
figure { margin: 0 0 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
figcaption { color: var(--soft); font-size: .85rem; padding: .25rem .75rem .5rem; }
details { margin: 0 0 .75rem; }
summary { cursor: pointer; color: var(--link); }
.graph { display: block; margin: 0 auto; max-width: 100%; height: auto; font-family: system-ui, "Liberation Sans", Arial, sans-serif; }
.graph text { fill: var(--ink); font-size: 12.5px; }
.graph .state text { text-anchor: middle; }
.graph .state .name { font-weight: 600; }
.graph .state .caption { font-size: 11.5px; }
.graph .state rect { fill: var(--paper); stroke: var(--soft); stroke-width: 1.5; }
.graph .state.succeeded rect { fill: var(--good-tint); stroke: var(--good); }
.graph .state.failed rect, .graph .state.timed-out rect { fill: var(--bad-tint); stroke: var(--bad); stroke-width: 3; }
.graph .state.cut-off rect { fill: var(--plain-tint); stroke: var(--soft); }
.graph .state.not-reached rect { stroke-dasharray: 4 3; }
.graph .state.not-reached text { fill: var(--soft); }
.graph .frame rect { fill: var(--tint); stroke: var(--line); }
.graph .frame text { font-weight: 600; fill: var(--soft); }
.graph .line { fill: none; stroke: var(--soft); stroke-width: 1.3; }
.graph marker path, .graph .joint { fill: var(--soft); }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@page { size: A4; margin: 14mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  nav, .skip { display: none; }
  h2 { break-after: avoid; }
  h3 { break-after: avoid; }
  tr, figure, .verdict { break-inside: avoid; }
  thead { display: table-header-group; }
  .scroll, figure { overflow: visible; }
  table { font-size: 7.8pt; }
  th, td { padding: .25rem .4rem; }
  caption { break-after: avoid; }
  thead { break-after: avoid; }
  details > summary { display: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .graph { max-height: 245mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`);
