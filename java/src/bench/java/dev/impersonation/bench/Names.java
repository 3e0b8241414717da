package dev.impersonation.bench;

import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * A row of questions who may act as whom, a power of two of them. Both names are drawn by Zipf's law, the same ones in every run: the user of rank n takes part in
 * proportion to 1/n, as in most logs of who does what. The benches of the engine draw alike, see {@code rust/benches/support/requests.rs}.
 */
final class Names
{
    /** All names have this length. */
    static final int LENGTH = 21;

    private static final int MOST_SERVICES = 100;
    private static final int FEWEST_QUESTIONS = 256;
    private static final int MOST_QUESTIONS = 1 << 20;
    private static final long SEED = 4;

    private final Identity[] impersonators;
    private final String[] targets;
    private final int[] impersonatorOf;
    private final int[] targetOf;

    private Names(int users, int people, IntFunction<String> impersonator)
    {
        int count = Math.min(Math.max(Integer.highestOneBit(users) * 2, FEWEST_QUESTIONS), MOST_QUESTIONS);
        impersonators = IntStream.range(0, services(users)).mapToObj(impersonator).map(Names::identity).toArray(Identity[]::new);
        targets = IntStream.range(0, people).mapToObj(Names::person).toArray(String[]::new);
        impersonatorOf = new int[count];
        targetOf = new int[count];
        SplittableRandom random = new SplittableRandom(SEED);
        double[] impersonatorShares = shares(impersonators.length);
        double[] targetShares = shares(people);
        for (int number = 0; number < count; number++) {
            impersonatorOf[number] = rank(impersonatorShares, random);
            targetOf[number] = scattered(rank(targetShares, random), people);
        }
    }

    /**
     * Service accounts, which may impersonate, want to be people.
     */
    static Names ofServices(int users)
    {
        return new Names(users, users - services(users), Names::service);
    }

    /**
     * People want to be other people.
     */
    static Names ofPeople(int users)
    {
        int others = users - 2 * services(users);
        return new Names(users, others, number -> person(others + number));
    }

    int count()
    {
        return targetOf.length;
    }

    /**
     * Begins again after the last.
     */
    Identity impersonator(int number)
    {
        return impersonators[impersonatorOf[number & (count() - 1)]];
    }

    String target(int number)
    {
        return targets[targetOf[number & (count() - 1)]];
    }

    private static int services(int users)
    {
        return Math.min(Math.max(users / 10, 1), MOST_SERVICES);
    }

    private static String service(int number)
    {
        return "svc_%04d@corp.example".formatted(number);
    }

    private static String person(int number)
    {
        return "p%07d@corp.example".formatted(number);
    }

    /**
     * As Trino's authenticators make it.
     */
    private static Identity identity(String user)
    {
        return Identity.forUser(user).withPrincipal(new BasicPrincipal(user)).build();
    }

    /**
     * For each rank the share of all draws up to it.
     */
    private static double[] shares(int count)
    {
        double[] shares = new double[count];
        double sum = 0;
        for (int rank = 1; rank <= count; rank++) {
            sum += 1.0 / rank;
            shares[rank - 1] = sum;
        }
        for (int rank = 0; rank < count; rank++) {
            shares[rank] /= sum;
        }
        return shares;
    }

    private static int rank(double[] shares, SplittableRandom random)
    {
        int found = Arrays.binarySearch(shares, random.nextDouble());
        return Math.min(found < 0 ? -found - 1 : found + 1, shares.length - 1);
    }

    /**
     * Takes neighbours in rank apart: who is often asked for was not made one after the other.
     */
    private static int scattered(int rank, int count)
    {
        // A prime above every count, so that no two ranks meet.
        return (int) (rank * 15_485_863L % count);
    }
}
