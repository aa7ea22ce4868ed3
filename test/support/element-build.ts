/** An archive with the files that a release of Element Web has, as far as paths and headers are concerned. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export const elementFiles: Readonly<Record<string, string>> = {
  version: '9.9.9',
  'index.html': '<!doctype html><title>Element</title><script src="bundles/0123456789abcdef/bundle.js"></script>',
  'bundles/0123456789abcdef/bundle.js': 'document.title = "Element runs"',
  'bundles/0123456789abcdef/bundle.js.map': '{}',
  'olm.wasm': '\0asm',
  'i18n/en_EN.1234567.json': '{}',
  'config.json': '{ "brand": "of the archive" }',
  'usercontent/index.html': '<title>content</title>',
  '.hidden': 'no',
}

export interface ElementBuild {
  readonly archive: Buffer
  readonly sha256: string
}

export async function elementBuild(files: Readonly<Record<string, string>> = elementFiles): Promise<ElementBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'domovoi-element-'))
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, 'element-v9.9.9', name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, content)
    }
    const path = join(folder, 'archive.tar.gz')
    execFileSync('tar', ['-czf', path, '-C', folder, 'element-v9.9.9'])
    const archive = await readFile(path)
    return { archive, sha256: createHash('sha256').update(archive).digest('hex') }
  } finally {
    await rm(folder, { recursive: true })
  }
}
