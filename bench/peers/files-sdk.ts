import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { pipeline } from 'node:stream/promises'
import type { Work } from '../harness/compare.ts'
import { sinkOf } from '../harness/source.ts'
import { CREDENTIALS } from './aws.ts'
import { importPeer } from './install.ts'

interface Files {
  upload (key: string, body: ReadableStream | Buffer, options?: { multipart: { partSize: number, concurrency: number } }): Promise<unknown>
  download (key: string, options: { as: 'stream' }): Promise<{ stream (): ReadableStream }>
  listAll (options: { prefix: string }): AsyncIterable<object>
}

async function open (endpoint: string): Promise<Files> {
  const { Files } = await importPeer<{ Files: new (options: { adapter: unknown }) => Files }>('files-sdk')
  const { s3 } = await importPeer<{ s3 (options: object): unknown }>('files-sdk/s3')
  return new Files({ adapter: s3({ bucket: 'bench', endpoint, region: 'auto', forcePathStyle: true, credentials: CREDENTIALS }) })
}

/** It takes Web streams, and sends them by `@aws-sdk/lib-storage`. */
export async function filesSdkUpload (endpoint: string, partSize: number, atOnce: number, source: (size: number) => Readable): Promise<Work> {
  const files = await open(endpoint)
  return size => files.upload('object', Readable.toWeb(source(size)), { multipart: { partSize, concurrency: atOnce } })
}

export async function filesSdkDownload (endpoint: string): Promise<Work> {
  const files = await open(endpoint)
  return async size => {
    const file = await files.download(`zeros-${size}`, { as: 'stream' })
    await pipeline(Readable.fromWeb(file.stream()), sinkOf(size))
  }
}

export async function filesSdkPut (endpoint: string, body: Buffer): Promise<(key: string) => Promise<unknown>> {
  const files = await open(endpoint)
  return key => files.upload(key, body)
}

export async function filesSdkList (endpoint: string): Promise<Work> {
  const files = await open(endpoint)
  return async keys => {
    let found = 0
    for await (const file of files.listAll({ prefix: `listed-${keys}/` })) if (file !== undefined) found++
    if (found !== keys) throw new Error(`${found} of ${keys} keys were listed`)
  }
}
