import { once } from 'node:events'
import { startEmulator } from '../emulator/index.ts'

export interface EmulateOptions {
  port: number
  folder: string | undefined
  buckets: string[] | undefined
  shares: string[] | undefined
}

/** Serves until a signal, or until the process that forked this one is gone. Prints `NAME=value` lines once it listens. */
export async function emulate ({ port, folder, buckets, shares }: EmulateOptions): Promise<void> {
  await using emulator = await startEmulator({
    port,
    ...(folder === undefined ? {} : { folder }),
    ...(buckets === undefined ? {} : { r2: { buckets } }),
    ...(shares === undefined ? {} : { azureFiles: { shares } })
  })
  const env = emulator.env()
  process.stdout.write(Object.entries(env).map(([name, value]) => `${name}=${value}\n`).join(''))
  process.send?.(env)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), ...(process.connected === true ? [once(process, 'disconnect')] : [])])
}
