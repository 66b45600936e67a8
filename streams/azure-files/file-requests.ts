import type { ByteRange } from '../../lib/bytes/byte-range.ts'
import type { ContentHeaders, FileHeaders } from './headers.ts'
import type { RenameOptions } from './wire-copy.ts'
import type { FileProperties } from './wire-files.ts'

/** What every request may say. */
export interface FileRequest {
  /** Default: the client's. */
  share?: string
  path: string
  /** Of the lease under which the file is written; for reads it must match where it is given. */
  leaseId?: string
  signal?: AbortSignal
}

export interface CreateFileRequest extends FileRequest, FileHeaders {
  /** Bytes; reads as zeros until it is written. */
  size: number
  /**
   * Fails with a `ConflictError` (`FileAlreadyExists`) where the name is taken. The service replaces by itself, so the file
   * is made under another name and renamed without replacing: one of several creators wins. Default false: replaces.
   */
  ifAbsent?: boolean
}

export interface ReadFileRequest extends FileRequest {
  /** Both ends inside. */
  range?: ByteRange
  /** The most bytes that are taken into memory. Default 100 MiB. */
  limit?: number
}

export interface WriteFileRequest extends FileRequest, FileHeaders {
  data: Uint8Array | string
  /** Where to write, within the size of the file. Without it `data` becomes the whole content, and the file takes its length. */
  offset?: number
}

export interface CopyFileRequest {
  /** Default: the client's share. */
  sourceShare?: string
  sourcePath: string
  destShare?: string
  destPath: string
  /** Replaces the source's. */
  metadata?: Record<string, string>
  /** Of the destination. */
  leaseId?: string
  signal?: AbortSignal
}

export interface RenameFileRequest extends FileRequest, RenameOptions {
  /** The new path, in the same share. */
  to: string
}

export interface FileInfo {
  share: string
  path: string
  /** Bytes. */
  size: number
  etag: string
  lastModified: Date | undefined
  contentType: string | undefined
  metadata: Record<string, string>
}

export interface FileContent {
  data: Buffer
  properties: FileProperties
  etag: string
}

/** A missing `contentType` and the others are meant to be cleared by `replace: true` alone. */
export interface SetHttpHeadersRequest extends FileRequest, ContentHeaders {
  /** Clears the headers that are not given, in one request less. Default false: they are read first and kept. */
  replace?: boolean
}

/** What stands behind the bound form, and what a mock has to offer. */
export interface FileService {
  create (request: CreateFileRequest): Promise<FileInfo>
  read (request: ReadFileRequest): Promise<FileContent>
  write (request: WriteFileRequest): Promise<FileInfo>
  delete (request: FileRequest): Promise<void>
  getProperties (request: FileRequest): Promise<FileProperties>
}
