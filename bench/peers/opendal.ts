import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Work } from '../harness/compare.ts'
import { sinkOf } from '../harness/source.ts'
import { importPeer } from './install.ts'

interface Operator {
  writer (path: string, options: { chunk: bigint, concurrent: number }): Promise<{ createWriteStream (): Writable }>
  reader (path: string, options?: { chunk?: number, concurrent?: number }): Promise<{ createReadStream (): Readable }>
  write (path: string, content: Buffer): Promise<unknown>
  lister (path: string, options: { recursive: boolean }): Promise<{ next (): Promise<object | null> }>
}

interface OpenDal { Operator: new (service: string, options: Record<string, string>) => Operator }

async function open (endpoint: string): Promise<Operator> {
  const { Operator } = await importPeer<OpenDal>('opendal')
  return new Operator('s3', { endpoint, bucket: 'bench', region: 'auto', access_key_id: 'bench', secret_access_key: 'bench', disable_config_load: 'true', disable_ec2_metadata: 'true' })
}

export async function opendalUpload (endpoint: string, partSize: number, atOnce: number, source: (size: number) => Readable): Promise<Work> {
  const operator = await open(endpoint)
  return async size => pipeline(source(size), (await operator.writer('object', { chunk: BigInt(partSize), concurrent: atOnce })).createWriteStream())
}

export async function opendalDownload (endpoint: string, options: { chunk?: number, concurrent?: number }): Promise<Work> {
  const operator = await open(endpoint)
  return async size => pipeline((await operator.reader(`zeros-${size}`, options)).createReadStream(), sinkOf(size))
}

export async function opendalPut (endpoint: string, body: Buffer): Promise<(key: string) => Promise<unknown>> {
  const operator = await open(endpoint)
  return key => operator.write(key, body)
}

export async function opendalList (endpoint: string): Promise<Work> {
  const operator = await open(endpoint)
  return async keys => {
    const lister = await operator.lister(`listed-${keys}/`, { recursive: true })
    let found = 0
    while (await lister.next() !== null) found++
    if (found !== keys) throw new Error(`${found} of ${keys} keys were listed`)
  }
}
