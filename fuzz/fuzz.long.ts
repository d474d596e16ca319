/** The fuzz tests with thousands of cases of a new seed each. */
import './api.test.ts';
import './inputs.test.ts';
import './models.test.ts';
import './page.test.ts';
import './search.test.ts';
import './templates.test.ts';
