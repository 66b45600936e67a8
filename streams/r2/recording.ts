/** How traffic of R2 is recorded and told apart. */
import type { GivenResponse } from '../../lib/simulation/recorder.ts'
import type { RecordedResponse } from '../../lib/simulation/recording-format.ts'
import type { RecordingProfile } from '../../lib/simulation/recording-profile.ts'

export const RECORDING: RecordingProfile = {
  service: 'r2',
  contents: { sent: ['put_object', 'upload_part'], received: ['get_object'] },
  headers: [
    'range', 'if-*', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-type', 'expires',
    'x-amz-copy-source*', 'cf-copy-destination-*', 'x-amz-meta-*', 'x-amz-metadata-directive', 'x-amz-storage-class'
  ]
}

/** The recorder of the document (R2A 3.4); `SimulationRecorder` is one. Operations in snake case, such as `put_object`. */
export interface R2Recorder {
  recordRequest (operation: string, bucket: string, key: string): void
  recordResponse (operation: string, bucket: string, key: string, response: GivenResponse, latencyMs: number): Promise<void>
}

/** The replayer of the document (R2A 3.4); `SimulationReplayer` is one. */
export interface R2Replayer {
  replayResponse (operation: string, bucket: string, key: string): RecordedResponse
}
