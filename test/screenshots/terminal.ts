/** What a program wrote on a terminal, as a picture that a browser can draw. */

/** The few codes that our programs use. https://en.wikipedia.org/wiki/ANSI_escape_code#Select_Graphic_Rendition_parameters */
const classes: Readonly<Record<string, string>> = { 1: 'bold', 32: 'green', 33: 'yellow' }

/** A page with one element `pre`, as wide and high as what is written in it. */
export function terminalPage(command: string, output: string): string {
  const text = output
    .replaceAll(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll(/\x1b\[(\d+)m/g, (_, code: string) => (code in classes ? `<b class="${classes[code]}">` : '</b>')) // eslint-disable-line no-control-regex -- that is what it is about
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0 }
    pre { display: inline-block; margin: 0; padding: 1.2rem 1.6rem; background: #211d1a; color: #f0eee5;
      font: 15px/1.5 'DejaVu Sans Mono', ui-monospace, monospace }
    b { font-weight: normal } .bold, .prompt { font-weight: bold } .green { color: #8fbf8f } .yellow, .prompt { color: #e59570 }
    </style><pre><b class="prompt">$</b> ${command}\n\n${text.trimEnd()}</pre>`
}
