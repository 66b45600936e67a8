/**
 * A server in a process of its own, so that what is measured is the client. It answers as R2, OneDrive and Azure Files
 * would, as cheaply as their clients let it: takes bodies without looking at them, gives zeros back. Verifies nothing:
 * for that there is the emulator. It counts, so that a bench can tell that all bytes came.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { OneDrive } from '../streams/onedrive/index.ts'
import type { OneDriveOptions } from '../streams/onedrive/index.ts'
import { R2 } from '../streams/r2/index.ts'
import type { R2Options } from '../streams/r2/index.ts'
import { azureSink, isAzure } from './azure-sink.ts'
import { isGraph, oneDriveSink } from './sink/onedrive.ts'
import { s3Sink } from './sink/s3.ts'
import { createWireServer } from './sink/wire-server.ts'
import type { SinkCounters, SinkOptions, SinkService, SunkRequest } from './sink/wire-server.ts'

export type { SinkOptions } from './sink/wire-server.ts'

/** What has passed since the last report, and the processor time of the sink. */
export interface SinkReport extends SinkCounters { cpuMs: number }

export interface Sink extends AsyncDisposable {
  endpoint: string
  report (): Promise<SinkReport>
}

/** Starts the sink as a child; it ends with its parent. */
export async function startSink (options: SinkOptions = {}): Promise<Sink> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, SLUICE_BENCH_SINK: '1' } })
  const exited = once(child, 'exit')
  const hear = async (): Promise<unknown> => {
    const answer = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
    if (answer === undefined) throw new Error(`the sink ended with code ${child.exitCode}`)
    return answer[0]
  }
  const port = await hear() as number
  return {
    endpoint: `http://127.0.0.1:${port}`,
    report: async () => {
      child.send('report')
      return await hear() as SinkReport
    },
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect()
      await exited
    }
  }
}

/** Any credentials do. */
export function sinkClient (endpoint: string, options: R2Options = {}): R2 {
  return new R2({ endpoint, accessKeyId: 'bench', secretAccessKey: 'bench', bucket: 'bench', ...options })
}

export function oneDriveSinkClient (endpoint: string, options: OneDriveOptions = {}): OneDrive {
  return new OneDrive({ endpoint: `${endpoint}/onedrive/v1.0`, accessToken: 'bench', ...options })
}

function serviceOf (request: SunkRequest): SinkService {
  if (isAzure(request)) return azureSink
  return isGraph(request) ? oneDriveSink : s3Sink
}

function serveHere (tell: (answer: unknown) => void): void {
  const service: SinkService = { keeps: request => serviceOf(request).keeps(request), answer: request => serviceOf(request).answer(request) }
  const counters: SinkCounters = { requests: 0, bytesIn: 0, bytesOut: 0 }
  const server = createWireServer(service, JSON.parse(process.argv[2] ?? '{}') as SinkOptions, counters)
  let spent = process.cpuUsage()
  process.on('message', () => {
    const { user, system } = process.cpuUsage(spent)
    tell({ ...counters, cpuMs: (user + system) / 1000 } satisfies SinkReport)
    Object.assign(counters, { requests: 0, bytesIn: 0, bytesOut: 0 })
    spent = process.cpuUsage()
  })
  process.once('disconnect', () => process.exit())
  server.listen(0, '127.0.0.1', () => tell((server.address() as AddressInfo).port))
}

if (process.env['SLUICE_BENCH_SINK'] === '1' && process.send !== undefined) serveHere(answer => process.send?.(answer))
