import { join } from 'node:path'
import type { Config } from '../config/schema.ts'

export const backupDirectory = ({ backup, data_dir: dataDir }: Config): string =>
  backup.path ?? join(dataDir, 'backups')
