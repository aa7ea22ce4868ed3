/** The release of Element Web that goes with this one, and where it is put. */
import { join } from 'node:path'

export interface ElementRelease {
  readonly version: string
  /** Of the archive. */
  readonly sha256: string
}

/** The sum is the one that packagers who do not know of each other have for this release. */
export const elementRelease: ElementRelease = {
  version: '1.12.25',
  sha256: '14d7f2671eb1fbccc690e7f176042d72ed2b4e34f7326a007e8b1540b1e748bb',
}

export const elementArchive = ({ version }: ElementRelease): string =>
  `https://github.com/element-hq/element-web/releases/download/v${version}/element-v${version}.tar.gz`

export const elementDirectory = (dataDir: string): string => join(dataDir, 'element')
