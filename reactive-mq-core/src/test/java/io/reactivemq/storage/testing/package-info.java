/** Test doubles of the storage seam. */
@NullMarked
package io.reactivemq.storage.testing;

import org.jspecify.annotations.NullMarked;
