/** What dispatchers of simulation know of a request beside its bytes, so that none of them takes URLs apart. */
import type { Dispatcher } from 'undici'

export interface DispatchSubject {
  /** The cloud, as its folder of recordings is called: `r2`, `onedrive`, `azure-files`. */
  service: string
  /** In snake case, as in the public API of the documents: `put_object`, `upload_small`. */
  operation: string
  /** What is being done, for messages: `put "videos/a.mp4"`. */
  action: string
}

const SUBJECT = Symbol.for('sluice.dispatchSubject')
const ANSWER_LOST = Symbol.for('sluice.answerLost')

interface SimulatedOptions extends Dispatcher.DispatchOptions {
  [SUBJECT]?: DispatchSubject
  [ANSWER_LOST]?: true
}

/** The options themselves, with their subject, which spreading them keeps. */
export function withSubject<T extends Dispatcher.DispatchOptions> (options: T, subject: DispatchSubject | undefined): T {
  if (subject !== undefined) (options as SimulatedOptions)[SUBJECT] = subject
  return options
}

/** Nothing for requests that are not ours, nor for those that get tokens. */
export function subjectOf (options: Dispatcher.DispatchOptions): DispatchSubject | undefined {
  return (options as SimulatedOptions)[SUBJECT]
}

/** Says that nobody will hear the answer: a replayer gives it again to the next try. */
export function withAnswerLost<T extends Dispatcher.DispatchOptions> (options: T): T {
  return { ...options, [ANSWER_LOST]: true }
}

export function isAnswerLost (options: Dispatcher.DispatchOptions): boolean {
  return (options as SimulatedOptions)[ANSWER_LOST] === true
}
