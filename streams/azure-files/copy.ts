/** Copies on the server, which may answer before they are done: then their state is asked for until they are. */
import { StorageError } from '../../lib/errors.ts'
import type { AzureFilesConnection } from './connection.ts'
import type { Target } from './names.ts'
import { withParents } from './parents.ts'
import { quote } from './wire.ts'
import { copyFile } from './wire-copy.ts'
import type { CopyOptions, CopyStatus } from './wire-copy.ts'
import { getFileProperties } from './wire-files.ts'
import type { CopyProgress, FileProperties } from './wire-files.ts'

export interface ServerCopyOptions extends CopyOptions {
  signal?: AbortSignal | undefined
}

export interface WaitForCopyOptions {
  leaseId?: string | undefined
  /** Between two looks; doubles up to 10 s. Default 500. */
  pollMs?: number | undefined
  onProgress?: ((progress: CopyProgress) => void) | undefined
  signal?: AbortSignal | undefined
}

/** Replaces the destination; missing directories above it are made. `pending` where the copy goes on behind the answer. */
export async function startCopy (connection: AzureFilesConnection, source: Target | URL, target: Target, options: ServerCopyOptions = {}): Promise<CopyStatus> {
  const { copyId, status } = await withParents(connection, target, () => connection.execute(copyFile(source, target, options), options), options)
  return status === 'success' ? { status, copyId } : { status: 'pending', copyId }
}

export async function copyStatus (connection: AzureFilesConnection, target: Target, copyId: string, options: WaitForCopyOptions = {}): Promise<CopyStatus> {
  const { copy } = await connection.execute(getFileProperties(target, options), options)
  if (copy === undefined || (copyId !== '' && copy.id !== copyId)) {
    throw new StorageError(`Cannot follow the copy to ${quote(target.path)} as the file was changed meanwhile`, { code: 'CopyOverwritten', operation: 'GetFileProperties' })
  }
  options.onProgress?.(copy)
  return statusOf(copy)
}

function statusOf ({ id: copyId, status, copied, total, reason }: CopyProgress): CopyStatus {
  switch (status) {
    case 'success': return { status, copyId }
    case 'aborted': return { status, copyId }
    case 'failed': return { status, copyId, reason: reason ?? 'the service gives no reason' }
    default: return { status: 'pending', copyId, copied, total }
  }
}

/** Resolves when the copy is `success`, `aborted` or `failed`. */
export async function waitForCopy (connection: AzureFilesConnection, target: Target, copyId: string, options: WaitForCopyOptions = {}): Promise<CopyStatus> {
  for (let waitMs = options.pollMs ?? 500; ; waitMs = Math.min(waitMs * 2, 10_000)) {
    const status = await copyStatus(connection, target, copyId, options)
    if (status.status !== 'pending') return status
    await connection.clock.sleep(waitMs, options.signal)
  }
}

/** The whole way: start, wait, and the properties of the new file. @throws {StorageError} `CopyFailed`, `CopyAborted` */
export async function copyOnServer (connection: AzureFilesConnection, source: Target | URL, target: Target, options: ServerCopyOptions & WaitForCopyOptions = {}): Promise<FileProperties> {
  const started = await startCopy(connection, source, target, options)
  const ended = started.status === 'pending' ? await waitForCopy(connection, target, started.copyId, options) : started
  if (ended.status === 'success') return await connection.execute(getFileProperties(target, options), options)
  const [code, why] = ended.status === 'failed' ? ['CopyFailed', ended.reason] : ['CopyAborted', 'somebody aborted it']
  throw new StorageError(`Cannot copy to ${quote(target.path)}: ${why}`, { code, operation: 'CopyFile' })
}
