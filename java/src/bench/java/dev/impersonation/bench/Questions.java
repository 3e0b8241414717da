package dev.impersonation.bench;

import io.trino.spi.security.Identity;

/**
 * The next few questions of one thread.
 */
final class Questions
{
    /** How many are asked in a row. Their names are in the processor's cache then, as those are that a server has just read from a header. */
    static final int BATCH = 64;

    private final Names names;
    private final Identity[] impersonators = new Identity[BATCH];
    private final String[] targets = new String[BATCH];
    private int next;

    /**
     * @param share of the row at which this thread begins, so that no two are at the same place
     */
    Questions(Names names, double share)
    {
        this.names = names;
        next = (int) (names.count() * share);
    }

    /**
     * @return a number that depends on every name, so that reading them is not left out
     */
    int draw()
    {
        int seen = 0;
        for (int index = 0; index < BATCH; index++) {
            impersonators[index] = names.impersonator(next);
            targets[index] = names.target(next);
            seen += impersonators[index].getUser().charAt(Names.LENGTH - 1) + targets[index].charAt(Names.LENGTH - 1);
            next++;
        }
        return seen;
    }

    Identity impersonator(int index)
    {
        return impersonators[index];
    }

    String target(int index)
    {
        return targets[index];
    }
}
