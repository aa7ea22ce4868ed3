import { writeFileSync } from 'node:fs'
import { jsonSchema } from '../config/json-schema.ts'
import { manual, sampleYaml } from '../config/sample.ts'
import type { Command } from './command.ts'

export const sampleConfig: Command = {
  usage: '[--write]',
  help: 'Prints config.sample.yaml. With --write renews it, config.schema.json and docs/config.md in the source tree, after a change of the schema.',
  options: { write: { type: 'boolean' } },
  run({ values, print }) {
    if (values['write'] !== true) return print(sampleYaml())
    const root = new URL('../../', import.meta.url)
    writeFileSync(new URL('config.sample.yaml', root), sampleYaml())
    writeFileSync(new URL('config.schema.json', root), jsonSchema())
    writeFileSync(new URL('docs/config.md', root), manual())
    return print('config.sample.yaml, config.schema.json and docs/config.md written')
  },
}
