export default {
  rootDir: '..',
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.js' },
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/data/'],
  modulePathIgnorePatterns: ['<rootDir>/data/'],
  maxWorkers: 2,
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // Machines are small and shared; bounds on time belong to benchmarks.
  testTimeout: 60_000,
  // On a busy machine a process that has nothing open any more needs its time to end; one that has is still told of.
  workerGracefulExitTimeout: 5_000,
}
