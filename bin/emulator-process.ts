import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The emulator in a process of its own, so that what is measured here is the client alone. It ends when we do. */
export interface EmulatorProcess extends AsyncDisposable {
  /** What `R2.fromEnv()` reads. */
  env: Record<string, string>
}

export async function startEmulatorProcess (args: string[] = []): Promise<EmulatorProcess> {
  const child = fork(fileURLToPath(new URL('./sluice.js', import.meta.url)), ['emulate', ...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  const started = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  if (started === undefined) throw new Error(`Cannot start the emulator: it ended with code ${child.exitCode}`)
  return {
    env: started[0] as Record<string, string>,
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect()
      await exited
    }
  }
}
