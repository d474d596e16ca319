/** The fuzz tests with all of their cases (most have 1,000), of a new seed each time. */
import './api.test.ts';
import './formats.test.ts';
import './inputs.test.ts';
import './models.test.ts';
import './page.test.ts';
import './search.test.ts';
import './templates.test.ts';
import './tokenizers.test.ts';
