/** The client option `simulation`. */

/** Passes all requests through, records them, or answers them from a recording. */
export type SimulationMode = 'disabled' | 'recording' | 'replay'

export interface RecordOptions {
  /** The folder of the recording: `<record>/interactions.json` and `<record>/content/<sha256>`. It is made when it is not there. */
  record: string
  /** Replaces a recording that is there. Without this and `append`, one that is there is an error. */
  overwrite?: boolean
  /** Goes on with a recording that is there. */
  append?: boolean
  /** `hash` keeps the SHA-256 of request bodies without their bytes. Default `keep`. */
  requestContent?: 'keep' | 'hash'
}

export interface ReplayOptions {
  /** The folder of a recording, or one file of the form of its `interactions.json`. */
  replay: string
  /** `recorded` waits as long as the service took, a number that many times as long. Default 0: no wait. */
  latency?: 'recorded' | number
}

/** Goes to the service, and leaves room for what every form takes. */
export interface PassOptions {
  record?: undefined
  replay?: undefined
}

/** `record` and `replay` alone take the folder `./recordings/<service>`. */
export type SimulationOptions = 'disabled' | 'record' | 'replay' | RecordOptions | ReplayOptions | PassOptions
