/**
 * For the benches of OneDrive: the emulator in a process of its own, which arms faults and tells what it stores and was
 * asked. Measures nothing by itself.
 */
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Emulator, Fault, OneDriveQuirks } from '../emulator/index.ts'
import { startEmulator } from '../emulator/index.ts'

export type Cloud = 'r2' | 'azureFiles' | 'oneDrive'
export const BUCKET = 'bench'
export const SHARE = 'bench'

type Command =
  | { ask: 'arm', faults: Fault[], quirks: Partial<OneDriveQuirks> }
  | { ask: 'expireDownloadUrls' }
  | { ask: 'plant', folders: number, files: number }
  | { ask: 'digest', cloud: Cloud, name: string }
  | { ask: 'report' }

/** Requests and their bytes by operation, and what is left open. */
export interface Report {
  operations: Record<string, { count: number, bytesIn: number, bytesOut: number }>
  statuses: Record<string, number>
  sessions: number
}

export interface EmulatedClouds extends AsyncDisposable {
  /** What `fromEnv()` of the three clients reads. */
  env: Record<string, string>
  arm (faults: Fault[], quirks?: Partial<OneDriveQuirks>): Promise<void>
  expireDownloadUrls (): Promise<void>
  /** So many folders below `/tree`, eight in each one above, with so many files of one byte in each. */
  plant (folders: number, files: number): Promise<void>
  /** SHA-256 and size of what is stored, read from the disk of the emulator without a request. */
  digest (cloud: Cloud, name: string): Promise<{ sha256: string, size: number }>
  /** Since the last one. */
  report (): Promise<Report>
}

/** Starts it as a child; it ends with its parent. */
export async function startClouds (): Promise<EmulatedClouds> {
  const child = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, SLUICE_BENCH_EMULATOR: '1' } })
  const exited = once(child, 'exit')
  const hear = async (): Promise<unknown> => {
    const answer = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
    if (answer === undefined) throw new Error(`the emulator ended with code ${child.exitCode}`)
    return answer[0]
  }
  const ask = async <T>(command: Command): Promise<T> => {
    child.send(command)
    return await hear() as T
  }
  return {
    env: await hear() as Record<string, string>,
    arm: (faults, quirks = {}) => ask({ ask: 'arm', faults, quirks }),
    expireDownloadUrls: () => ask({ ask: 'expireDownloadUrls' }),
    plant: (folders, files) => ask({ ask: 'plant', folders, files }),
    digest: (cloud, name) => ask({ ask: 'digest', cloud, name }),
    report: () => ask({ ask: 'report' }),
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect()
      await exited
    }
  }
}

async function serveClouds (tell: (answer: unknown) => void): Promise<void> {
  const emulator = await startEmulator({ seed: 1, r2: { buckets: [BUCKET] }, azureFiles: { shares: [SHARE] } })
  process.on('message', (command: Command) => {
    answer(emulator, command).then(found => tell(found ?? null), (error: unknown) => { throw error })
  })
  process.once('disconnect', () => { emulator.close().then(() => process.exit(), () => process.exit(1)) })
  tell({ ...emulator.env(), R2_BUCKET: BUCKET, AZURE_FILES_SHARE: SHARE })
}

async function answer (emulator: Emulator, command: Command): Promise<unknown> {
  const { oneDrive, faults, requests } = emulator
  switch (command.ask) {
    case 'arm':
      Object.assign(oneDrive.quirks, command.quirks)
      for (const fault of command.faults) faults.add(fault)
      return
    case 'expireDownloadUrls': return oneDrive.state.expireDownloadUrls()
    case 'plant': return await plant(emulator, command.folders, command.files)
    case 'digest': return await digest(stored(emulator, command.cloud, command.name))
    case 'report': {
      const statuses: Record<string, number> = {}
      for (const { operation, status } of requests.entries()) statuses[`${operation} ${status}`] = (statuses[`${operation} ${status}`] ?? 0) + 1
      const report = { operations: requests.counters(), statuses, sessions: oneDrive.state.sessions().length }
      requests.clear()
      return report
    }
  }
}

async function plant ({ oneDrive }: Emulator, folders: number, files: number): Promise<void> {
  const paths = ['/tree/0']
  for (let folder = 1; folder < folders; folder++) paths.push(`${paths[(folder - 1) >> 3]}/${folder}`)
  for (const path of paths) for (let file = 0; file < files; file++) await oneDrive.state.put(`${path}/${file}.txt`, 'x')
}

function stored ({ r2, azureFiles, oneDrive }: Emulator, cloud: Cloud, name: string): AsyncIterable<Buffer> | undefined {
  switch (cloud) {
    case 'r2': return r2.state.read(name, BUCKET)
    case 'azureFiles': return azureFiles.state.read(name, SHARE)
    case 'oneDrive': return oneDrive.state.read(`/${name}`)
  }
}

async function digest (content: AsyncIterable<Buffer> | undefined): Promise<{ sha256: string, size: number }> {
  if (content === undefined) throw new Error('nothing of that name is stored')
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of content) {
    hash.update(chunk)
    size += chunk.length
  }
  return { sha256: hash.digest('hex'), size }
}

if (process.env['SLUICE_BENCH_EMULATOR'] === '1' && process.send !== undefined) await serveClouds(answer => process.send?.(answer))
