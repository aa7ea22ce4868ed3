import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { elementConfig } from '../config/element/element.ts'
import { dark, light } from '../config/element/themes.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { type Command, UsageError } from './command.ts'

export const elementConfigCommand: Command = {
  usage: '[--to DIR | --write]',
  help: `Prints the config.json of an Element Web or Desktop for this server, made from the settings. A server that runs gives
it at /element/config.json.

  --to DIR   writes it there with the themes and the files for /.well-known/matrix
  --write    renews element-config in the source tree, which is for the default settings`,
  options: { to: { type: 'string' }, write: { type: 'boolean' } },
  async run({ positionals, values: { to, write }, config, print }) {
    if (positionals.length > 0) throw new UsageError(`Unexpected argument ${positionals[0]}`)
    if (write === true) {
      const defaults = loadConfig({ files: [], env: {}, readFile: () => '' })
      return await writeAll(new URL('../../element-config/', import.meta.url).pathname, defaults, print)
    }
    const settings = config()
    if (typeof to === 'string') return await writeAll(to, settings, print)
    print(textOf(elementConfig(settings)))
  },
}

/** Every file by its name. */
export function elementFiles(config: Config): Readonly<Record<string, string>> {
  const { public_url: baseUrl, encryption } = config
  const host = new URL(baseUrl).host
  return {
    'config.json': textOf(elementConfig(config)),
    'themes/light.json': textOf(light),
    'themes/dark.json': textOf(dark),
    'well-known/client.json': textOf({
      'm.homeserver': { base_url: baseUrl },
      'io.element.e2ee': { default: encryption.default === 'on' },
    }),
    'well-known/server.json': textOf({ 'm.server': host.includes(':') ? host : `${host}:443` }),
  }
}

const textOf = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

async function writeAll(directory: string, config: Config, print: (text: string) => void): Promise<void> {
  for (const [name, text] of Object.entries(elementFiles(config))) {
    const path = join(directory, name)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, text)
    print(`${path} written`)
  }
}
