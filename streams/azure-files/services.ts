/** What each service offers, without its inside: for mocks, fakes and wrappers. `FileService` is with its requests. */
import type { AzureDirectoryService } from './directories.ts'
import type { AzureLeases } from './leases.ts'
import type { AzureShareService } from './shares.ts'
import type { AzureStreaming } from './streaming.ts'

/** A class as an interface, which others can implement too. */
type Public<T> = Pick<T, keyof T>

export type DirectoryService = Public<AzureDirectoryService>
export type LeaseService = Public<AzureLeases>
export type ShareService = Public<AzureShareService>
export type StreamingService = Public<AzureStreaming>
