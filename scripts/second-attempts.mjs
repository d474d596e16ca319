/** A Vitest reporter: names the tests that passed at a second attempt only, so that what is unsteady is seen and mended. */
export default class SecondAttempts {
  names = [];

  onTestCaseResult(test) {
    if (test.diagnostic()?.flaky) this.names.push(`${test.module.relativeModuleId}: ${test.fullName}`);
  }

  onTestRunEnd() {
    for (const name of this.names) console.error(`Passed at a second attempt only: ${name}`);
  }
}
