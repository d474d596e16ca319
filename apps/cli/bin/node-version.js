/** The oldest Node that works, as `engines` in package.json says. Runs on any Node that knows modules. */
const [oldestMajor, oldestMinor] = [20, 19];

/** A sentence when a version of Node, that of this process, is too old. */
export function nodeProblem(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return `Working Papers needs Node ${oldestMajor}.${oldestMinor} or newer; this is ${version}. Install a current release of Node and run the command again.`;
}
