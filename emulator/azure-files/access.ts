/**
 * What a shared access signature must allow for each operation. Wire: the tables of
 * https://learn.microsoft.com/rest/api/storageservices/create-account-sas and …/create-service-sas
 */
import type { Operation } from './operations.ts'

export interface Need {
  /** Of `srt`: service, container (share), object (file or directory). */
  resource: 's' | 'c' | 'o'
  /** One of these letters. */
  permissions: string
  /** Whether a service SAS can do it at all. */
  service: boolean
}

function need (resource: Need['resource'], permissions: string): Need {
  return { resource, permissions, service: resource === 'o' }
}

/** Undefined: with the account's key or a token only. */
export const NEEDS: Readonly<Record<Operation, Need | undefined>> = {
  ListShares: need('s', 'l'),
  GetFileServiceProperties: need('s', 'r'),
  SetFileServiceProperties: need('s', 'w'),
  GetUserDelegationKey: undefined,
  CreateShare: need('c', 'cw'),
  GetShareProperties: need('c', 'r'),
  SetShareProperties: need('c', 'w'),
  GetShareMetadata: need('c', 'r'),
  SetShareMetadata: need('c', 'w'),
  GetShareAcl: undefined,
  SetShareAcl: undefined,
  GetShareStats: need('c', 'r'),
  SnapshotShare: need('c', 'cw'),
  DeleteShare: need('c', 'd'),
  LeaseShare: need('c', 'wd'),
  CreatePermission: need('c', 'cw'),
  GetPermission: need('c', 'r'),
  CreateDirectory: need('o', 'cw'),
  GetDirectoryProperties: need('o', 'r'),
  SetDirectoryProperties: need('o', 'w'),
  GetDirectoryMetadata: need('o', 'r'),
  SetDirectoryMetadata: need('o', 'w'),
  DeleteDirectory: need('o', 'd'),
  ListDirectoriesAndFiles: { resource: 'c', permissions: 'l', service: true },
  RenameDirectory: need('o', 'w'),
  CreateFile: need('o', 'cw'),
  GetFile: need('o', 'r'),
  GetFileProperties: need('o', 'r'),
  SetFileProperties: need('o', 'w'),
  GetFileMetadata: need('o', 'r'),
  SetFileMetadata: need('o', 'w'),
  DeleteFile: need('o', 'd'),
  PutRange: need('o', 'w'),
  ClearRange: need('o', 'w'),
  PutRangeFromUrl: need('o', 'w'),
  ListRanges: need('o', 'r'),
  CopyFile: need('o', 'cw'),
  AbortCopyFile: need('o', 'w'),
  RenameFile: need('o', 'w'),
  LeaseFile: need('o', 'wd'),
  ListHandles: need('o', 'l'),
  ForceCloseHandles: need('o', 'w')
}

export function allows (granted: string, wanted: string): boolean {
  return [...wanted].some(letter => granted.includes(letter))
}
