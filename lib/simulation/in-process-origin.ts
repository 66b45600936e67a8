/**
 * Where the services of the emulator are found inside this process. Plain HTTP is for loopback hosts only; no request to
 * this one leaves the process, and no resolver knows it.
 */
export const IN_PROCESS_ORIGIN = 'http://in-process.localhost'
