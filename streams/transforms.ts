/** Transforms that know no cloud. */
export { chunker, Chunker, type ChunkerOptions } from './chunker.ts'
export { alignedChunker, AlignedChunker, FRAGMENT_MULTIPLE, type AlignedChunkerOptions } from './aligned-chunker.ts'
export { digest, DigestTransform, type DigestOptions, type Digests } from './digest.ts'
export { recordingTee, RecordingTee, type RecordingTeeOptions, type StoredContent } from './recording-tee.ts'
export { meter, Meter, type MeterOptions, type Progress } from './meter.ts'
export { spool, Spool, type SpoolOptions, type SpoolStreamOptions } from './spool.ts'
export { throttle, Throttle, type ThrottleOptions } from './throttle.ts'

export type { DigestAlgorithm } from '../lib/digest/digest.ts'
export { FolderContentStore, type ContentEntry, type ContentStore } from '../lib/simulation/content-store.ts'
