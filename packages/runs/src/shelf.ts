/** Where library and methods meet: the descriptors, with the evidence that ships with them, registered on the shelf. */
import { type Library, type PaperRegistration, type RegistrationReport, registerPapers } from '@working-papers/library';
import { loadDescriptors, loadEvidence, registrationOf } from '@working-papers/methods';
import { judgeAnew } from './evidence.ts';

/** Every descriptor as the library takes it: plain data, claims with their shipped evidence, plots with the lead first. */
export async function registrationsOf(): Promise<PaperRegistration[]> {
  const methods = await loadDescriptors();
  return Promise.all(
    methods.map(async (method) => {
      const evidence = await loadEvidence(method.slug);
      const { needs: _, ...registration } = registrationOf(method);
      const plots = [...evidence.plots].sort((a, b) => Number(b.lead ?? false) - Number(a.lead ?? false));
      // Descriptors are typed more narrowly than the plain records that the library stores.
      return {
        ...registration,
        claims: registration.claims.map((claim) => ({ ...claim, evidence: evidence.claims[claim.id] })),
        plots: plots.map((plot) => plot.file),
      } as unknown as PaperRegistration;
    }),
  );
}

/** Registers all papers that have a descriptor and judges this instance's evidence by their rules; safe to repeat, before or after an import. */
export async function registerMethods(library: Library): Promise<RegistrationReport> {
  const report = await registerPapers(library, await registrationsOf());
  await judgeAnew(library);
  return report;
}
