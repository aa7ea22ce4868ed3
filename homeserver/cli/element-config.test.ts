import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { z } from 'zod'
import { elementConfig } from '../config/element/element.ts'
import { dark, light, type Theme } from '../config/element/themes.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { elementFiles } from './element-config.ts'

const configOf = (text = ''): Config => loadConfig({ files: [{ name: 'test', text }], env: {}, readFile: () => '' })
const link = z.strictObject({ text: z.string(), url: z.url() })

/** What Element reads (IConfigOptions), as far as we use it: what it does not know it would pass over in silence. */
const known = z.strictObject({
  default_server_config: z.strictObject({
    'm.homeserver': z.strictObject({ base_url: z.url(), server_name: z.string() }),
  }),
  brand: z.string(),
  default_theme: z.string(),
  disable_custom_urls: z.boolean(),
  disable_guests: z.boolean(),
  disable_3pid_login: z.boolean(),
  default_federate: z.boolean(),
  show_labs_settings: z.boolean(),
  branding: z.strictObject({ auth_footer_links: z.array(link) }),
  embedded_pages: z.strictObject({ login_for_welcome: z.boolean() }),
  element_call: z.strictObject({ use_exclusively: z.boolean(), brand: z.string() }),
  features: z.record(z.string().startsWith('feature_'), z.boolean()),
  setting_defaults: z.record(z.string(), z.union([z.boolean(), z.array(z.unknown())])),
  room_directory: z.strictObject({ servers: z.array(z.string()) }),
  enable_presence_by_hs_url: z.record(z.url(), z.boolean()),
  terms_and_conditions_links: z.array(link),
  bug_report_endpoint_url: z.literal('local'),
  report_event: z.strictObject({ admin_message_md: z.string() }),
  help_url: z.url().optional(),
})

const full = `
server_name: example.org
public_url: https://chat.example.org
presence: local
mail: { host: smtp.example.org }
support: { page: 'https://chat.example.org/help' }
registration:
  terms: [{ id: rules, version: '1', en: { name: Rules, url: 'https://chat.example.org/rules' } }]
`

test.each(['', full])('Element knows every key (%#)', (text) => {
  expect(known.safeParse(elementConfig(configOf(text))).error).toBeUndefined()
})

test('nothing leads to another host', () => {
  const found = JSON.stringify(elementConfig(configOf(full))).match(/https?:\/\/[^/"]+/g) ?? []
  expect(found.length).toBeGreaterThan(3)
  expect(new Set(found)).toEqual(new Set(['https://chat.example.org']))
})

test('what the server does not do is not offered', () => {
  const settingsOf = (text: string) => known.parse(elementConfig(configOf(text))).setting_defaults
  expect(settingsOf('')).toMatchObject({ 'UIFeature.passwordReset': false, 'UIFeature.registration': true })
  expect(settingsOf(full)).toMatchObject({ 'UIFeature.passwordReset': true })
  expect(settingsOf('registration: { mode: closed }')).toMatchObject({ 'UIFeature.registration': false })
})

test('the files in element-config are those of the default settings: npm run cli -- element-config --write', () => {
  for (const [name, text] of Object.entries(elementFiles(configOf()))) {
    expect(readFileSync(new URL(`../../element-config/${name}`, import.meta.url), 'utf8')).toBe(text)
  }
})

/** https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

test.each([light, dark])('every text can be read: $name', ({ colors, compound, is_dark: isDark }: Theme) => {
  const color = (name: string): string => String(colors[name])
  const token = (name: `--cpd-color-${string}`): string => compound[name] ?? ''
  const pairs: [string, string][] = [
    ...['roomlist-text-color', 'roomlist-text-secondary-color'].flatMap((text): [string, string][] => [
      [color(text), color('roomlist-background-color')],
      [color(text), color('roomlist-highlights-color')],
    ]),
    ...['timeline-text-color', 'timeline-text-secondary-color'].flatMap((text): [string, string][] => [
      [color(text), color('timeline-background-color')],
      [color(text), color('timeline-highlights-color')],
    ]),
    ...(['primary', 'secondary', 'action-accent', 'link-external'] as const).flatMap((text): [string, string][] => [
      [token(`--cpd-color-text-${text}`), token('--cpd-color-bg-canvas-default')],
      [token(`--cpd-color-text-${text}`), token('--cpd-color-bg-subtle-secondary')],
    ]),
    [token('--cpd-color-text-on-solid-primary') || '#ffffff', token('--cpd-color-bg-action-primary-rest')],
    ...(colors['username-colors'] as string[]).map((name): [string, string] => [
      name,
      color('timeline-background-color'),
    ]),
  ]
  const poor = pairs.filter(([text, back]) => contrast(text, back) < 4.5)
  expect({ isDark, poor }).toEqual({ isDark, poor: [] })
  expect(colors['username-colors']).toHaveLength(8)
})
