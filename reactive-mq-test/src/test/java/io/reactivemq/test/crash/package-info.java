/**
 * What is left after a crash. {@code KillTest}: child processes that are killed with SIGKILL while they produce, and what must be found on
 * their files. {@code LogCrashStatesTest}: lives of a log ({@code LogLife}) beside an account of what it promised ({@code Ledger}), and
 * every disk that a loss of power could leave of them ({@code CrashRun}); {@code PlantedBugsTest} shows that the same finds mistakes. {@code
 * CompactionCrashStatesTest} and {@code RepairCrashStatesTest} do it for logs that are compacted and repaired.
 */
@NullMarked
package io.reactivemq.test.crash;

import org.jspecify.annotations.NullMarked;
