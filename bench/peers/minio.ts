import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Work } from '../harness/compare.ts'
import { sinkOf } from '../harness/source.ts'
import { importPeer } from './install.ts'

interface Client {
  putObject (bucket: string, key: string, body: Readable | Buffer, size?: number): Promise<unknown>
  fPutObject (bucket: string, key: string, path: string): Promise<unknown>
  getObject (bucket: string, key: string): Promise<Readable>
  listObjectsV2 (bucket: string, prefix: string, recursive: boolean): Readable
}

interface Minio { Client: new (options: { endPoint: string, port: number, useSSL: boolean, accessKey: string, secretKey: string, region: string, partSize?: number }) => Client }

async function open (endpoint: string, partSize?: number): Promise<Client> {
  const { Client } = await importPeer<Minio>('minio')
  const { hostname, port } = new URL(endpoint)
  return new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey: 'bench', secretKey: 'bench', region: 'auto', ...(partSize === undefined ? {} : { partSize }) })
}

/** The length is told: without it minio holds parts of 528 MiB. One part at a time is all that it can. */
export async function minioUpload (endpoint: string, partSize: number, source: (size: number) => Readable): Promise<Work> {
  const client = await open(endpoint, partSize)
  return size => client.putObject('bench', 'object', source(size), size)
}

export async function minioUploadFile (endpoint: string, partSize: number, fileOf: (size: number) => string): Promise<Work> {
  const client = await open(endpoint, partSize)
  return size => client.fPutObject('bench', 'object', fileOf(size))
}

export async function minioDownload (endpoint: string): Promise<Work> {
  const client = await open(endpoint)
  return async size => pipeline(await client.getObject('bench', `zeros-${size}`), sinkOf(size))
}

export async function minioPut (endpoint: string, body: Buffer): Promise<(key: string) => Promise<unknown>> {
  const client = await open(endpoint)
  return key => client.putObject('bench', key, body, body.length)
}

export async function minioList (endpoint: string): Promise<Work> {
  const client = await open(endpoint)
  return async keys => {
    let found = 0
    const entries = client.listObjectsV2('bench', `listed-${keys}/`, true)
    entries.on('data', () => { found++ })
    await once(entries, 'end')
    if (found !== keys) throw new Error(`${found} of ${keys} keys were listed`)
  }
}
