import type { CreateFileRequest, FileContent, FileInfo, FileRequest, FileService, ReadFileRequest, WriteFileRequest } from './file-requests.ts'
import type { FileProperties } from './wire-files.ts'

/** The files of one share. */
export class ShareBoundFiles {
  readonly #files: FileService
  readonly #share: string

  constructor (files: FileService, share: string) {
    this.#files = files
    this.#share = share
  }

  create (path: string, size: number, options: Omit<CreateFileRequest, 'share' | 'path' | 'size'> = {}): Promise<FileInfo> {
    return this.#files.create({ ...options, share: this.#share, path, size })
  }

  read (path: string, options: Omit<ReadFileRequest, 'share' | 'path'> = {}): Promise<FileContent> {
    return this.#files.read({ ...options, share: this.#share, path })
  }

  write (path: string, data: Uint8Array | string, options: Omit<WriteFileRequest, 'share' | 'path' | 'data'> = {}): Promise<FileInfo> {
    return this.#files.write({ ...options, share: this.#share, path, data })
  }

  delete (path: string, options: Omit<FileRequest, 'share' | 'path'> = {}): Promise<void> {
    return this.#files.delete({ ...options, share: this.#share, path })
  }

  getProperties (path: string, options: Omit<FileRequest, 'share' | 'path'> = {}): Promise<FileProperties> {
    return this.#files.getProperties({ ...options, share: this.#share, path })
  }
}
