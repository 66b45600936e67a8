import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import { GetObjectCommand, PutObjectCommand, S3Client, paginateListObjectsV2 } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import type { Work } from '../harness/compare.ts'
import { sinkOf } from '../harness/source.ts'

export const CREDENTIALS = { accessKeyId: 'bench', secretAccessKey: 'bench' }

/** With the SDK's own defaults: each part carries a CRC-32 and is signed. */
export function s3Client (endpoint: string, options: { requestChecksumCalculation?: 'WHEN_REQUIRED' } = {}): S3Client {
  return new S3Client({ endpoint, region: 'auto', forcePathStyle: true, credentials: CREDENTIALS, ...options })
}

export function awsUpload (endpoint: string, partSize: number, atOnce: number, source: (size: number) => Readable, options: { requestChecksumCalculation?: 'WHEN_REQUIRED' } = {}): Work {
  const client = s3Client(endpoint, options)
  return size => new Upload({ client, params: { Bucket: 'bench', Key: 'object', Body: source(size) }, partSize, queueSize: atOnce }).done()
}

export function awsUploadFile (endpoint: string, partSize: number, atOnce: number, fileOf: (size: number) => string): Work {
  return awsUpload(endpoint, partSize, atOnce, size => createReadStream(fileOf(size)))
}

export function awsDownload (endpoint: string): Work {
  const client = s3Client(endpoint)
  return async size => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'bench', Key: `zeros-${size}` }))
    await pipeline(Body as Readable, sinkOf(size))
  }
}

export function awsPut (endpoint: string, body: Buffer): (key: string) => Promise<unknown> {
  const client = s3Client(endpoint)
  return key => client.send(new PutObjectCommand({ Bucket: 'bench', Key: key, Body: body }))
}

export function awsList (endpoint: string): Work {
  const client = s3Client(endpoint)
  return async keys => {
    let found = 0
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: 'bench', Prefix: `listed-${keys}/` })) found += Contents.length
    if (found !== keys) throw new Error(`${found} of ${keys} keys were listed`)
  }
}
