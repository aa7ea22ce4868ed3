/** One style for all pages, in the page itself: they load nothing, from here or elsewhere. Contrast is WCAG AA or better. */
import { hash } from 'node:crypto'

export const style = `
:root { color-scheme: light dark;
  --canvas: #f0eee5; --card: #ffffff; --text: #2b2622; --soft: #6b6259; --line: #d8d2c2; --field: #8c8273;
  --accent: #b05730; --on-accent: #ffffff; --link: #9c4a26; --focus: #6c5dac; --bad: #b3261e; --bad-back: #fbeceb; --good-back: #eaf1ea }
@media (prefers-color-scheme: dark) { :root {
  --canvas: #191613; --card: #211d1a; --text: #f0eee5; --soft: #b8ad9f; --line: #3a332d; --field: #8f8577;
  --accent: #d97f57; --on-accent: #211d1a; --link: #e59570; --focus: #a99be0; --bad: #f2877e; --bad-back: #3a2320; --good-back: #253025 } }
* { box-sizing: border-box }
body { margin: 0; padding-bottom: 2rem; min-height: 100vh; display: flex; flex-direction: column; align-items: center;
  background: var(--canvas); color: var(--text); font: 1rem/1.5 system-ui, sans-serif }
header { padding: 2rem 1rem 1rem; color: var(--soft); font-size: .9rem; font-weight: 600; letter-spacing: .04em }
main { width: calc(100% - 2rem); max-width: 28rem; padding: 1.5rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 1rem; overflow-wrap: anywhere }
main.wide { max-width: 40rem }
main > :last-child, form > :last-child { margin-bottom: 0 }
form + p { margin-top: 1rem }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; text-wrap: balance }
h2 { margin: 0; font-size: 1.05rem }
p + h2, form + h2 { margin-top: 2rem }
p { margin: 0 0 1rem; text-wrap: pretty }
a { color: var(--link) }
label { display: block; margin: 0 0 1rem }
label > span { display: block; margin-bottom: .25rem; font-weight: 600 }
label small { display: block; margin-top: .25rem; color: var(--soft); font-weight: normal }
label.check > span { margin: 0; font-weight: normal }
label.check { display: flex; gap: .6rem; align-items: baseline }
input:not([type=checkbox]), select { width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: var(--canvas); border: 1px solid var(--field); border-radius: .6rem }
input[type=checkbox] { width: 1.2rem; height: 1.2rem; flex: none; accent-color: var(--accent) }
input.code { font-size: 1.4rem; letter-spacing: .15em; text-align: center; text-transform: uppercase }
button, a.button { display: inline-block; min-height: 2.75rem; padding: .6rem 1.2rem; font: inherit; font-weight: 600;
  text-align: center; text-decoration: none; cursor: pointer; border-radius: .6rem; border: 1px solid var(--accent);
  background: var(--accent); color: var(--on-accent) }
button.plain, a.button.plain { background: transparent; border-color: var(--field); color: var(--text) }
button.plain[aria-pressed=true] { background: var(--text); border-color: var(--text); color: var(--card) }
button.danger { background: transparent; border-color: var(--bad); color: var(--bad) }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center }
.actions > * { flex: 1 1 auto }
.actions.column { flex-direction: column; align-items: stretch }
.or { display: flex; align-items: center; gap: .75rem; margin: 1.25rem 0; color: var(--soft) }
.or::before, .or::after { content: ''; flex: 1; border-top: 1px solid var(--line) }
.picture { margin: 0 0 1rem; font-size: 3.5rem; line-height: 1.2; text-align: center }
.qr { width: 13rem; max-width: 100%; border-radius: .5rem }
.picture.secret { font-size: 1.2rem; font-family: ui-monospace, monospace }
ul.codes { columns: 2; padding: 0; list-style: none; font-family: ui-monospace, monospace }
form.alone { margin-top: 1rem }
.soft { color: var(--soft) }
.error, .note { padding: .75rem 1rem; border-radius: .6rem; background: var(--good-back) }
.error { background: var(--bad-back); color: var(--bad) }
dl { margin: 0 0 1rem; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .6rem }
dt { color: var(--soft); font-size: .9rem }
dd { margin: 0 0 .5rem }
dd:last-child { margin: 0 }
nav { width: calc(100% - 2rem); max-width: 40rem; margin-bottom: 1rem }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem .5rem; margin: 0; padding: 0; list-style: none }
nav a { display: block; padding: .5rem .75rem; border-radius: .6rem; text-decoration: none }
nav a[aria-current] { background: var(--card); color: var(--text); font-weight: 600; box-shadow: inset 0 0 0 1px var(--line) }
[hidden] { display: none !important }
.faces { margin: .5rem 0 1rem; padding: 0; list-style: none; display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 11rem), 1fr)) }
.faces li { padding: .75rem; border: 2px solid var(--line); border-radius: .6rem }
.faces li.speaks { border-color: var(--accent) }
.faces video { display: block; width: 100%; aspect-ratio: 16 / 9; object-fit: cover; margin-bottom: .5rem; border-radius: .4rem }
ul.list { margin: 0; padding: 0; list-style: none }
ul.list li { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between;
  padding: .9rem 0; border-top: 1px solid var(--line) }
ul.list li:first-child { border-top: 0 }
ul.list p { margin: 0; color: var(--soft); font-size: .9rem }
`

export const styleHash = `sha256-${hash('sha256', style, 'base64')}`
