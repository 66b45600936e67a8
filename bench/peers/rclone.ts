import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Work } from '../harness/compare.ts'

/** A program, not a package: its start counts, and its memory and processor time are not those of the row. */
async function run (args: string[], endpoint: string, through: (child: { stdin: NodeJS.WritableStream }) => Promise<unknown>): Promise<void> {
  const remote = { RCLONE_CONFIG_BENCH_TYPE: 's3', RCLONE_CONFIG_BENCH_PROVIDER: 'Other', RCLONE_CONFIG_BENCH_ENDPOINT: endpoint, RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: 'bench', RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: 'bench' }
  const child = spawn('rclone', ['--config', '/dev/null', '--retries', '1', '--s3-no-check-bucket', ...args], { env: { PATH: process.env['PATH'], ...remote }, stdio: ['pipe', 'ignore', 'pipe'] })
  const ended = once(child, 'exit') // Rejects when it cannot be started.
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
  // When it ends early its pipe breaks: what it said is the reason.
  const [end, passed] = await Promise.allSettled([ended, through(child)])
  if (end.status === 'rejected') throw end.reason
  if (end.value[0] !== 0) throw new Error(said.trim().split('\n').at(-1))
  if (passed.status === 'rejected') throw passed.reason
}

async function installed (): Promise<void> {
  const child = spawn('rclone', ['version'], { stdio: 'ignore' })
  await once(child, 'exit').catch(() => Promise.reject(new Error('rclone is not on the PATH')))
}

function uploadOptions (partSize: number, atOnce: number): string[] {
  return ['--s3-chunk-size', `${partSize}B`, '--s3-upload-concurrency', String(atOnce), '--s3-disable-checksum', '--s3-upload-cutoff', '0', '--streaming-upload-cutoff', '0']
}

export async function rcloneUpload (endpoint: string, partSize: number, atOnce: number, source: (size: number) => Readable): Promise<Work> {
  await installed()
  return size => run([...uploadOptions(partSize, atOnce), 'rcat', 'bench:bench/object'], endpoint, child => pipeline(source(size), child.stdin))
}

export async function rcloneUploadFile (endpoint: string, partSize: number, atOnce: number, fileOf: (size: number) => string): Promise<Work> {
  await installed()
  return size => run([...uploadOptions(partSize, atOnce), '--s3-no-head', '--ignore-checksum', '--no-check-dest', 'copyto', fileOf(size), 'bench:bench/object'], endpoint, async () => undefined)
}
