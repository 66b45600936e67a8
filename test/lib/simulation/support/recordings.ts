import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Agent, Dispatcher } from 'undici'
import type { RecordingFile } from '../../../../lib/simulation/recording-format.ts'

/** A folder that goes with the test. */
export async function temporaryFolder (t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-recording-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function readInteractions (folder: string): Promise<RecordingFile> {
  return JSON.parse(await readFile(join(folder, 'interactions.json'), 'utf8')) as RecordingFile
}

/** All files of a folder as one text. */
export async function everythingIn (folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const texts = entries.filter(entry => entry.isFile()).map(entry => readFile(join(entry.parentPath, entry.name), 'latin1'))
  return (await Promise.all(texts)).join('\n')
}

/** Sends what it is given, and remembers all that grants access. */
export class SpyingAgent extends Dispatcher {
  readonly secrets = new Set<string>()
  readonly #agent = new Agent()

  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const headers = options.headers as Record<string, string>
    const { authorization } = headers
    for (const value of [authorization, headers['x-amz-security-token'], ...headers['x-ms-copy-source']?.split('?').slice(1) ?? []]) {
      if (value !== undefined) this.secrets.add(value.replace(/^Bearer /, ''))
    }
    const signature = /Signature=(\w+)/.exec(authorization ?? '')?.[1] ?? /(?:^|[?&])(?:sig|tempauth|token|access_token)=([^&]+)/.exec(options.path)?.[1]
    if (signature !== undefined) this.secrets.add(signature)
    return this.#agent.dispatch(options, handler)
  }

  override close (): Promise<void>
  override close (callback: () => void): void
  override close (callback?: () => void): Promise<void> | void {
    return callback === undefined ? this.#agent.close() : this.#agent.close(callback)
  }
}

/** A network that there is none of: whoever uses it has failed. */
export class NoNetwork extends Dispatcher {
  override dispatch ({ method, path }: Dispatcher.DispatchOptions): boolean {
    throw new Error(`${method} ${path} went to the network`)
  }
}
