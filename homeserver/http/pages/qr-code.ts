/** A QR code as a picture within the page: dark on light in every theme, as cameras want it. */
import { encode } from 'uqr'
import { type Html, html } from './html.ts'

/** `label` says what it is to those who do not see it. */
export function qrCode(text: string, label: string): Html {
  const { data, size } = encode(text, { border: 4 })
  const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : [])))
  return html`<svg
    class="qr"
    role="img"
    aria-label="${label}"
    viewBox="0 0 ${size} ${size}"
    shape-rendering="crispEdges"
  >
    <rect width="${size}" height="${size}" fill="#fff" />
    <path d="${dark.join('')}" />
  </svg>`
}
