import type { Encode, Library } from '@working-papers/library';

declare global {
  namespace App {
    interface Error {
      message: string;
      /** Papers that were perhaps meant. */
      near?: { slug: string; title: string }[];
    }
    interface PageData {
      /** The picture that a link to this page is shown with elsewhere: its path, and what it says in words. */
      preview?: { address: string; says: string };
    }
    interface Locals {
      /** The open library; the first call opens it. */
      shelf(): Promise<Library>;
      /** Whether this reader may start and cancel runs: holds the key that the terminal printed. */
      admin: boolean;
      /** Embeds a query in the encoder process; undefined while there is none. */
      encode: Encode;
    }
  }
}
