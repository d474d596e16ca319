/** The fuzz tests with ten times the cases, of a new seed each time. */
import './api.test.ts';
import './inputs.test.ts';
import './models.test.ts';
import './page.test.ts';
import './search.test.ts';
import './templates.test.ts';
