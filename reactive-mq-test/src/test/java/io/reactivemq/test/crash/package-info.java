/** Child processes that are killed with SIGKILL while they produce, and what must be found on their files afterwards. */
@NullMarked
package io.reactivemq.test.crash;

import org.jspecify.annotations.NullMarked;
