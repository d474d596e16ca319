import { error } from '@sveltejs/kit';

/** The fields of a form that was sent; a body that is none ends with 400 and a sentence. */
export async function sentForm(request: Request): Promise<FormData> {
  try {
    return await request.formData();
  } catch {
    error(400, 'The form did not come whole. Go back and send it again.');
  }
}
