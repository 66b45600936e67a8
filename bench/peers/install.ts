/** Peers that only a bench needs and that are large: npm installs them when they are first asked for, beside the package's own. */
import { execFile } from 'node:child_process'
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** `opendal` is the newest whose binary loads with glibc 2.36. */
const PEERS = {
  minio: '8.0.7',
  opendal: '0.49.2',
  'files-sdk': '2.6.0',
  '@aws-sdk/client-s3': '3.1175.0',
  '@aws-sdk/lib-storage': '3.1175.0',
  '@aws-sdk/s3-presigned-post': '3.1164.0',
  '@aws-sdk/s3-request-presigner': '3.1169.0'
}

const FOLDER = fileURLToPath(new URL('../../../node_modules/.cache/sluice-bench', import.meta.url))
/** Names are resolved from where this file lies. It is written when all peers are installed. */
const LOADER = join(FOLDER, 'load.mjs')

/** Installs what is missing; about 20 s and 125 MB once. Where it cannot, the rows of these peers say so. */
export async function installPeers (): Promise<void> {
  const manifest = JSON.stringify({ private: true, dependencies: PEERS })
  const found = await readFile(join(FOLDER, 'package.json'), 'utf8').catch(() => '')
  if (found === manifest && await access(LOADER).then(() => true, () => false)) return
  console.log(`Installing ${Object.keys(PEERS).length} peers into ${FOLDER}`)
  await mkdir(FOLDER, { recursive: true })
  await rm(LOADER, { force: true })
  await writeFile(join(FOLDER, 'package.json'), manifest)
  await promisify(execFile)('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: FOLDER })
    .then(() => writeFile(LOADER, 'export const load = name => import(name)\n'), (error: Error) => console.error(`Cannot install the peers: ${error.message.split('\n')[0]}`))
}

/** @throws {Error} when it is not installed, or does not load here. */
export async function importPeer<Module> (name: string): Promise<Module> {
  if (await access(LOADER).then(() => false, () => true)) throw new Error(`${name} is not installed`)
  const { load } = await import(pathToFileURL(LOADER).href) as { load (name: string): Promise<Module> }
  return await load(name)
}

/** Of the peers and of what stands in the root's lock file, for the results. */
export function peerVersions (): Record<string, string> {
  return { ...PEERS }
}
