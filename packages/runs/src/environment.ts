/** What a run's process inherits of the worker's environment: everything but secrets that are not its business. */

/** The database's address, mail, sign-in, session and admin secrets. HF_TOKEN stays: models are opened in the child. */
const withheld =
  /^(DATABASE_URL|PG(PASSWORD|USER|HOST|PASSFILE)|SMTP_.*|MAIL_.*|BETTER_AUTH_.*|WORKING_PAPERS_KEY|.*_SECRET|.*_PASSWORD)$/i;

/** The withheld variables, emptied: to be laid over the worker's own environment. */
export function childEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(
    Object.keys(environment)
      .filter((name) => withheld.test(name))
      .map((name) => [name, '']),
  );
}
