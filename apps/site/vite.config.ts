import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

const rooms = ['graph', 'runtime', 'measures', 'models', 'training', 'methods', 'library', 'runs'].map(
  (room) => `@working-papers/${room}`,
);

export default defineConfig({
  plugins: [sveltekit()],
  // Fonts stay files, which the content security policy asks for.
  build: { assetsInlineLimit: 0 },
  // Workspace code would otherwise be copied into the build and look for its neighbours there.
  ssr: { external: rooms },
});
