import * as account from './account.ts'
import { getShareAcl, setShareAcl } from './acl.ts'
import type { Handler } from './call.ts'
import { abortCopyFile, copyFile } from './copy.ts'
import * as directories from './directories.ts'
import * as files from './files.ts'
import { leaseFile, leaseShare } from './leases.ts'
import { listDirectoriesAndFiles } from './listing.ts'
import type { Operation } from './operations.ts'
import { clearRange, listRanges, putRange, putRangeFromUrl } from './ranges.ts'
import { renameDirectory, renameFile } from './rename.ts'
import { createPermission, getPermission } from './security.ts'
import { listShares } from './share-listing.ts'
import * as shares from './shares.ts'

/** All that is implemented, by the name of the operation. */
export const HANDLERS: Readonly<Record<Operation, Handler>> = {
  ListShares: listShares,
  GetFileServiceProperties: account.getFileServiceProperties,
  SetFileServiceProperties: account.setFileServiceProperties,
  GetUserDelegationKey: account.getUserDelegationKey,
  CreateShare: shares.createShare,
  GetShareProperties: shares.getShareProperties,
  SetShareProperties: shares.setShareProperties,
  GetShareMetadata: shares.getShareMetadata,
  SetShareMetadata: shares.setShareMetadata,
  GetShareAcl: getShareAcl,
  SetShareAcl: setShareAcl,
  GetShareStats: shares.getShareStats,
  SnapshotShare: shares.snapshotShare,
  DeleteShare: shares.deleteShare,
  LeaseShare: leaseShare,
  CreatePermission: createPermission,
  GetPermission: getPermission,
  CreateDirectory: directories.createDirectory,
  GetDirectoryProperties: directories.getDirectoryProperties,
  SetDirectoryProperties: directories.setDirectoryProperties,
  GetDirectoryMetadata: directories.getDirectoryMetadata,
  SetDirectoryMetadata: directories.setDirectoryMetadata,
  DeleteDirectory: directories.deleteDirectory,
  ListDirectoriesAndFiles: listDirectoriesAndFiles,
  RenameDirectory: renameDirectory,
  CreateFile: files.createFile,
  GetFile: files.getFile,
  GetFileProperties: files.getFileProperties,
  SetFileProperties: files.setFileProperties,
  GetFileMetadata: files.getFileMetadata,
  SetFileMetadata: files.setFileMetadata,
  DeleteFile: files.deleteFile,
  PutRange: putRange,
  ClearRange: clearRange,
  PutRangeFromUrl: putRangeFromUrl,
  ListRanges: listRanges,
  CopyFile: copyFile,
  AbortCopyFile: abortCopyFile,
  RenameFile: renameFile,
  LeaseFile: leaseFile,
  ListHandles: account.listHandles,
  ForceCloseHandles: account.forceCloseHandles
}
