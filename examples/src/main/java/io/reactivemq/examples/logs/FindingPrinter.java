package io.reactivemq.examples.logs;

import io.reactivemq.log.LogFinding;
import io.reactivemq.log.LogInspector;
import java.io.PrintWriter;

/** Prints what is not as it should be. */
class FindingPrinter implements LogInspector.Visitor {

    final PrintWriter out;

    FindingPrinter(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void finding(LogFinding finding) {
        out.println(finding);
    }
}
